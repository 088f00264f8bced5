import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { RedisServer } from '../../test/support/start-redis.js';

const PACKAGES = ['@nestjs/core', 'ioredis', 'autocannon'] as const;
/** A load average that leaves the two cores that a run needs to others. */
const BUSY = 0.7;

/** On what something was measured. */
export interface Environment {
  readonly date: string;
  readonly revision: string;
  readonly machine: string;
  /** That the servers ran with. */
  readonly node: string;
  readonly v8: string;
  readonly redis: string;
  readonly packages: Readonly<Record<string, string>>;
  /** Load average of the last minute, before the run. */
  readonly load: number;
}

interface NodeVersions {
  readonly node: string;
  readonly v8: string;
}

/** @param packages others than those that every benchmark has */
export async function describeEnvironment(
  redis: RedisServer,
  { node, v8 }: NodeVersions,
  packages: readonly string[],
): Promise<Environment> {
  const [cpu] = os.cpus();
  return {
    date: new Date().toISOString(),
    revision: gitRevision(),
    machine: `${os.cpus().length} x ${cpu?.model ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()} ${os.arch()}`,
    node,
    v8,
    redis: /^redis_version:(\S+)/m.exec(await redis.client().info('server'))?.[1] ?? 'unknown',
    packages: Object.fromEntries([...PACKAGES, ...packages].map((name) => [name, versionOf(name)])),
    load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function summaryOf({ revision, machine, node, v8, redis, packages }: Environment): string {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return `${machine}\nnode ${node} (V8 ${v8}), redis ${redis}, ${versions.join(', ')}\nrevision ${revision}`;
}

/** `undefined` when nothing else seems to have been running. */
export function loadWarning({ load }: Environment): string | undefined {
  if (load < BUSY) return undefined;
  return `The machine was busy before the run (load average ${load}): take ratios for hints and the rest for noise.`;
}

function gitRevision(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', 'src') === '' ? '' : ' with changes in src');
  } catch {
    return 'unknown';
  }
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')) as { version: string };
  return version;
}
