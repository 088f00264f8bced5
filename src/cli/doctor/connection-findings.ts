import { connectionWarnings } from '../../redis/client/connection-warnings.js';
import type { RedisNode } from '../../redis/inspection/redis-node.js';
import type { Target } from '../connection.js';
import type { Finding } from './finding.js';

const QUESTIONS = 20;
/** In ms. The client gives a command 500 ms, and a page asks more than once. */
const FAR = 100;
/** In ms. */
const CLOCKS_APART = 5_000;

/** How far away Redis is, and its clock. */
export interface Distance {
  /** The shortest of several round trips in ms: what the network takes, whatever Redis and this machine are busy with. */
  readonly latencyMs: number;
  /** By how many ms the clock of Redis is ahead of the one here. */
  readonly clockDifferenceMs: number;
}

export async function distanceTo(node: RedisNode): Promise<Distance> {
  let nearest: Distance = { latencyMs: Infinity, clockDifferenceMs: 0 };
  for (let n = 0; n < QUESTIONS; n++) {
    const [begunAt, wall] = [performance.now(), Date.now()];
    const [seconds, microseconds] = (await node.ask('TIME')) as [string, string];
    const latencyMs = performance.now() - begunAt;
    const redisNow = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    if (latencyMs < nearest.latencyMs) nearest = { latencyMs, clockDifferenceMs: redisNow - (wall + latencyMs / 2) };
  }
  return nearest;
}

export function distanceFindings({ latencyMs, clockDifferenceMs }: Distance): Finding[] {
  const found: Finding[] = [];
  if (latencyMs > FAR)
    found.push({
      id: 'far',
      severity: 'warning',
      what: `An answer of Redis takes ${Math.round(latencyMs)} ms at best.`,
      means: 'Each request that reads a session waits that long, and one that changes it twice.',
      type: ['Run Redis in the network of the application.'],
    });
  if (Math.abs(clockDifferenceMs) - latencyMs / 2 > CLOCKS_APART)
    found.push({
      id: 'clocks-apart',
      severity: 'warning',
      what: `The clock of Redis is ${Math.round(Math.abs(clockDifferenceMs) / 1_000)} s ${clockDifferenceMs > 0 ? 'ahead of' : 'behind'} the one here.`,
      means:
        'Sessions end by the clock of Redis, so nothing breaks; times that you show, and the Expires of cookies, are wrong by as much.',
      type: ['timedatectl set-ntp true   # on the machine whose clock is wrong'],
    });
  return found;
}

export function exposureFindings(target: Target): Finding[] {
  return connectionWarnings(target).map((text) => ({
    id: 'unprotected',
    severity: 'warning',
    what: text.replace('"redis" asks for it', 'you ask for it').split(': ')[0] + '.',
    means: 'Anybody on the network between, or anybody who reaches its port, can read and change sessions.',
    type: ['redis-cli ACL SETUSER shop …   # docs/redis-setup.md, "The Redis user"', 'export REDIS_URL=rediss://shop@HOST:PORT'],
  }));
}
