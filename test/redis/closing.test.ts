import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ClusterOptions, Redis } from 'ioredis';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { emitted, outcomeOf, PATIENT, untilStatus, type OwnConnection } from '../support/connections.js';
import { freePort } from '../support/free-port.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel, type SentinelSetup } from '../support/start-sentinel.js';
import { until } from '../support/until.js';

let server: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
  // The clients that look from outside keep their connections, so they belong to what is there before.
  await Promise.all([server.client().ping(), ...cluster.nodes.map((node) => node.client().ping())]);
});

afterAll(async () => {
  await Promise.all([server.stop(), cluster.stop()]);
});

afterEach(() => server.resume());

function open(connection: OwnConnection): Promise<OpenRedis<OwnClient>> {
  return openRedis(connection, () => undefined);
}

/** What keeps the process alive: sockets and timers. */
function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /TCP|TLS|Pipe|Timeout|GetAddrInfo|Connect/.test(kind))
    .toSorted();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until nothing is left that was not there before. */
function untilGone(before: readonly string[]): Promise<void> {
  return until(() => handles().length <= before.length, `only ${before.join()} is left, and not ${handles().join()}`);
}

/** Opens a connection to the frozen server, which the operating system accepts in its place. */
async function openFrozen(scheme: string): Promise<OpenRedis<OwnClient>> {
  server.pause();
  const redis = await open(`${scheme}://127.0.0.1:${server.port}?commandTimeout=${PATIENT.commandTimeout}`);
  const { client } = redis;
  await until(() => 'stream' in client && !(client.stream?.connecting ?? true), 'the connection is accepted');
  return redis;
}

const deadPort = async () => ({ host: '127.0.0.1', port: await freePort() });

describe('close', () => {
  it('says goodbye to a server that is there', async () => {
    const redis = await open({ ...server.options, ...PATIENT });
    await redis.client.set('a', '1');
    const recorder = await server.monitor();
    await redis.close(60_000);
    expect((await recorder.stop()).map(({ name }) => name)).toEqual(['quit']);
    expect(redis.client.status).toBe('end');
  });

  it('lets commands that are on their way be answered', async () => {
    const { client, close } = await open({ ...server.options, ...PATIENT, enableAutoPipelining: false });
    await untilStatus(client, 'ready');
    const replies = Array.from({ length: 20 }, () => client.incr('on-its-way'));
    await close(60_000);
    expect(await Promise.all(replies)).toHaveLength(20);
  });

  it('is done once, however often it is called', async () => {
    const redis = await open(server.url);
    const first = redis.close(1_000);
    expect(redis.close(1_000)).toBe(first);
    await first;
    expect(redis.close(1_000)).toBe(first);
  });

  it('makes later commands fail at once', async () => {
    const redis = await open(server.url);
    await redis.close(1_000);
    await expect(redis.client.get('a')).rejects.toThrow('Connection is closed.');
  });

  const states: [string, () => Promise<OpenRedis<OwnClient>>][] = [
    ['that has not connected yet', async () => open({ ...server.options, ...PATIENT })],
    ['that connects only when needed', async () => open({ ...server.options, ...PATIENT, lazyConnect: true })],
    [
      'that is ready',
      async () => {
        const redis = await open({ ...server.options, ...PATIENT });
        await untilStatus(redis.client, 'ready');
        return redis;
      },
    ],
    [
      'that waits for its next attempt while Redis is down',
      async () => {
        const redis = await open({ ...(await deadPort()), ...PATIENT, retryStrategy: () => 60_000 });
        await untilStatus(redis.client, 'reconnecting');
        return redis;
      },
    ],
    [
      'whose Redis went away',
      async () => {
        const own = await startRedis();
        const redis = await open({ ...own.options, ...PATIENT, retryStrategy: () => 60_000 });
        await untilStatus(redis.client, 'ready');
        await own.stop();
        await untilStatus(redis.client, 'reconnecting');
        return redis;
      },
    ],
    [
      'of a Cluster',
      async () => {
        const redis = await open(patientCluster());
        await Promise.all(Array.from({ length: 20 }, (_, n) => redis.client.set(`n${n}`, n)));
        return redis;
      },
    ],
    ['of a Cluster that has not connected yet', async () => open(patientCluster())],
    ['of a Cluster that connects only when needed', async () => open(patientCluster({ lazyConnect: true }))],
    [
      'of a Cluster that is down',
      async () => {
        const redis = await open({ cluster: [await deadPort()], options: { clusterRetryStrategy: () => 60_000 } });
        await untilStatus(redis.client, 'reconnecting');
        return redis;
      },
    ],
  ];

  function patientCluster(options: ClusterOptions = {}): OwnConnection {
    return { cluster: cluster.startupNodes, options: { redisOptions: PATIENT, ...options } };
  }

  it.each(states)('is quick, and leaves neither socket nor timer, for a client %s', async (_state, make) => {
    const before = handles();
    const redis = await make();
    const { ms } = await outcomeOf(redis.close(110_000));
    expect(ms).toBeLessThan(60_000);
    await untilGone(before);
  });

  it('is quick for a client whose sentinels are down, and leaves nothing but timers that ioredis gives its clients of sentinels', async () => {
    const before = handles();
    const redis = await open({ sentinels: [await deadPort()], name: 'sessions', ...PATIENT });
    await emitted(redis.client, 'error', 2);
    const { ms } = await outcomeOf(redis.close(110_000));
    expect(ms).toBeLessThan(60_000);
    expect(redis.client.status).toBe('end');
    // Their disconnectTimeout is 2 s, whatever the options say.
    await untilGone(before);
  });

  describe('with Sentinel', () => {
    let setup: SentinelSetup;
    beforeAll(async () => {
      setup = await startSentinel();
      await Promise.all([setup.master, setup.replica].map((one) => one.client().ping()));
    });
    afterAll(() => setup.stop());

    it('leaves neither socket nor timer', async () => {
      const before = handles();
      const { client, close } = await open({ ...setup.options, ...PATIENT });
      await emitted(client, 'failoverSubscribed');
      await untilStatus(client, 'ready');
      expect((await outcomeOf(close(110_000))).ms).toBeLessThan(60_000);
      await untilGone(before);
    });

    it('leaves neither socket nor timer at whatever moment of connecting it comes', async () => {
      const before = handles();
      for (let n = 0; n < 60; n++) {
        const { close } = await open(setup.options);
        for (let turn = 0; turn < n; turn++) await nextTurn();
        await close(1_000);
      }
      await untilGone(before);
    });

    it('leaves neither socket nor timer just when the master is being connected', async () => {
      const before = handles();
      const { client, close } = await open(setup.options);
      while (!(client as Redis).stream?.connecting) await nextTurn();
      await close(1_000);
      await untilGone(before);
    });

    it('stops listening to the sentinels when the master is gone', async () => {
      const before = handles();
      const own = await startRedis();
      await setup.sentinel.call('SENTINEL', 'MONITOR', 'other', '127.0.0.1', own.port, 1);
      const { client, close } = await open({ ...setup.options, name: 'other', retryStrategy: null });
      await emitted(client, 'failoverSubscribed');
      await own.stop();
      await untilStatus(client, 'end');
      await close(1_000);
      await untilGone(before);
    });
  });

  it.each<[string, () => Promise<OpenRedis<OwnClient>>]>([
    [
      'froze',
      async () => {
        const redis = await open({ ...server.options, ...PATIENT });
        await untilStatus(redis.client, 'ready');
        server.pause();
        return redis;
      },
    ],
    ['accepts and never answers', () => openFrozen('redis')],
    ['accepts and never speaks TLS', () => openFrozen('rediss')],
  ])('keeps its deadline with a server that %s, and soon leaves neither socket nor timer', async (_what, make) => {
    const before = handles();
    const redis = await make();
    const { ms } = await outcomeOf(redis.close(200));
    expect(ms).toBeLessThan(60_000);
    await untilGone(before);
  });

  it('keeps its deadline with a Cluster of which a node froze', async () => {
    const redis = await open(patientCluster());
    await Promise.all(Array.from({ length: 20 }, (_, n) => redis.client.set(`n${n}`, n)));
    cluster.nodes[0]!.pause();
    const { ms } = await outcomeOf(redis.close(200));
    cluster.nodes[0]!.resume();
    expect(ms).toBeLessThan(60_000);
  });
});

