import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { RedisEventChannel } from '../../src/redis/events/redis-event-channel.js';
import { openRedis, type RedisClient } from '../../src/redis/client/redis-client.js';
import { redisPortOf } from '../../src/redis/client/redis-clients.js';
import { toStoreError } from '../../src/redis/client/redis-errors.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { answerWithin } from '../../src/session/deadline.js';
import { SessionEvents } from '../../src/session/session-events.js';
import { handleOf, type Sid } from '../../src/session/sid.js';
import { CLUSTER_LIBRARIES, connectBySentinel, connectBySentinel5, LIBRARIES, type AppClient } from '../support/client-libraries.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel, type SentinelSetup } from '../support/start-sentinel.js';
import { storedSid } from '../support/stored-sid.js';
import { until } from '../support/until.js';

const NOBODY = '0'.repeat(54) as Sid;
/** In ms. */
const DEADLINE = 500;
const PATIENT = { deadline: 20_000, logErrors: false };

/** What each of some calls came to: an answer, or the reason of its error. */
function outcomes(count: number, call: () => Promise<unknown>): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      call().then(
        () => 'answered',
        (error: unknown) => toStoreError(error).reason,
      ),
    ),
  );
}

/** How a call fails at once: a client says so itself, or lets calls wait until it is known that they wait in vain. */
const KNOWN = ['connection', 'outage'];
const untilKnownBy = (call: () => Promise<unknown>) =>
  until(async () => KNOWN.includes((await outcomes(1, call))[0]!), 'the outage is known');

const answered = (call: () => Promise<unknown>) => until(async () => (await outcomes(1, call))[0] === 'answered', 'Redis answers');

describe.each(LIBRARIES)('with a client of %s', (_name, connect) => {
  let server: RedisServer;
  let proxy: ChaosProxy;
  let app: AppClient;
  let store: IndexedSessions;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    proxy = await startProxy(server.port);
    app = await connect(proxy);
    store = sessionsOf(new RedisSessionStore(app.client, { deadline: DEADLINE, logErrors: false }));
  });
  afterEach(async () => {
    server.resume();
    app.end();
    await proxy.stop();
  });
  afterAll(() => server.stop());

  const load = () => answerWithin(DEADLINE + 100, store.load(NOBODY));
  const untilKnown = () => untilKnownBy(load);

  test('while Redis refuses connections every call fails, and it is found again', async () => {
    const lines: string[] = [];
    const redis = await openRedis(app.client, (line) => lines.push(line));
    await proxy.cut();
    await untilKnown();
    await until(() => lines.length > 0, 'the outage is logged');
    await proxy.heal();
    await answered(load);
    await until(() => lines.length > 1, 'its end is logged');
    expect(lines).toEqual([expect.stringMatching(/^Redis is unavailable \(\w+\)/), 'Redis is available again.']);
    await redis.close(1_000);
    await answered(load);
  });

  test('while Redis does not answer all calls but the first fail at once, and it is found again', async () => {
    server.pause();
    await until(async () => (await outcomes(1, load))[0] === 'outage', 'the outage is known');
    expect(await outcomes(3, load)).toEqual(['outage', 'outage', 'outage']);
    server.resume();
    await answered(load);
  });

  test('Redis is found again when the connection is dead and nobody says so', async () => {
    proxy.stallAnswers();
    await until(async () => (await outcomes(1, load))[0] === 'outage', 'the outage is known');
    await answered(load);
  });

  test('what failed while Redis could not be reached is not done later', async () => {
    const calm = sessionsOf(new RedisSessionStore(server.client(), PATIENT));
    const sid = await storedSid(calm, { visits: 1 });
    const record = (await calm.load(sid))!;
    await proxy.cut();
    await untilKnown();
    expect(await outcomes(5, () => store.increment(record, 'visits', 1))).not.toContain('answered');
    await proxy.heal();
    await answered(load);
    expect((await calm.load(sid))?.entries.get('visits')).toBe('1');
  });

  test.each([
    ['OOM', ['maxmemory', '1'], ['maxmemory', '0']],
    ['NOREPLICAS', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
  ] as const)('an error that Redis answers with is told by its name: %s', async (reason, begin, end) => {
    const patient = sessionsOf(new RedisSessionStore(app.client, PATIENT));
    const record = (await patient.load(await storedSid(patient, { visits: 1 })))!;
    await server.client().config('SET', ...begin);
    expect(await outcomes(1, () => patient.increment(record, 'visits', 1))).toEqual([reason]);
    await server.client().config('SET', ...end);
  });

  test('a command that the user may not run is named, and no key', async () => {
    await server.client().acl('SETUSER', 'default', '-hgetall');
    const patient = sessionsOf(new RedisSessionStore(app.client, PATIENT));
    const refused = await patient.load(NOBODY).catch((error: unknown) => error);
    await server.client().acl('SETUSER', 'default', '+hgetall');
    expect(refused).toMatchObject({ reason: 'NOPERM', command: 'HGETALL' });
    expect(String(refused)).not.toContain('sess:');
  });

  test('what a health check looks for is found', async () => {
    const patient = new RedisSessionStore(app.client, PATIENT);
    expect(await patient.inspect()).toEqual([]);
    await server.client().config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect(await patient.inspect()).toEqual(['evicting']);
    await server.client().config('SET', 'maxmemory-policy', 'noeviction');
  });

  test('scripts that Redis has forgotten are sent as text', async () => {
    const patient = sessionsOf(new RedisSessionStore(app.client, PATIENT));
    for (let round = 1; round <= 2; round++) {
      await server.client().script('FLUSH');
      const sids = await Promise.all(Array.from({ length: 10 }, () => storedSid(patient, { round })));
      const loaded = await Promise.all(sids.map((sid) => patient.load(sid)));
      expect(loaded.map((record) => record?.entries.get('round'))).toEqual(sids.map(() => String(round)));
    }
  });

  test('a field that is called __proto__ changes no object, and keeps no session from being loaded', async () => {
    const patient = sessionsOf(new RedisSessionStore(app.client, PATIENT));
    const sid = await storedSid(patient, { visits: 1 });
    const [key = ''] = await server.client().keys(`*${patient.handleOf(sid)}`);
    await server.client().hset(key, '__proto__', '{"polluted":true}');
    expect((await patient.load(sid))?.entries.get('visits')).toBe('1');
    expect({}).not.toHaveProperty('polluted');
  });

  test('keys are read, named and deleted through the port', async () => {
    const port = redisPortOf(app.client);
    const keys = Array.from({ length: 50 }, (_, n) => `named:${n}`);
    await Promise.all(keys.map((key) => server.client().set(key, `of ${key}`)));
    expect(await port.get('named:7')).toBe('of named:7');
    expect(await port.get('unnamed')).toBeNull();
    const named = new Set<string>();
    for await (const some of port.scan('named:*', 10)) for (const key of some) named.add(key);
    expect([...named].toSorted()).toEqual(keys.toSorted());
    expect(await port.unlink(keys)).toBe(50);
    expect(await port.get('named:7')).toBeNull();
  });

  test('keys are named by their type where one is asked for', async () => {
    const port = redisPortOf(app.client);
    await Promise.all([
      server.client().set('typed:text', '1', 'PX', 60_000),
      server.client().hset('typed:hash', 'field', '1'),
      server.client().pexpire('typed:hash', 60_000),
    ]);
    const named = new Set<string>();
    for await (const some of port.scan('typed:*', 10, 'string')) for (const key of some) named.add(key);
    expect([...named]).toEqual(['typed:text']);
  });

  test('events of another process arrive, also after the connection was broken', async () => {
    const other = await connect(server);
    await eventsArrive(app.client, other.client, async () => {
      await proxy.cut();
      await proxy.heal();
    });
    other.end();
  });

  test('the client is neither configured nor closed', async () => {
    const redis = await openRedis(app.client, () => undefined);
    expect(redis.client).toBe(app.client);
    expect(redis.owned).toBe(false);
    await redis.close(1_000);
    await answered(load);
  });
});

