import { execFile } from 'node:child_process';
import { inspect, promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis } from '../../src/redis/client/redis-client.js';
import { Connections, emitted, outcomeOf, PATIENT, untilStatus } from '../support/connections.js';
import { SERVER_PROGRAM } from '../support/redis-process.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel } from '../support/start-sentinel.js';
import { until } from '../support/until.js';

const PASSWORD = 'p@ss w/o?rd';

const connections = new Connections();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis({ password: PASSWORD, unixSocket: true });
});

afterAll(() => server.stop());

describe('openRedis reaches', () => {
  it.each([
    ['a URL', () => `${server.url}/1`],
    ['a URL with the database in its query', () => `${server.url}?db=1`],
    ['options', () => ({ ...server.options, db: 1 })],
    ['the URL of a unix socket', () => `${server.unixUrl}?db=1&password=${encodeURIComponent(PASSWORD)}`],
    ['options with a unix socket', () => ({ path: server.unixUrl.slice('unix:'.length), password: PASSWORD, db: 1 })],
  ])('a server with a password, in database 1, by %s', async (how, connection) => {
    const { client, owned, lines } = await connections.open(connection());
    await client.set('where', how);
    const [database0, database1] = [server.client(), server.client().duplicate({ db: 1 })];
    expect([await database0.get('where'), await database1.get('where')]).toEqual([null, how]);
    database1.disconnect();

    expect(owned).toBe(true);
    expect(client).toBeInstanceOf(Redis);
    const { stream } = client as Redis;
    expect(String(stream.remoteAddress)).toBe(how.includes('unix') ? 'undefined' : '127.0.0.1');
    expect(lines).toEqual([]);
  });

  it('a server that speaks TLS with a certificate of its own authority, and no other', async () => {
    const tls = await startRedis({ tls: true, password: PASSWORD });
    const client = await connections.ready(tls.options);
    expect(await client.ping()).toBe('PONG');
    expect((client as Redis).stream).toHaveProperty('authorized', true);

    // The same server without its authority: TLS is spoken, and the certificate is refused.
    const { client: distrustful, lines } = await connections.open(tls.url);
    await emitted(distrustful, 'reconnecting', 2);
    expect(lines).toEqual([expect.stringMatching(/^Redis is unavailable \((?:[A-Z_]*CERT[A-Z_]*|UNABLE_TO_VERIFY_LEAF_SIGNATURE)\)/)]);
    await tls.stop();
  });

  it('the master that Sentinel names, and the next one after a failover', async () => {
    const sentinel = await startSentinel({ password: PASSWORD });
    const { client, close } = await connections.open({ ...sentinel.options, ...PATIENT });
    await client.set('before', '1');
    expect(await sentinel.master.client().get('before')).toBe('1');

    const back = emitted(client, 'ready');
    await sentinel.failover();
    await back;
    await client.set('after', '2');
    expect(await sentinel.replica.client().get('after')).toBe('2');
    await close(1_000);
    await sentinel.stop();
  });
});

describe('beside a Cluster,', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster({ password: PASSWORD });
  });
  afterAll(() => cluster.stop());

  it('openRedis reaches every node', async () => {
    const { client, owned } = await connections.open({
      cluster: cluster.startupNodes.slice(0, 1),
      options: { redisOptions: { password: PASSWORD, ...PATIENT } },
    });
    await Promise.all(Array.from({ length: 60 }, (_, n) => client.set(`reach:${n}`, n)));
    const sizes = await Promise.all(cluster.nodes.map((node) => node.client().dbsize()));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(60);
    for (const size of sizes) expect(size).toBeGreaterThan(5);
    expect(client).toBeInstanceOf(Cluster);
    expect(owned).toBe(true);
  });

  describe('openRedis leaves an instance of the application as it is', () => {
    const instances: [string, () => Redis | Cluster][] = [
      ['Redis', () => new Redis(server.options)],
      ['Cluster', () => new Cluster(cluster.startupNodes, { redisOptions: { password: PASSWORD } })],
    ];

    it.each(instances)('a %s: uses it, and closes it never', async (_kind, make) => {
      const instance = make();
      const options = inspect(instance.options, { depth: 9 });
      const redis = await openRedis(instance, () => undefined);
      expect(redis.client).toBe(instance);
      expect(redis.owned).toBe(false);
      await redis.client.set('mine', '1');
      await redis.close(1_000);
      expect(await instance.get('mine')).toBe('1');
      expect(inspect(instance.options, { depth: 9 })).toBe(options);
      expect(instance.scriptsSet).toEqual({});
      await disconnected(instance);
    });

    it.each(instances)('a %s: 100 times opened and closed leave no listener', async (_kind, make) => {
      const instance = make();
      await untilStatus(instance, 'ready');
      const before = listenersOf(instance);
      for (let n = 0; n < 100; n++) {
        const redis = await openRedis(instance, () => undefined);
        expect(instance.listenerCount('error')).toBe((before['error'] ?? 0) + 1);
        await redis.close(1_000);
      }
      expect(listenersOf(instance)).toEqual(before);
      await disconnected(instance);
    });

    it('an instance of another copy of ioredis too', async () => {
      jest.resetModules();
      const other = await import('ioredis');
      const instance = new other.Redis(server.options);
      expect(instance).not.toBeInstanceOf(Redis);
      const redis = await openRedis(instance, () => undefined);
      expect(redis).toMatchObject({ owned: false });
      expect(await redis.client.ping()).toBe('PONG');
      await redis.close(1_000);
      expect(await instance.ping()).toBe('PONG');
      await disconnected(instance);
    });
  });
});

describe('openRedis refuses', () => {
  it.each([
    ['', 'received an empty string'],
    ['http://:hidden@localhost', 'must be a URL'],
    [`redis://:hid/den@localhost`, 'cannot be read'],
  ])('%j, and repeats nothing of it', async (url, text) => {
    const { error } = await outcomeOf(openRedis(url, () => undefined));
    expect(error).toMatchObject({ code: 'SESSION_CONFIG_INVALID', problems: [expect.stringContaining('"redis" must be')] });
    expect(error?.message).toContain(text);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hid\/?den@/);
  });
});

describe('the test support', () => {
  it('starts the server that TEST_REDIS_SERVER names', async () => {
    const own = await startRedis();
    const { stdout } = await promisify(execFile)(SERVER_PROGRAM, ['--version']);
    const [, server = '', version = ''] = /^(\w+) server v=(\S+)/.exec(stdout) ?? [];
    expect(await own.client().info('server')).toContain(`${server.toLowerCase()}_version:${version}\r\n`);
    await own.stop();
  });

  it('sees a server again after it was killed', async () => {
    const own = await startRedis();
    await own.client().set('a', '1');
    await own.kill();
    await own.restart();
    await until(async () => (await own.client().get('a')) === null, 'the new server answers');
    await own.stop();
  });
});

async function disconnected(client: OwnClient): Promise<void> {
  const ended = emitted(client, 'end');
  client.disconnect();
  await ended;
}

function listenersOf(client: OwnClient): Record<string, number> {
  return Object.fromEntries(client.eventNames().map((name) => [String(name), client.listenerCount(name)]));
}