describe('30 times opened and closed', () => {
  it.each<[string, () => Promise<OwnConnection>]>([
    ['one server', async () => server.url],
    ['a server that is down', deadPort],
    ['a Cluster', async () => ({ cluster: cluster.startupNodes })],
  ])('leaves neither socket nor timer, nor a connection in the server: %s', async (_what, connection) => {
    const before = handles();
    for (let n = 0; n < 30; n++) {
      const redis = await open(await connection());
      // Half of them get to work, the others are closed in the middle of whatever they do.
      if (n % 2 === 0) await outcomeOf(Promise.race([redis.client.get('a'), emitted(redis.client, 'error')]));
      await redis.close(1_000);
    }
    await untilGone(before);
    for (const { client } of [server, ...cluster.nodes]) {
      const others = async () =>
        String(await client().call('CLIENT', 'LIST', 'TYPE', 'NORMAL'))
          .trim()
          .split('\n').length - 1;
      await until(async () => (await others()) === 0, 'nobody is connected but the client that looks from outside');
    }
  });
});

it('lets the socket of a TLS client that is closed while it connects fail as often as it may, and the process goes on', async () => {
  const secure = await startRedis({ tls: true });
  try {
    // Its certificate is not trusted, so the client is connecting again and again.
    const redis = await open({ host: '127.0.0.1', port: secure.port, tls: {} });
    const { client } = redis as OpenRedis<Redis>;
    await until(() => client.status === 'connecting' && client.stream !== undefined && !client.stream.destroyed, 'it is connecting');
    const { stream } = client;
    await redis.close(1_000);
    for (let failure = 1; failure <= 3; failure++) stream.emit('error', new Error('tlsv1 alert decode error'));
  } finally {
    await secure.stop();
  }
});
