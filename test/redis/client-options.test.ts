import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { retryDelay } from '../../src/redis/client/retry-delay.js';
import { Connections, emitted, outcomeOf, PATIENT, untilStatus } from '../support/connections.js';
import { freePort } from '../support/free-port.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel, type SentinelSetup } from '../support/start-sentinel.js';
import { until } from '../support/until.js';

const DEFAULTS = {
  commandTimeout: 500,
  socketTimeout: 5_000,
  connectTimeout: 2_000,
  disconnectTimeout: 500,
  maxRetriesPerRequest: 1,
  autoResendUnfulfilledCommands: false,
} satisfies RedisOptions;
const OTHERS = {
  commandTimeout: 700,
  socketTimeout: 7_000,
  connectTimeout: 700,
  disconnectTimeout: 700,
  maxRetriesPerRequest: 7,
  autoResendUnfulfilledCommands: true,
} satisfies RedisOptions;

const connections = new Connections();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

async function ready(options: RedisOptions = {}): Promise<Redis> {
  return (await connections.ready({ ...server.options, ...options })) as Redis;
}

describe('the options of a client', () => {
  it('are ours by default, by URL and by options', async () => {
    for (const connection of [server.url, server.options]) {
      expect((await connections.ready(connection)).options).toMatchObject({ ...DEFAULTS, retryStrategy: retryDelay });
    }
  });

  it('are what the user wants', async () => {
    const strategies = { retryStrategy: () => 1, reconnectOnError: () => false as const };
    expect((await ready({ ...OTHERS, ...strategies })).options).toMatchObject({ ...OTHERS, ...strategies });
    const query = new URLSearchParams(Object.entries(OTHERS).map(([name, value]): [string, string] => [name, String(value)]));
    expect((await connections.ready(`${server.url}?${query.toString()}`)).options).toMatchObject(OTHERS);
  });

  it('are ours where the user gives undefined, as a missing variable of the environment does', async () => {
    expect((await ready({ commandTimeout: undefined, maxRetriesPerRequest: undefined, password: undefined })).options).toMatchObject(
      DEFAULTS,
    );
  });

  it('are not ours where the user turns something off', async () => {
    expect((await ready({ retryStrategy: null, maxRetriesPerRequest: null })).options).toMatchObject({
      retryStrategy: null,
      maxRetriesPerRequest: null,
    });
  });
});

describe('commandTimeout', () => {
  it.each([
    ['500 ms', {}, 480],
    ['what the user wants', { commandTimeout: 1_000 }, 980],
  ])('ends the wait for a frozen server after %s', async (_what, options, least) => {
    const client = await ready(options);
    server.pause();
    const { error, ms } = await outcomeOf(client.get('a'));
    server.resume();
    expect(error?.message).toBe('Command timed out');
    expect(ms).toBeGreaterThan(least);
  });
});

describe('socketTimeout', () => {
  it('gives up a connection whose other end is gone without a word, and goes on with a new one', async () => {
    const proxy = await startProxy(server.port);
    const { client, lines } = await connections.open(`redis://127.0.0.1:${proxy.port}?socketTimeout=300`);
    await client.ping();
    proxy.stallAnswers();
    const { error } = await outcomeOf(client.ping());
    expect(error).toBeDefined();
    await until(async () => (await outcomeOf(client.ping())).value === 'PONG', 'Redis answers again');
    expect(lines).toEqual([expect.stringContaining('unavailable'), expect.stringContaining('available again')]);
    await proxy.stop();
  });

  it('is longer where a command may take longer', async () => {
    expect((await ready({ commandTimeout: 4_000 })).options.socketTimeout).toBe(8_000);
  });
});

describe('connectTimeout', () => {
  it('ends an attempt to connect to what does not answer', async () => {
    const proxy = await startProxy(server.port);
    proxy.stall();
    const { client, lines } = await connections.open(`rediss://127.0.0.1:${proxy.port}?connectTimeout=100`);
    await emitted(client, 'reconnecting', 2);
    expect(lines).toEqual([expect.stringContaining('(ETIMEDOUT)')]);
    await proxy.stop();
  });
});

