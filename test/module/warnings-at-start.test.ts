import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Inject, Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cluster, Redis } from 'ioredis';
import { MemorySessionStore, RedisSessionModule, SESSION_REDIS, SessionStore, type RedisSessionOptions } from '../../src/index.js';
import { connectionWarnings } from '../../src/redis/client/connection-warnings.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, TEST_SECRET } from '../support/create-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

const EVICTS = /^warn .*Redis evicts keys .*maxmemory-policy allkeys-lru/;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

async function start(options: Partial<RedisSessionOptions> = {}): Promise<CapturedLog> {
  const logger = new CapturedLog();
  const app = await createApp({ redis: server.options, ...options, logger });
  cleanUp.push(() => app.close());
  await app.browser().post('/nowhere');
  return logger;
}

const clientsNow = async () =>
  String(await server.client().client('LIST'))
    .trim()
    .split('\n');

describe('a Redis that evicts', () => {
  test('is warned of once, whatever becomes of the connection', async () => {
    await server.client().config('SET', 'maxmemory-policy', 'allkeys-lru');
    cleanUp.push(() => server.client().config('SET', 'maxmemory-policy', 'noeviction'));
    const logger = await start();
    await until(() => logger.matching(EVICTS).length > 0, 'it is warned of');
    await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await clientsNow()).length > 1, 'the application is connected again');
    expect(logger.matching(EVICTS)).toHaveLength(1);
    expect(logger.matching(/noeviction/)).toHaveLength(1);
  });

  test('that does not, or does not tell, is not', async () => {
    const asked = async () => Number(/cmdstat_info:calls=(\d+)/.exec(await server.client().info('commandstats'))?.[1]);
    const refused = async () => Number(/cmdstat_info:.*rejected_calls=(\d+)/.exec(await server.client().info('commandstats'))?.[1]);
    const before = await asked();
    const quiet = await start();
    // Two of the application, and those of the test.
    await until(async () => (await asked()) >= before + 2, 'it was asked');
    await server.client().call('ACL', 'SETUSER', 'shut', 'on', '>shut', '~*', '+@all', '-info');
    const shut = await start({ redis: { ...server.options, username: 'shut', password: 'shut', enableReadyCheck: false } });
    await until(async () => (await refused()) >= 1, 'it was asked in vain');
    expect([...quiet.matching('evicts'), ...shut.matching('evicts')]).toEqual([]);
  });
});

describe('in production', () => {
  const before = process.env['NODE_ENV'];
  beforeAll(() => {
    process.env['NODE_ENV'] = 'production';
  });
  afterAll(() => {
    process.env['NODE_ENV'] = before;
  });

  test('sessions in memory are warned of, in one line', async () => {
    expect((await start({ store: { kind: 'memory' } })).matching(/^warn/)).toEqual([expect.stringContaining('"store.kind" is "memory"')]);
  });

  test('a Redis of this machine is not warned of', async () => {
    expect((await start()).matching(/^warn/)).toEqual([]);
  });
});

describe('a connection to another machine', () => {
  const NODES = [{ host: '10.0.0.1', port: 1 }];
  const lazy = { lazyConnect: true };

  test.each<[string, Parameters<typeof connectionWarnings>[0]]>([
    ['without TLS', { host: '10.0.0.1', password: 'hidden' }],
    ['without a password', 'rediss://redis.example'],
    ['without TLS and without a password', 'redis://redis.example'],
    ['without TLS', { cluster: NODES, options: { redisOptions: { password: 'hidden' } } }],
    ['without a password', { cluster: ['rediss://redis.example'], options: { redisOptions: { tls: {} } } }],
    ['without TLS', { sentinels: NODES, name: 'sessions', password: 'hidden' }],
    ['without TLS and without a password', new Redis({ host: 'redis.example', ...lazy })],
    ['without TLS', new Cluster(NODES, { redisOptions: { password: 'hidden' }, ...lazy })],
  ])('is warned of %s, and nothing of it is said', (what, connection) => {
    const [warning, ...more] = connectionWarnings(connection);
    expect(warning).toContain(` ${what}:`);
    expect(warning).not.toMatch(/hidden|10\.0|example/);
    expect(more).toEqual([]);
  });

  test.each<[string, Parameters<typeof connectionWarnings>[0]]>([
    ['one with both', 'rediss://user:hidden@redis.example'],
    ['a Cluster with both', { cluster: NODES, options: { redisOptions: { tls: {}, password: 'hidden' } } }],
    ['localhost', 'redis://localhost'],
    ['nothing but a port', { port: 6379 }],
    ['another address of this machine', { host: '127.0.1.1' }],
    ['IPv6', { host: '::1' }],
    ['a socket', 'unix:/run/redis.sock'],
  ])('is not seen in %s', (_, connection) => {
    expect(connectionWarnings(connection)).toEqual([]);
  });
});

describe('where a test has put a store of its own', () => {
  async function clientsWith(...providers: Parameters<typeof Test.createTestingModule>[0]['providers'] & object[]): Promise<string[]> {
    const redis = { ...server.options, connectionName: 'of-the-module' };
    const module = await Test.createTestingModule({
      imports: [RedisSessionModule.forRoot({ redis, session: { secret: TEST_SECRET } })],
      providers,
    })
      .overrideProvider(SessionStore)
      .useValue(new MemorySessionStore())
      .compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    cleanUp.push(() => app.close());
    if (providers.length > 0) await until(async () => (await clientsNow()).join().includes('of-the-module'), 'it is connected');
    return (await clientsNow()).filter((client) => client.includes('of-the-module'));
  }

  test('nothing connects to Redis, since nobody needs it', async () => {
    expect(await clientsWith()).toEqual([]);
  });

  test('the client is connected where somebody asks for it', async () => {
    @Injectable()
    class Asking {
      constructor(@Inject(SESSION_REDIS) readonly redis: unknown) {}
    }
    expect(await clientsWith(Asking)).toHaveLength(1);
  });
});