/** Events of a store on one client are told on the other, before and after something. */
async function eventsArrive(one: RedisClient, other: RedisClient, something: () => Promise<void>): Promise<void> {
  const prefix = 'told:';
  const [sender, receiver] = [one, other].map((client) => new RedisSessionStore(client, { ...PATIENT, prefix })) as [
    RedisSessionStore,
    RedisSessionStore,
  ];
  const channels = [new RedisEventChannel(one, sender, () => undefined), new RedisEventChannel(other, receiver, () => undefined)];
  const told: unknown[] = [];
  SessionEvents.of(receiver).on('lost', ({ handle, remote }) => told.push([handle, remote]));
  for (const channel of channels) channel.open();
  const toldOfOne = async () => {
    const before = told.length;
    await until(() => {
      SessionEvents.of(sender).emit('lost', { handle: handleOf(NOBODY) });
      return told.length > before;
    }, 'an event arrives');
  };
  await toldOfOne();
  await something();
  await toldOfOne();
  expect(new Set(told.map(String))).toEqual(new Set([`${handleOf(NOBODY)},true`]));
  await Promise.all(channels.map((channel) => channel.close()));
}

describe('a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  describe.each(CLUSTER_LIBRARIES)('with a client of %s', (_name, connect) => {
    let app: AppClient;
    beforeEach(async () => {
      app = await connect(cluster);
    });
    afterEach(() => app.end());

    test('keeps sessions on every node, whose scripts it is sent again', async () => {
      const store = sessionsOf(new RedisSessionStore(app.client, { ...PATIENT, prefix: 'spread:' }));
      for (let round = 1; round <= 2; round++) {
        await Promise.all(cluster.nodes.map((node) => node.client().script('FLUSH')));
        const sids = await Promise.all(Array.from({ length: 30 }, () => storedSid(store, { round })));
        const loaded = await Promise.all(sids.map((sid) => store.load(sid)));
        expect(loaded.map((record) => record?.entries.get('round'))).toEqual(sids.map(() => String(round)));
      }
      const named = new Set<string>();
      for await (const some of redisPortOf(app.client).scan('spread:*', 10)) for (const key of some) named.add(key);
      expect(named.size).toBeGreaterThanOrEqual(60);
      expect(await redisPortOf(app.client).unlink([...named])).toBe(named.size);
    });

    test('has each master looked at by a health check', async () => {
      const patient = new RedisSessionStore(app.client, PATIENT);
      expect(await patient.inspect()).toEqual([]);
      const last = cluster.nodes.at(-1)!.client();
      await last.config('SET', 'maxmemory-policy', 'volatile-ttl');
      expect(await patient.inspect()).toEqual(['evicting']);
      await last.config('SET', 'maxmemory-policy', 'noeviction');
    });

    test('tells other processes of events', async () => {
      const other = await connect(cluster);
      await eventsArrive(app.client, other.client, async () => undefined);
      other.end();
    });

    test('whose node is frozen fails at once for its keys, serves the others, and is found again', async () => {
      const store = sessionsOf(new RedisSessionStore(app.client, { deadline: DEADLINE, logErrors: false }));
      const port = redisPortOf(app.client);
      const names = new Map<string, Sid>();
      for (let n = 0; names.size < 3; n++) {
        const sid = String(n).padEnd(54, 'x') as Sid;
        names.set(port.nodeOf(store.settings.prefix + store.handleOf(sid)), sid);
      }
      const frozen = names.get(`127.0.0.1:${cluster.nodes[0]!.port}`)!;
      const [elsewhere] = [...names.values()].filter((sid) => sid !== frozen);
      const load = (sid: Sid) => answerWithin(DEADLINE + 100, store.load(sid));
      await answered(() => load(frozen));
      cluster.nodes[0]!.pause();
      await untilKnownBy(() => load(frozen));
      await answered(() => load(elsewhere!));
      cluster.nodes[0]!.resume();
      await answered(() => load(frozen));
      await cluster.untilOk();
    });
  });
});

