import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { RedisSessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { Connections, emitted, PATIENT, untilStatus } from '../support/connections.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

const PASSWORD = 'a-password';
/** In ms. The client's own next attempt comes after all tests have ended. */
const NEVER = 600_000;
const NOBODY = 'x'.repeat(54) as Sid;

/** In ms, the client's own pause before its next attempt. */
let pause = NEVER;
beforeEach(() => {
  pause = NEVER;
});

const connections = new Connections();
const own: Redis[] = [];
afterEach(() => {
  for (const client of own.splice(0)) client.disconnect();
});

/** Ways to have a client, and a store that uses it. */
const clients: readonly [string, (port: number) => Promise<Redis>][] = [
  [
    'a client of ours',
    async (port) => {
      const redis = { host: '127.0.0.1', port, password: PASSWORD, connectTimeout: NEVER, retryStrategy: () => pause, ...PATIENT };
      return (await connections.ready(redis)) as Redis;
    },
  ],
  ['a client of the application', (port) => application(Redis, port)],
  // Of its types, those that are used here are the same.
  ['a client of ioredis 5', (port) => application(Redis5 as unknown as typeof Redis, port)],
];
async function application(Client: typeof Redis, port: number): Promise<Redis> {
  const client = new Client({ host: '127.0.0.1', port, password: PASSWORD, connectTimeout: NEVER, retryStrategy: () => pause });
  client.on('error', () => undefined);
  own.push(client);
  await untilStatus(client, 'ready');
  return client;
}

test('when Redis comes up after the application, a client is ready before its own next attempt', async () => {
  const server = await startRedis();
  const proxy = await startProxy(server.port);
  await proxy.cut();
  const { client } = await connections.open({ host: '127.0.0.1', port: proxy.port, retryStrategy: () => NEVER });
  await emitted(client, 'reconnecting');
  await proxy.heal();
  await untilStatus(client, 'ready');
  await proxy.stop();
  await server.stop();
});

describe.each(clients)('when Redis is back, %s', (_, connect) => {
  let server: RedisServer;
  let proxy: ChaosProxy;
  let client: Redis;
  let store: IndexedSessions;
  beforeAll(async () => {
    server = await startRedis({ password: PASSWORD });
  });
  beforeEach(async () => {
    proxy = await startProxy(server.port);
    client = await connect(proxy.port);
    store = sessionsOf(new RedisSessionStore(client, { logErrors: false }));
  });
  afterEach(async () => {
    await server.client().config('SET', 'requirepass', PASSWORD);
    await proxy.stop();
  });
  afterAll(() => server.stop());

  /** How many attempts to connect have come, of anybody. */
  const attempts = (count: number) => {
    const { accepted } = proxy;
    return until(() => proxy.accepted >= accepted + count, 'somebody has tried to connect');
  };

  test('is ready before its own next attempt, where connections were refused', async () => {
    const lost = emitted(client, 'reconnecting');
    await proxy.cut();
    await lost;
    await proxy.heal();
    await untilStatus(client, 'ready');
    expect(await store.load(NOBODY)).toBeUndefined();
  });

  test('is ready before its own attempt ends, where nothing ever comes back of that', async () => {
    proxy.stall();
    pause = 0;
    const begun = emitted(client, 'connect');
    client.stream.destroy();
    await begun;
    pause = NEVER;
    const healed = proxy.heal();
    proxy.stallAnswers();
    await healed;
    await untilStatus(client, 'ready');
    expect(await store.load(NOBODY)).toBeUndefined();
  });

  test('is not asked to try while Redis refuses it, and is ready when it no longer does', async () => {
    const lost = emitted(client, 'reconnecting');
    await server.client().config('SET', 'requirepass', 'another');
    await proxy.cut();
    await lost;
    await proxy.heal();
    let tries = 0;
    client.on('connecting', () => tries++);
    await attempts(3);
    expect([client.status, tries]).toEqual(['reconnecting', 0]);
    await server.client().config('SET', 'requirepass', PASSWORD);
    await untilStatus(client, 'ready');
    expect(tries).toBe(1);
  });

  test('stays closed when it was closed meanwhile, and nobody goes on trying', async () => {
    const lost = emitted(client, 'reconnecting');
    await proxy.cut();
    await lost;
    client.disconnect();
    await proxy.heal();
    const other = await connect(proxy.port);
    // The other one is found again, with as many looks as this one would have needed.
    const again = emitted(other, 'reconnecting');
    await proxy.cut();
    await again;
    await proxy.heal();
    const store = sessionsOf(new RedisSessionStore(other));
    await untilStatus(other, 'ready');
    await store.drain();
    expect(client.status).not.toBe('ready');
  });
});
