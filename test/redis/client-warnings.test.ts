import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey } from 'iovalkey';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import type { RedisClient } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import type { Sid } from '../../src/session/sid.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import { CapturedLog } from '../support/captured-log.js';
import { CLUSTER_LIBRARIES, connectBySentinel, connectBySentinel5 } from '../support/client-libraries.js';
import { createScriptedApp } from '../support/scripted-app.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel } from '../support/start-sentinel.js';

/** Options of a client of node-redis, by the names that both versions have for them. */
type Options = Readonly<Record<string, unknown>>;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const SENTINEL = { name: 'sessions', sentinelRootNodes: [{ host: '127.0.0.1', port: 26_379 }] };
const rootNodes = () => [{ url: 'redis://127.0.0.1:7000' }, { socket: { host: '127.0.0.1', port: 7001 } }];

/** What makes each kind of client that node-redis has, in each version; none of them is connected. */
const MAKERS: readonly (readonly [name: string, make: (options: Options) => RedisClient, place: '' | 'defaults'])[] = [
  ['createClient of node-redis 5', (options) => redis5.createClient(options), ''],
  ['createClient of node-redis 6', (options) => redis6.createClient(options), ''],
  ['createCluster of node-redis 5', (options) => redis5.createCluster({ rootNodes: rootNodes(), ...options }), 'defaults'],
  ['createCluster of node-redis 6', (options) => redis6.createCluster({ rootNodes: rootNodes(), ...options }), 'defaults'],
];

const SENTINELS: readonly (readonly [name: string, make: (options: Options) => RedisClient])[] = [
  ['createSentinel of node-redis 5', (options) => redis5.createSentinel({ ...SENTINEL, ...options })],
  ['createSentinel of node-redis 6', (options) => redis6.createSentinel({ ...SENTINEL, ...options })],
];

const QUEUE = /^The Redis client keeps any number of commands \("commandsQueueMaxLength" is not set\) while it has no connection, and/;
const LIMITED_QUEUE = /^The Redis client keeps commands while it has no connection, and/;
const UNSET_TIMEOUT =
  /^The Redis client may carry out a command after .*: "commandOptions.timeout" is not set, and is then endless in node-redis 5 and 5000 ms in 6, and a request waits for 1000 ms/;
