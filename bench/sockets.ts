// `npm run bench:sockets`: what open sockets with a session cost the process that has them, over the same sockets without. See docs/performance.md.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { RedisSessionStore } from '../src/index.js';
import { Sessions } from '../src/session/sessions.js';
import { TEST_SECRET } from '../test/support/create-app.js';
import { signedCookie } from '../test/support/signed-cookie.js';
import { startRedis, type RedisServer } from '../test/support/start-redis.js';
import { sampleSession } from './app/sample-session.js';
import type { SocketOrder, SocketUsage } from './app/socket-order.js';
import { describeEnvironment, summaryOf } from './report/environment.js';
import { saveResult } from './report/result-file.js';
import { number, textTable } from './report/text-table.js';
import { createSessions } from './stored-sessions.js';

const SOCKETS = 5_000;
const BYTES = 350;
const AT_ONCE = 50;
/** Four intervals of the default `store.recheckAfter`. */
const IDLE_MS = 60_000;
const GOALS = { bytes: 3_072, core: 0.02 };
const SERVER = fileURLToPath(new URL('app/socket-server.js', import.meta.url));

type Close = () => void;

const CONNECT: Record<SocketOrder['kind'], (origin: string, cookie: string) => Promise<Close>> = {
  async ws(origin, cookie) {
    const socket = new WebSocket(origin.replace('http', 'ws'), { headers: { cookie } });
    await once(socket, 'open');
    return () => socket.terminate();
  },
  async 'socket.io'(origin, cookie) {
    const socket = io(origin, { transports: ['websocket'], forceNew: true, reconnection: false, extraHeaders: { cookie } });
    await new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('connect_error', reject);
    });
    return () => socket.disconnect();
  },
};

/** What each socket takes of the heap, and all of them together of one core while nothing happens. */
interface Cost {
  readonly bytes: number;
  readonly core: number;
}

async function ask(server: ChildProcess): Promise<SocketUsage> {
  const answer = once(server, 'message') as Promise<[SocketUsage]>;
  server.send('usage');
  return (await answer)[0];
}

async function measure(redis: RedisServer, order: Pick<SocketOrder, 'kind' | 'withSessions'>, cookies: readonly string[]): Promise<Cost> {
  const whole: SocketOrder = { redis: `${redis.url}?commandTimeout=10000`, secret: TEST_SECRET, ...order };
  const server = fork(SERVER, [JSON.stringify(whole)], { execArgv: ['--expose-gc'] });
  try {
    const [{ origin }] = (await once(server, 'message')) as [{ origin: string }];
    // What is made once is there before.
    const warm = await Promise.all(cookies.slice(0, AT_ONCE).map((cookie) => CONNECT[order.kind](origin, cookie)));
    for (const close of warm) close();
    await sleep(2_000);
    const before = await ask(server);
    const open: Close[] = [];
    for (let start = 0; start < cookies.length; start += AT_ONCE)
      open.push(...(await Promise.all(cookies.slice(start, start + AT_ONCE).map((cookie) => CONNECT[order.kind](origin, cookie)))));
    // Each session was looked at, and its record is the latest one.
    await sleep(IDLE_MS / 2);
    const opened = await ask(server);
    await sleep(IDLE_MS);
    const idle = await ask(server);
    if (order.withSessions && idle.watched !== cookies.length)
      throw new Error(`${idle.watched} sessions are watched, and should be ${cookies.length}.`);
    for (const close of open) close();
    return { bytes: (opened.heap - before.heap) / cookies.length, core: idle.cpu };
  } finally {
    server.kill();
  }
}

const redis = await startRedis();
try {
  const environment = await describeEnvironment(redis, process.versions, ['@nestjs/websockets', 'socket.io', 'ws']);
  console.log(`${summaryOf(environment)}\n`);
  const sessions = Sessions.of(new RedisSessionStore(redis.client()));
  const sids = await createSessions(sessions, SOCKETS, (user) => sampleSession(user, BYTES));
  const cookies = sids.map((sid) => signedCookie(sid));
  const rows: { kind: string; without: Cost; withSessions: Cost }[] = [];
  for (const kind of ['ws', 'socket.io'] as const)
    rows.push({
      kind,
      without: await measure(redis, { kind, withSessions: false }, cookies),
      withSessions: await measure(redis, { kind, withSessions: true }, cookies),
    });
  const judged = (value: number, limit: number) => (value <= limit ? 'reached' : 'NOT REACHED');
  console.log(
    textTable(
      [`${number(SOCKETS)} sockets`, 'heap bytes each, without', 'ours', 'goal', '', '% of a core, without', 'ours', 'goal', ''],
      rows.map(({ kind, without, withSessions }) => {
        const bytes = withSessions.bytes - without.bytes;
        const core = withSessions.core - without.core;
        return [
          kind,
          number(without.bytes),
          number(bytes),
          `<= ${number(GOALS.bytes)}`,
          judged(bytes, GOALS.bytes),
          number(without.core * 100, 2),
          number(core * 100, 2),
          `<= ${number(GOALS.core * 100)}`,
          judged(core, GOALS.core),
        ];
      }),
    ),
  );
  console.log(`\n${await saveResult('sockets', { environment, sockets: SOCKETS, bytes: BYTES, rows }, { isWhole: true })}`);
} finally {
  await redis.stop();
}
