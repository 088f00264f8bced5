import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { openRedis } from '../../src/redis/client/redis-client.js';
import { Connections, emitted, outcomeOf, PATIENT, untilStatus } from '../support/connections.js';
import { freePort } from '../support/free-port.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel } from '../support/start-sentinel.js';

const PASSWORD = 'hidden-password';
const LOST =
  /^Redis is unavailable \((?:ECONNREFUSED|ECONNRESET|EPIPE|connection)\)\. Reconnecting until it is back; this is logged once\.$/;
const BACK = 'Redis is available again.';
const FAST = { retryStrategy: () => 10, ...PATIENT };

const connections = new Connections();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis({ password: PASSWORD });
});

afterAll(() => server.stop());

describe('an outage is logged once', () => {
  it('however often the client retries, and its end once too', async () => {
    const { client, lines } = await connections.open({ ...server.options, ...FAST });
    await untilStatus(client, 'ready');
    for (const outage of [1, 2]) {
      const retries = emitted(client, 'reconnecting', 5);
      await server.kill();
      await retries;
      expect(lines).toHaveLength(outage * 2 - 1);
      const ready = emitted(client, 'ready');
      await server.restart();
      await ready;
    }
    expect(lines).toEqual([expect.stringMatching(LOST), BACK, expect.stringMatching(LOST), BACK]);
  });

  it('also when Redis is down at the start', async () => {
    await server.kill();
    const { client, lines } = await connections.open({ ...server.options, ...FAST });
    await emitted(client, 'reconnecting', 5);
    expect(lines).toEqual([expect.stringContaining('(ECONNREFUSED)')]);
    const ready = emitted(client, 'ready');
    await server.restart();
    await ready;
    expect(lines.slice(1)).toEqual([BACK]);
  });

  it('also for a wrong password, which is not shown', async () => {
    const { client, lines } = await connections.open({ ...server.options, ...FAST, password: 'hidden-and-wrong' });
    await emitted(client, 'reconnecting', 3);
    expect(lines).toEqual([expect.stringContaining('(WRONGPASS)')]);
  });

  it('also when something accepts the connections, and nothing is behind it', async () => {
    const proxy = await startProxy(await freePort());
    const { client, lines } = await connections.open({ host: '127.0.0.1', port: proxy.port, ...FAST });
    await emitted(client, 'reconnecting', 5);
    expect(lines).toEqual([expect.stringMatching(LOST)]);
    await proxy.stop();
  });

  it('also for an instance of the application, whose own listeners hear every error', async () => {
    const instance = new Redis({ ...server.options, ...FAST });
    const errors: Error[] = [];
    instance.on('error', (error) => errors.push(error));
    const { lines } = await connections.open(instance);
    await untilStatus(instance, 'ready');
    const retries = emitted(instance, 'reconnecting', 5);
    await server.kill();
    await retries;
    const ready = emitted(instance, 'ready');
    await server.restart();
    await ready;
    expect(lines).toEqual([expect.stringMatching(LOST), BACK]);
    expect(errors.length).toBeGreaterThan(2);
    instance.disconnect();
  });

  it('and not when a broken connection is mended at once', async () => {
    const { client, lines } = await connections.open({ ...server.options, ...FAST });
    await untilStatus(client, 'ready');
    for (let blip = 0; blip < 3; blip++) {
      const ready = emitted(client, 'ready');
      await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await ready;
    }
    expect(lines).toEqual([]);
  });

  it('and not any more after close', async () => {
    const lines: string[] = [];
    const instance = new Redis({ ...server.options, ...FAST });
    instance.on('error', () => undefined);
    await (await openRedis(instance, (line) => lines.push(line))).close(1_000);
    await untilStatus(instance, 'ready');
    const retries = emitted(instance, 'reconnecting', 3);
    await server.kill();
    await retries;
    const ready = emitted(instance, 'ready');
    await server.restart();
    await ready;
    expect(lines).toEqual([]);
    instance.disconnect();
  });
});

/** A command that had waited would have ended with its timeout. */
const AT_ONCE = expect.not.stringContaining('timed out');