describe('disconnectTimeout', () => {
  it('lets go of a connection to a frozen server', async () => {
    const client = await ready();
    server.pause();
    const closed = emitted(client, 'close');
    client.disconnect(true);
    await closed;
    server.resume();
  });
});

describe('maxRetriesPerRequest', () => {
  it.each([
    [1, {}],
    [3, { maxRetriesPerRequest: 3 }],
  ])('fails a command after %i more attempt(s) to connect', async (retries, options) => {
    const { client } = await connections.open({
      host: '127.0.0.1',
      port: await freePort(),
      ...PATIENT,
      retryStrategy: () => 10,
      ...options,
    });
    let attempts = 0;
    client.on('connecting', () => attempts++);
    const { error } = await outcomeOf(client.get('a'));
    expect(error?.message).toContain(`(which is ${retries})`);
    expect(attempts).toBe(retries + 1);
  });
});

describe('enableAutoPipelining', () => {
  it.each([
    ['is off, as with ioredis', {}, 0],
    ['can be turned on', { enableAutoPipelining: true }, 2],
  ])('%s', async (_what, options, together) => {
    const client = await ready(options);
    const replies = [client.get('a'), client.get('b')];
    expect(client.autoPipelineQueueSize).toBe(together);
    await Promise.all(replies);
  });
});

describe('autoResendUnfulfilledCommands', () => {
  it.each([
    ['never sends a command twice', {}, 'Command timed out', null],
    ['can be turned on', { ...PATIENT, autoResendUnfulfilledCommands: true }, undefined, '1'],
  ])('%s', async (what, options, message, count) => {
    const proxy = await startProxy(server.port);
    const client = await connections.ready({ host: '127.0.0.1', port: proxy.port, ...options });
    // What is asked once at the start is answered by then.
    await client.ping();
    // The command is on its way when the connection breaks, and the server has not got it.
    proxy.stall();
    const outcome = outcomeOf(client.incr(what));
    await until(() => (client as Redis).commandQueue.length === 1, 'the command is sent');
    await proxy.cut();
    await proxy.heal();
    expect((await outcome).error?.message).toBe(message);
    await client.ping();
    expect(await server.client().get(what)).toBe(count);
    await proxy.stop();
  });
});

describe('retryStrategy', () => {
  it('waits twice as long each time, up to 2 s, with jitter, and never gives up', () => {
    const bases = [50, 100, 200, 400, 800, 1_600, 2_000, 2_000];
    for (const [index, base] of [...bases, ...Array.from({ length: 2_000 }, () => 2_000)].entries()) {
      const delay = retryDelay(index + 1);
      expect(delay).toBeGreaterThanOrEqual(base);
      expect(delay).toBeLessThan(base + 200);
    }
    expect(new Set(Array.from({ length: 20 }, () => retryDelay(1))).size).toBeGreaterThan(10);
  });

  it.each([
    ['is in force', {}, [50, 100, 200]],
    ['can be another', { retryStrategy: (attempt: number) => 1_000_000 + attempt }, [1_000_001]],
  ])('%s', async (_what, options, expected) => {
    const { client } = await connections.open({ host: '127.0.0.1', port: await freePort(), ...options });
    const delays = await emitted<number>(client, 'reconnecting', expected.length);
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(expected[index]!);
      expect(delay).toBeLessThan(expected[index]! + 200);
    }
  });
});