const LONG_TIMEOUT = /^The Redis client may carry out a command after .*: "commandOptions.timeout" is 5000 ms, and a request waits for/;
const NO_RECONNECT = /^The Redis client gives up for good when its connection breaks \("socket.reconnectStrategy" is false\)/;
const SILENCE = /^The Redis client gives up for good when Redis has had nothing to say for 3000 ms \("socket.socketTimeout" without/;
const NOT_CONNECTED = /^The Redis client is not connected, .* Call client\.connect\(\) before the application starts\.$/;

const NOBODY = '0'.repeat(54) as Sid;

const TIMEOUT = { commandOptions: { timeout: 500 } };
const strategy = (retries: number) => Math.min(50 * 2 ** retries, 2000);

/** What the process is warned of while something is done. */
async function warnedOf(something: () => unknown): Promise<string[]> {
  forgetWarnings();
  const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
  try {
    await something();
    return warned.mock.calls.map(([message]) => String(message));
  } finally {
    warned.mockRestore();
  }
}

const storesOver = (client: RedisClient, options = {}) =>
  warnedOf(() => Array.from({ length: 2 }, () => new RedisSessionStore(client, options)));

const matching = (expected: readonly RegExp[]) => expected.map((one) => expect.stringMatching(one));

describe('a client of which nothing is to be said', () => {
  test.each<[name: string, client: () => RedisClient]>([
    ['ioredis 6', () => new Redis({ lazyConnect: true })],
    ['a Cluster of ioredis 6', () => new Cluster([{ host: '127.0.0.1' }], { lazyConnect: true })],
    ['ioredis 5', () => new Redis5({ lazyConnect: true })],
    ['iovalkey', () => new Valkey({ lazyConnect: true })],
  ])('%s, as it is made without options', async (_name, client) => {
    expect(await storesOver(client())).toEqual([]);
  });

  test.each(MAKERS)('%s, made as the documents say', async (_name, make, place) => {
    const node = { disableOfflineQueue: true };
    expect(await storesOver(make({ ...TIMEOUT, ...(place === '' ? node : { defaults: node }) }))).toEqual([]);
  });

  test.each(MAKERS)('%s, with a timeout of the socket and a strategy', async (_name, make, place) => {
    const node = { disableOfflineQueue: true, socket: { socketTimeout: 3_000, reconnectStrategy: strategy } };
    expect(await storesOver(make({ ...TIMEOUT, ...(place === '' ? node : { defaults: node }) }))).toEqual([]);
  });

  test.each(SENTINELS)('%s, made as the documents say', async (_name, make) => {
    expect(await storesOver(make(TIMEOUT))).toEqual([]);
  });
});

describe('a client whose settings make answers late or dishonest is told of once, with what to write', () => {
  const CASES: readonly (readonly [name: string, node: Options, rest: Options, expected: readonly RegExp[]])[] = [
    ['its defaults', {}, {}, [QUEUE, UNSET_TIMEOUT]],
    ['a queue with an end', { commandsQueueMaxLength: 100 }, TIMEOUT, [LIMITED_QUEUE]],
    ['no timeout', { disableOfflineQueue: true }, {}, [UNSET_TIMEOUT]],
    [
      'a timeout that is longer than a request waits',
      { disableOfflineQueue: true },
      { commandOptions: { timeout: 5_000 } },
      [LONG_TIMEOUT],
    ],
    ['no second connection', { disableOfflineQueue: true, socket: { reconnectStrategy: false } }, TIMEOUT, [NO_RECONNECT]],
    ['a timeout of the socket and no strategy', { disableOfflineQueue: true, socket: { socketTimeout: 3_000 } }, TIMEOUT, [SILENCE]],
    ['all of it', { socket: { reconnectStrategy: false } }, {}, [QUEUE, UNSET_TIMEOUT, NO_RECONNECT]],
  ];
  const all = MAKERS.flatMap(([name, make, place]) => CASES.map(([what, ...more]) => ({ name, make, place, what, more })));

  test.each(all)('$name: $what', async ({ make, place, more: [node, rest, expected] }) => {
    const given = place === '' ? { ...node, ...rest } : { defaults: node, ...rest };
    const warnings = await storesOver(make(given));
    expect(warnings).toEqual(matching(expected));
    expect(await storesOver(make(warnings.map(cureOf).reduce(merged, given)))).toEqual([]);
  });

  test.each(SENTINELS)('%s: no timeout', async (_name, make) => {
    const warnings = await storesOver(make({}));
    expect(warnings).toEqual([expect.stringMatching(/"commandOptions.timeout" is (?:not set|5000 ms), and/)]);
    expect(await storesOver(make(warnings.map(cureOf).reduce(merged, {})))).toEqual([]);
  });

  test('as a shorter deadline asks for it', async () => {
    const options = { deadline: 300 };
    const warnings = await storesOver(redis6.createClient({ disableOfflineQueue: true, ...TIMEOUT }), options);
    expect(warnings).toEqual([expect.stringMatching(/is 500 ms, and a request waits for 300 ms.*timeout: 300 }\.$/)]);
  });

  test('by the log of the application, where it has the module', async () => {
    const server = await startRedis();
    ends.push(() => server.stop());
    const client = redis6.createClient({ url: server.url });
    await client.connect();
    ends.push(() => client.destroy());
    const logger = new CapturedLog();
    const warned = await warnedOf(async () => {
      for (let applications = 0; applications < 2; applications++) await (await createScriptedApp({ redis: client, logger })).close();
    });
    expect(warned).toEqual([]);
    expect([logger.matching('while it has no connection'), logger.matching('"commandOptions.timeout"')]).toEqual([
      [expect.stringMatching(/^warn .*Create it with disableOfflineQueue: true/)],
      [expect.stringMatching(/^warn .*Create it with commandOptions: { timeout: 500 }/)],
    ]);
  });
});

/** What a warning says that the client is to be created with. */
function cureOf(warning: string): Options {
  const text = /Create it with (?<options>.*)\.$/.exec(warning)?.groups?.['options'];
  // It is code, to be pasted as it is.
  return runInNewContext(`({ ${text} })`) as Options;
}