describe.each([
  ['node-redis 5', connectBySentinel5],
  ['node-redis 6', connectBySentinel],
] as const)('Sentinel, with a client of %s', (_name, connect) => {
  let setup: SentinelSetup;
  let app: AppClient;
  beforeAll(async () => {
    setup = await startSentinel();
    app = await connect(setup);
  });
  afterAll(async () => {
    app.end();
    await setup.stop();
  });

  test('a command whose answer was lost is not carried out again', async () => {
    const proxy = await startProxy(setup.master.port);
    const proxied = await connect(setup, { [`127.0.0.1:${setup.master.port}`]: { host: '127.0.0.1', port: proxy.port } });
    const store = sessionsOf(new RedisSessionStore(proxied.client, PATIENT));
    const calm = sessionsOf(new RedisSessionStore(setup.master.client(), PATIENT));
    const sid = await storedSid(calm, { visits: 1 });
    const record = (await store.load(sid))!;
    const visits = async () => (await calm.load(sid))?.entries.get('visits');
    // Redis knows the script from now on.
    await store.increment(record, 'visits', 1);
    proxy.stallAnswers();
    const outcome = outcomes(1, () => store.increment(record, 'visits', 1));
    await until(async () => (await visits()) === '3', 'it was carried out');
    await proxy.cut();
    await proxy.heal();
    expect(await outcome).toEqual(['outcome unknown']);
    await answered(() => store.load(sid));
    expect(await visits()).toBe('3');
    proxied.end();
    await proxy.stop();
  });

  test('sessions go on after a failover, and events arrive', async () => {
    const store = sessionsOf(new RedisSessionStore(app.client, { deadline: 2_000, logErrors: false }));
    const sid = await storedSid(store, { visits: 1 });
    await setup.master.client().wait(1, 0);
    const other = await connect(setup);
    await eventsArrive(app.client, other.client, () => setup.failover());
    other.end();
    await answered(() => store.load(sid));
    expect((await store.load(sid))?.entries.get('visits')).toBe('1');
    await answered(() => storedSid(store, { visits: 2 }));
  });

  test('while the master does not answer, all calls but the first fail at once, and it is found again', async () => {
    const store = sessionsOf(new RedisSessionStore(app.client, { deadline: DEADLINE, logErrors: false }));
    const load = () => answerWithin(DEADLINE + 100, store.load(NOBODY));
    await answered(load);
    // Nothing is to take its place meanwhile.
    await setup.sentinel.call('SENTINEL', 'SET', 'sessions', 'down-after-milliseconds', '3600000');
    const master = (await setup.masterPort()) === setup.master.port ? setup.master : setup.replica;
    master.pause();
    await until(async () => (await outcomes(3, load)).every((outcome) => KNOWN.includes(outcome)), 'all fail at once');
    master.resume();
    await answered(load);
  });
});