describe('reconnectOnError', () => {
  let other: RedisServer;
  beforeAll(async () => {
    other = await startRedis();
  });
  afterAll(() => other.stop());

  async function demoted(during: () => Promise<void>): Promise<void> {
    await server.client().replicaof('127.0.0.1', other.port);
    await during();
    await server.client().replicaof('NO', 'ONE');
  }

  it.each([true, false])(
    'sends a write again on a new connection when the server became a replica (enableAutoPipelining %p)',
    async (enableAutoPipelining) => {
      const client = await ready({ ...PATIENT, enableAutoPipelining });
      await demoted(async () => {
        // The next connection finds a master, as it does after a failover.
        const mended = emitted(client, 'close').then(() => server.client().replicaof('NO', 'ONE'));
        expect(await client.set('readonly', '1')).toBe('OK');
        await mended;
      });
    },
  );

  it('sends a script again, which fails with READONLY too', async () => {
    const client = await ready(PATIENT);
    await demoted(async () => {
      const mended = emitted(client, 'close').then(() => server.client().replicaof('NO', 'ONE'));
      expect(await client.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, 'readonly', '2')).toBe('OK');
      await mended;
    });
  });

  it('gives up after one new connection when it is a replica still, and leaves the client alone', async () => {
    const client = await ready(PATIENT);
    let closed = 0;
    client.on('close', () => closed++);
    await demoted(async () => {
      const { error } = await outcomeOf(client.set('readonly', '3'));
      expect(error?.message).toMatch(/^READONLY/);
      expect(closed).toBe(1);
      // Another command gets another chance.
      await outcomeOf(client.set('readonly', '3'));
      expect(closed).toBe(2);
      await until(() => client.status === 'ready', 'the client is ready');
      expect(await client.ping()).toBe('PONG');
      expect(closed).toBe(2);
    });
  });

  it('can be turned off', async () => {
    const client = await ready({ ...PATIENT, reconnectOnError: null });
    let closed = 0;
    client.on('close', () => closed++);
    await demoted(async () => {
      expect((await outcomeOf(client.set('readonly', '4'))).error?.message).toMatch(/^READONLY/);
      expect(closed).toBe(0);
    });
  });
});

describe('with Sentinel', () => {
  let setup: SentinelSetup;
  beforeAll(async () => {
    setup = await startSentinel();
  });
  afterAll(() => setup.stop());

  async function listenersForFailovers(): Promise<number> {
    const clients = await setup.sentinel.client('LIST');
    return String(clients).match(/ sub=1 /g)?.length ?? 0;
  }

  it('failoverDetector listens for failovers, and can be turned off', async () => {
    await connections.ready({ ...setup.options, failoverDetector: false });
    expect(await listenersForFailovers()).toBe(0);
    const { client } = await connections.open(setup.options);
    await emitted(client, 'failoverSubscribed');
    expect(await listenersForFailovers()).toBe(1);
  });

  it('sentinelCommandTimeout goes on to the next sentinel when one does not answer', async () => {
    const proxy = await startProxy(setup.port);
    proxy.stall();
    const sentinels = [{ host: '127.0.0.1', port: proxy.port }, ...setup.options.sentinels];
    const { ms } = await outcomeOf(connections.ready({ ...setup.options, sentinels }));
    expect(ms).toBeGreaterThan(480);
    const { ms: longer } = await outcomeOf(connections.ready({ ...setup.options, sentinels, sentinelCommandTimeout: 1_000 }));
    expect(longer).toBeGreaterThan(980);
    await proxy.stop();
  });
});