function merged(one: Options, other: Options): Options {
  const values = Object.entries(other).map(([name, value]) => [name, isOptions(value) ? merged(asOptions(one[name]), value) : value]);
  return { ...one, ...(Object.fromEntries(values) as Options) };
}

function isOptions(value: unknown): value is Options {
  return typeof value === 'object' && value !== null;
}

function asOptions(value: unknown): Options {
  return isOptions(value) ? value : {};
}

describe('a client that nobody has connected', () => {
  const NODE = { disableOfflineQueue: true };
  const made = [
    ...MAKERS.map(([name, make, place]) => [name, () => make({ ...TIMEOUT, ...(place === '' ? NODE : { defaults: NODE }) })] as const),
    ...SENTINELS.map(([name, make]) => [name, () => make(TIMEOUT)] as const),
  ];

  test.each(made)('%s: the first calls say so, once, and fail', async (_name, make) => {
    const store = new RedisSessionStore(make(), { logErrors: false });
    const outcomes: unknown[] = [];
    const warned = await warnedOf(async () => {
      for (let calls = 0; calls < 2; calls++) outcomes.push(await store.find(NOBODY).catch(({ reason }: { reason: unknown }) => reason));
    });
    expect(warned).toEqual([expect.stringMatching(NOT_CONNECTED)]);
    expect(outcomes).toEqual(['connection', 'connection']);
  });

  test.each(made)('%s: the module says so in its log, once', async (_name, make) => {
    const logger = new CapturedLog();
    const client = make();
    const warned = await warnedOf(async () => {
      for (let applications = 0; applications < 2; applications++) await (await createScriptedApp({ redis: client, logger })).close();
    });
    expect(warned).toEqual([]);
    expect(logger.matching('is not connected')).toHaveLength(1);
  });
});

describe('of clients that are connected nothing else is said', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  test.each([
    ['node-redis 5', (url: string) => redis5.createClient({ url, disableOfflineQueue: true, ...TIMEOUT })],
    ['node-redis 6', (url: string) => redis6.createClient({ url, disableOfflineQueue: true, ...TIMEOUT })],
  ] as const)('%s, by its URL', async (_name, make) => {
    const client = make(server.url);
    await client.connect();
    ends.push(() => client.destroy());
    expect(await storesOver(client)).toEqual([]);
  });
});

describe('of a client of a Cluster, which node-redis changes the options of, nothing is said', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  test.each(CLUSTER_LIBRARIES)('%s, with options of its nodes', async (_name, connect) => {
    const { client, end } = await connect(cluster);
    ends.push(end);
    expect(await storesOver(client, { deadline: 30_000 })).toEqual([]);
  });

  test.each([
    ['node-redis 5', (nodes: { url: string }[]) => redis5.createCluster({ rootNodes: nodes, ...TIMEOUT })],
    ['node-redis 6', (nodes: { url: string }[]) => redis6.createCluster({ rootNodes: nodes, ...TIMEOUT })],
  ] as const)('%s, without, but that it keeps commands', async (_name, make) => {
    const client = make(cluster.nodes.map(({ url }) => ({ url })));
    await client.connect();
    ends.push(() => client.destroy());
    expect(await storesOver(client)).toEqual(matching([QUEUE]));
  });
});

test.each([
  ['node-redis 5', connectBySentinel5],
  ['node-redis 6', connectBySentinel],
] as const)('of a connected Sentinel client of %s nothing is said', async (_name, connect) => {
  const setup = await startSentinel();
  ends.push(() => setup.stop());
  const { client, end } = await connect(setup);
  ends.unshift(end);
  expect(await storesOver(client, { deadline: 30_000 })).toEqual([]);
});

test.each([
  ['node-redis 5', () => redis5.createClientPool() as object],
  ['node-redis 6', () => redis6.createClientPool() as object],
])('a pool of %s is refused, with what to give instead', async (_name, createClientPool) => {
  const pool = createClientPool();
  expect(() => new RedisSessionStore(pool as never)).toThrow(
    /The client must be one client, received a pool of node-redis\. Give what createClient\(\), createSentinel\(\) or createCluster\(\) makes/,
  );
  await expect(createScriptedApp({ redis: pool })).rejects.toThrow(/"redis" must be one client, received a pool of node-redis\. Give/);
});