describe('commands in an outage', () => {
  it('wait for the connection when it is short', async () => {
    const client = await connections.ready({ ...server.options, ...FAST, maxRetriesPerRequest: null });
    const noticed = emitted(client, 'reconnecting', 2);
    await server.kill();
    await noticed;
    const reply = client.set('during', 'short');
    await server.restart();
    expect(await reply).toBe('OK');
  });

  it('fail at once when it lasts, and are not sent when it is over', async () => {
    const { client } = await connections.open({ ...server.options, ...FAST });
    await untilStatus(client, 'ready');
    await server.kill();
    while ((await outcomeOf(client.set('late', '0'))).error?.message.includes('enableOfflineQueue') !== true);

    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(client.incr('late'))));
    for (const { error } of outcomes) expect(error).toMatchObject({ message: AT_ONCE });
    const ready = emitted(client, 'ready');
    await server.restart();
    await ready;
    expect(await client.get('late')).toBeNull();
    // The next short interruption is one again.
    expect(client.options.enableOfflineQueue).toBe(true);
  });

  it('fail at once when no sentinel can be reached, and are not sent when one is back', async () => {
    const setup = await startSentinel();
    const proxy = await startProxy(setup.port);
    const sentinels = [{ host: '127.0.0.1', port: proxy.port }];
    const { client, lines } = await connections.open({
      ...setup.options,
      ...FAST,
      sentinels,
      updateSentinels: false,
      failoverDetector: false,
    });
    await untilStatus(client, 'ready');
    await proxy.cut();
    await setup.master.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    while ((await outcomeOf(client.set('late', '0'))).error?.message.includes('enableOfflineQueue') !== true);
    expect(lines).toEqual([expect.stringMatching(LOST)]);

    expect((await outcomeOf(client.incr('late'))).error).toMatchObject({ message: AT_ONCE });
    const ready = emitted(client, 'ready');
    await proxy.heal();
    await ready;
    // The first ones, given while the connection could have come back in time, may have been sent.
    expect(await client.get('late')).not.toBe('1');
    expect(lines.slice(1)).toEqual([BACK]);
    await setup.stop();
    await proxy.stop();
  });

  it('wait for ever if that is what the user wants', async () => {
    const wish = { enableOfflineQueue: true, commandTimeout: 60_000, maxRetriesPerRequest: null };
    const { client } = await connections.open({ ...server.options, ...FAST, ...wish });
    await untilStatus(client, 'ready');
    // What is asked once at the start is answered by then: unanswered, it would wait as long as that.
    await client.ping();
    await server.kill();
    // 50 attempts take longer than the limit that is in force otherwise.
    await emitted(client, 'reconnecting', 50);
    const reply = client.set('during', 'long');
    await server.restart();
    expect(await reply).toBe('OK');
  });
});

describe('with a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  it.each([true, false])(
    'that is down at the start, the first commands fail soon too, and it is logged once (enableAutoPipelining %p)',
    async (enableAutoPipelining) => {
      const { client, lines } = await connections.open({
        cluster: [{ host: '127.0.0.1', port: await freePort() }],
        options: { enableAutoPipelining, clusterRetryStrategy: () => 20, redisOptions: PATIENT },
      });
      for (let attempt = 0; attempt < 3; attempt++) expect((await outcomeOf(client.get('a'))).error).toMatchObject({ message: AT_ONCE });
      await emitted(client, 'reconnecting', 3);
      expect(lines).toEqual([expect.stringMatching(LOST)]);
    },
  );

  it.each([true, false])(
    'of which no node is left, commands fail at once, and are not sent later (enableAutoPipelining %p)',
    async (enableAutoPipelining) => {
      const options = { enableAutoPipelining, clusterRetryStrategy: () => 50, redisOptions: PATIENT };
      const { client, lines } = await connections.open({ cluster: cluster.startupNodes, options });
      await untilStatus(client, 'ready');
      const keys = Array.from({ length: 30 }, (_, n) => `key:${n}`);
      await Promise.all(keys.map((key) => client.set(key, '0')));

      const closed = emitted(client, 'close');
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      await closed;
      const outcomes = await Promise.all(keys.map((key) => outcomeOf(client.incr(key))));
      for (const { error } of outcomes) expect(error).toMatchObject({ message: AT_ONCE });
      await emitted(client, 'reconnecting', 3);
      expect(lines).toEqual([expect.stringMatching(LOST)]);

      const ready = emitted(client, 'ready');
      await Promise.all(cluster.nodes.map((node) => node.restart()));
      await cluster.untilOk();
      await ready;
      expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map(() => null));
      expect(lines.slice(1)).toEqual([BACK]);
    },
  );
});