describe('with a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  async function optionsWith(options?: ClusterOptions) {
    const client = (await connections.ready({ cluster: cluster.startupNodes, ...(options === undefined ? {} : { options }) })) as Cluster;
    return { top: client.options, nodes: client.nodes().map((node) => node.options) };
  }

  it('each default is where a Cluster looks for it', async () => {
    const { top, nodes } = await optionsWith();
    expect(top).toMatchObject({ clusterRetryStrategy: retryDelay, retryDelayOnFailover: 0 });
    expect(nodes).toHaveLength(3);
    for (const node of nodes) expect(node).toMatchObject({ ...DEFAULTS, reconnectOnError: expect.any(Function) });
  });

  it('each default can be overridden', async () => {
    const top = { clusterRetryStrategy: () => 1, retryDelayOnFailover: 50 };
    const options = await optionsWith({ ...top, redisOptions: { ...OTHERS, reconnectOnError: null } });
    expect(options.top).toMatchObject(top);
    for (const node of options.nodes) expect(node).toMatchObject({ ...OTHERS, reconnectOnError: null });
  });

  it('one default more or less of the nodes leaves the others', async () => {
    const { nodes } = await optionsWith({ redisOptions: { commandTimeout: 700 } });
    for (const node of nodes) expect(node).toMatchObject({ ...DEFAULTS, commandTimeout: 700 });
  });

  it.each([
    ['never sends a command twice', {}, 1],
    ['can be told to', { retryDelayOnFailover: 50, redisOptions: PATIENT }, 2],
  ])('retryDelayOnFailover %s when the connection to a node breaks', async (what, options, most) => {
    const client = (await connections.ready({ cluster: cluster.startupNodes, options })) as Cluster;
    const keys = Array.from({ length: 12 }, (_, n) => `${what}:${n}`);
    await Promise.all(keys.map((key) => client.set(key, 0)));
    const [node] = cluster.nodes;
    const connection = client.nodes().find(({ options: { port } }) => port === node!.port)!;

    // The node has the commands in its socket, and runs them after the client has given up the connection.
    node!.pause();
    const outcomes = keys.map((key) => outcomeOf(client.incr(key)));
    await until(() => connection.commandQueue.length > 0, 'the commands are sent');
    await new Promise((resolve) => setImmediate(resolve));
    connection.stream.destroy();
    await emitted(connection, 'end');
    node!.resume();

    await Promise.all(outcomes);
    const counts = await Promise.all(keys.map((key) => client.get(key)));
    expect(Math.max(...counts.map(Number))).toBe(most);
  });

  it('finds slots that moved to another node, with any number of commands at once', async () => {
    const client = await connections.ready({ cluster: cluster.startupNodes });
    const load = () => Promise.all(Array.from({ length: 300 }, (_, n) => client.hgetall(`empty:${n}`)));
    await Promise.all(cluster.nodes.map((node) => node.client().flushall()));
    await load();
    await cluster.moveSlots(0, 1, 1_500);
    expect(await load()).toHaveLength(300);
    await cluster.moveSlots(1, 0, 1_500);
    expect(await load()).toHaveLength(300);
  });

  it('uses a node again that comes back', async () => {
    const client = await connections.ready({ cluster: cluster.startupNodes });
    const keys = Array.from({ length: 12 }, (_, n) => `back:${n}`);
    await Promise.all(keys.map((key) => client.set(key, 0)));
    await cluster.nodes[0]!.kill();
    const outcomes = await Promise.all(keys.map((key) => outcomeOf(client.get(key))));
    expect(outcomes.filter(({ error }) => error === undefined).length).toBeGreaterThan(0);
    expect(outcomes.filter(({ error }) => error !== undefined).length).toBeGreaterThan(0);
    for (const { ms } of outcomes) expect(ms).toBeLessThan(60_000);
    await cluster.nodes[0]!.restart();
    await cluster.untilOk();
    expect(await Promise.all(keys.map((key) => client.set(key, 1)))).toEqual(keys.map(() => 'OK'));
  });

  it('commandTimeout ends the wait for a frozen node', async () => {
    const client = await connections.ready({ cluster: cluster.startupNodes });
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => client.set(key, '1')));
    cluster.nodes[0]!.pause();
    const outcomes = await Promise.all(['a', 'b', 'c', 'd'].map((key) => outcomeOf(client.get(key))));
    cluster.nodes[0]!.resume();
    expect(outcomes.filter(({ error }) => error?.message === 'Command timed out').length).toBeGreaterThan(0);
    expect(outcomes.filter(({ value }) => value === '1').length).toBeGreaterThan(0);
    for (const { ms } of outcomes) expect(ms).toBeLessThan(60_000);
    await untilStatus(client, 'ready');
  });
});
