import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisSessionStore, SessionManager } from '../../src/index.js';
import { MigratingSessionStore, type MigratingStoreOptions } from '../../src/redis/migration/migrating-session-store.js';
import { onDiagnostics } from '../../src/session/diagnostics.js';
import type { StoredTerms } from '../../src/session/session-record.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import { deltaOf } from '../contract/session-store.contract.js';
import { Connections, PATIENT } from '../support/connections.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TERMS: StoredTerms = { idle: DAY, grace: 0, cookie: undefined, wholeCookie: { originalMaxAge: DAY } };

const connections = new Connections();
let redis: RedisServer;
let client: Redis;
let sid: Sid;

beforeAll(async () => {
  redis = await startRedis();
  client = redis.client();
});
beforeEach(() => {
  sid = newSid();
});
afterEach(() => client.flushall());
afterAll(() => redis.stop());

const newSid = () => generateSid().slice(0, 32) as Sid;
const keyOf = (one = sid) => `sess:${handleOf(one)}`;

const identity = ({ passport }: { passport?: { user: string } }) => passport && { id: passport.user };

async function open(options: Partial<MigratingStoreOptions> = {}): Promise<MigratingSessionStore> {
  const { client: own } = await connections.open({ ...redis.options, ...PATIENT });
  return new MigratingSessionStore(own, { migrate: 'convert', deadline: 60_000, identity, ...options });
}

/** As connect-redis does. */
async function write(
  entries: Record<string, unknown>,
  { cookie = { originalMaxAge: DAY, path: '/' }, ms = DAY, key = `sess:${sid}` } = {},
) {
  await client.set(key, JSON.stringify({ cookie, ...entries }), 'PX', ms);
}

async function converted(store: MigratingSessionStore, one = sid) {
  const record = await Sessions.of(store).load(one);
  if (record === undefined) throw new Error('There is no session.');
  return record;
}

describe('a conversion', () => {
  it('keeps every entry, whatever its name and value', async () => {
    const entries = { cart: [{ sku: 'tea' }], '@meta': '1|x', '': 0, constructor: null, 'a b\n': 'ключ🍪', identity: { id: 7 } };
    await write(entries);
    const record = await converted(await open());
    expect(Object.fromEntries([...record.entries].map(([name, text]) => [name, JSON.parse(text) as unknown]))).toEqual(entries);
  });

  it('gives a string without an end the idle timeout, and the next request its own', async () => {
    await client.set(`sess:${sid}`, JSON.stringify({ cookie: { originalMaxAge: null }, cart: 'tea' }));
    const store = await open({ ttl: 7_200 });
    await converted(store);
    expect(await client.pttl(keyOf())).toBeLessThanOrEqual(2 * HOUR);
    expect(await client.pttl(keyOf())).toBeGreaterThan(HOUR);
    await assertEveryKeyEnds([client]);
  });

  it.each([2 ** 31 * 1_000, 1e300])('serves one whose cookie lives for %s ms, longer ago than 1970', async (originalMaxAge) => {
    await write({ cart: 'tea' }, { cookie: { originalMaxAge, path: '/' } });
    const record = await converted(await open());
    expect(record.entries.get('cart')).toBe('"tea"');
    expect(record.createdAt).toBeGreaterThan(0);
    expect(await client.pttl(keyOf())).toBeLessThanOrEqual(DAY);
  });

  it('keeps the end of a string that outlives the idle timeout', async () => {
    await write({ cart: 'tea' }, { cookie: { originalMaxAge: null as never, path: '/' }, ms: 3 * HOUR });
    await converted(await open({ ttl: 1_800 }));
    expect(await client.pttl(keyOf())).toBeGreaterThan(2 * HOUR);
    expect(await client.pttl(keyOf())).toBeLessThanOrEqual(3 * HOUR);
  });

  it('goes by the end of the key: when the cookie expires by the value is an old story', async () => {
    await write({ cart: 'tea' }, { cookie: { originalMaxAge: DAY, path: '/', expires: '2020-01-01T00:00:00.000Z' } as never });
    expect((await converted(await open())).entries.get('cart')).toBe('"tea"');
  });

  it('keeps the attributes of the cookie', async () => {
    await write(
      { cart: 'tea' },
      { cookie: { originalMaxAge: DAY, path: '/shop', sameSite: 'strict', secure: true, expires: null } as never },
    );
    expect((await converted(await open())).cookie).toEqual({ originalMaxAge: DAY, path: '/shop', sameSite: 'strict', secure: true });
  });

  it("makes its user's sessions count towards limits, and asks for a fresh sign-in where one is asked for", async () => {
    const store = await open({ maxSessionsPerUser: { limit: 1, policy: 'reject' } });
    await write({ passport: { user: 'ada' } });
    const { userId, authenticatedAt } = await converted(store);
    expect([userId, authenticatedAt]).toEqual(['ada', 1]);
    expect(await new SessionManager(store).count('ada')).toBe(1);
    expect(await store.index.reserve('ada', handleOf(generateSid()), { ms: 1_000, limit: 1 })).toBe('full');
  });

  it('refuses nobody for a limit', async () => {
    const store = await open({ maxSessionsPerUser: { limit: 1, policy: 'reject' } });
    const sids = [newSid(), newSid(), newSid()];
    for (const one of sids) await write({ passport: { user: 'ada' } }, { key: `sess:${one}` });
    for (const one of sids) expect((await converted(store, one)).userId).toBe('ada');
    expect(await new SessionManager(store).count('ada')).toBe(3);
  });

  it('reads the layout that it is told: another prefix, with what is a pattern elsewhere, and another serializer', async () => {
    const serializer = {
      stringify: (value: unknown) => `x${JSON.stringify(value)}`,
      parse: (text: string) => JSON.parse(text.slice(1)) as unknown,
    };
    const store = await open({ migrate: { phase: 'convert', prefix: '{shop*}:', serializer } });
    await client.set(`{shop*}:${sid}`, serializer.stringify({ cookie: { originalMaxAge: DAY }, cart: 'tea' }), 'PX', DAY);
    await client.set('{shop1}:other', 'no session of this application', 'PX', DAY);
    expect(await store.migration.count()).toEqual({ left: 1, sealed: 0, unreadable: 0 });
    expect((await converted(store)).entries.get('cart')).toBe('"tea"');
    expect(await client.exists(`{shop*}:${sid}`)).toBe(0);
  });

  it('serves the sids of any genid', async () => {
    for (const one of ['user-4711', 'a:b:c', generateSid(), 'x'.repeat(300)] as Sid[]) {
      await write({ cart: one }, { key: `sess:${one}` });
      expect((await converted(await open(), one)).entries.get('cart')).toBe(JSON.stringify(one));
    }
  });

  it('of a session that revokeBefore has ended gives none', async () => {
    const store = await open({ revokeBefore: true });
    await write({ passport: { user: 'ada' } });
    await new SessionManager(store).revokeBefore('ada');
    expect(await store.find(sid)).toEqual({ endedReason: 'revoked' });
    expect(await client.exists(`sess:${sid}`, keyOf())).toBe(0);
  });
});

describe.each(['prepare', 'convert'] as const)('what cannot be read is no session, is told of, and stays, with %s', (migrate) => {
  it.each([
    ['no JSON', 'hello'],
    ['no object', '7'],
    ['an object without a cookie', '{"cart":1}'],
    ['nothing', ''],
  ])('%s', async (_, text) => {
    await client.set(`sess:${sid}`, text, 'PX', DAY);
    const store = await open({ migrate });
    const rejected: unknown[] = [];
    Sessions.of(store).events.on('rejected', (event) => rejected.push(event));
    expect(await Sessions.of(store).load(sid)).toBeUndefined();
    expect(rejected).toEqual([{ handle: handleOf(sid), what: 'session' }]);
    expect(await client.get(`sess:${sid}`)).toBe(text);
  });
});

it('a string too large to be a session as a hash is left as it is', async () => {
  const store = await open({ maxBytes: 100 });
  await write({ large: 'x'.repeat(2_000) });
  expect(await store.find(sid)).toEqual({ unusable: 'data' });
  expect(await client.exists(`sess:${sid}`)).toBe(1);
});

it('is told of once by the channel "converted", whoever makes it, and a session that is a hash already is not', async () => {
  const told: unknown[] = [];
  const stop = onDiagnostics('converted', (message) => void told.push(message));
  try {
    const stores = [await open(), await open()];
    await write({ passport: { user: 'ada' } });
    await Promise.all(stores.map((store) => converted(store)));
    await converted(stores[0]!);
    expect(told).toEqual([{ isSignedIn: true }]);

    await write({ cart: 'tea' }, { key: `sess:${newSid()}` });
    await client.set('sess:other', 'no session', 'PX', DAY);
    await stores[0]!.migration.convertRest({ perSecond: 100_000 }).done;
    expect(told.slice(1)).toEqual([{ isSignedIn: false }]);
  } finally {
    stop();
  }
});

describe('prepare', () => {
  it('applies fifty changes at once, each to what the others have written', async () => {
    const store = await open({ migrate: 'prepare' });
    await write({ cart: 'tea' });
    const record = await converted(store);
    await Promise.all(Array.from({ length: 50 }, (_, n) => store.save(sid, record, deltaOf({ [`n${n}`]: n }), TERMS)));
    expect((await converted(store)).entries.size).toBe(51);
  });

  it('gives a string without an end one with its first touch, which is due', async () => {
    const store = await open({ migrate: 'prepare' });
    await client.set(`sess:${sid}`, JSON.stringify({ cookie: { originalMaxAge: DAY } }));
    const record = await converted(store);
    expect(Sessions.of(store).isTouchDue(record)).toBe(true);
    await store.touch(sid, record, TERMS);
    expect(await client.pttl(`sess:${sid}`)).toBeGreaterThan(0);
  });

  it('ends a copied string only as it was copied', async () => {
    const store = await open({ migrate: 'prepare' });
    await write({ cart: 'tea' });
    const copied = await converted(store);
    await store.save(sid, copied, deltaOf({ size: 'large' }), TERMS);
    expect(await store.destroy(sid, copied)).toBe('changed');
    expect(await store.destroy(sid, await converted(store))).toEqual({ userId: undefined });
    expect(await store.destroy(sid, copied)).toBe('gone');
  });
});

describe('SessionManager.migration()', () => {
  it('needs a move', async () => {
    const { client: own } = await connections.open({ ...redis.options, ...PATIENT });
    expect(() => new SessionManager(new RedisSessionStore(own)).migration()).toThrow('Set "store.migrate"');
  });

  it('converts nothing while the move is prepared', async () => {
    const store = await open({ migrate: 'prepare' });
    expect(() => new SessionManager(store).migration().convertRest()).toThrow('needs "store.migrate" to be "convert"');
    await write({ cart: 'tea' });
    expect(await store.migration.count()).toEqual({ left: 1, sealed: 0, unreadable: 0 });
  });

  it('counts what is left and converts it, and nothing else', async () => {
    const store = await open({ revokeBefore: true });
    const sids = Array.from({ length: 30 }, newSid);
    for (const [n, one] of sids.entries()) await write({ passport: { user: `user${n % 3}` } }, { key: `sess:${one}` });
    await client.set('sess:other', 'no session', 'PX', DAY);
    await new SessionManager(store).revokeBefore('user2');
    await client.set(`sess:${sids[0]}`, `@${await client.get(`sess:${sids[0]}`)}`, 'PX', DAY);
    const migration = new SessionManager(store).migration();
    expect(await migration.count()).toEqual({ left: 30, sealed: 1, unreadable: 1 });
    const run = migration.convertRest({ perSecond: 100_000 });
    expect(migration.convertRest()).toBe(run);
    expect(await run.done).toEqual({ converted: 20, unreadable: 1, gone: 10, failed: 0 });
    expect(run.progress).toEqual(await run.done);
    expect(await migration.count()).toEqual({ left: 0, sealed: 0, unreadable: 1 });
    expect(await new SessionManager(store).count('user0')).toBe(10);
    await assertEveryKeyEnds([client]);
  });

  it('stops when it is told to, and begins no further conversion', async () => {
    const store = await open();
    for (let n = 0; n < 5; n++) await write({ n }, { key: `sess:${newSid()}` });
    // The second one would be due in some days.
    const run = store.migration.convertRest({ perSecond: 0.000_01 });
    run.stop();
    const { converted: count } = await run.done;
    expect(count).toBeLessThanOrEqual(1);
    expect((await store.migration.count()).left).toBe(5 - count);
  });

  it('counts a conversion that fails, and goes on', async () => {
    const store = await open({
      identity: ({ bad }: { bad?: true }) => {
        if (bad) throw new Error('on purpose');
      },
      logErrors: () => undefined,
    });
    await write({ bad: true }, { key: `sess:${newSid()}` });
    await write({ cart: 'tea' }, { key: `sess:${newSid()}` });
    expect(await store.migration.convertRest({ perSecond: 100_000 }).done).toEqual({ converted: 1, unreadable: 0, gone: 0, failed: 1 });
  });
});

describe('on a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  it('strings and hashes lie on any nodes; all masters are looked at', async () => {
    const { client: own } = await connections.open({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } });
    const [prepares, converts] = (['prepare', 'convert'] as const).map(
      (migrate) => new MigratingSessionStore(own, { migrate, deadline: 60_000, identity }),
    ) as [MigratingSessionStore, MigratingSessionStore];
    const sids = Array.from({ length: 24 }, newSid);
    const value = JSON.stringify({ cookie: { originalMaxAge: DAY }, passport: { user: 'ada' } });
    await Promise.all(sids.map((one) => cluster.client().set(`sess:${one}`, value, 'PX', DAY)));
    expect(await converts.migration.count()).toEqual({ left: 24, sealed: 0, unreadable: 0 });
    const record = await converted(prepares, sids[0]);
    expect(await prepares.save(sids[0]!, record, deltaOf({ size: 'large' }), TERMS)).toBeDefined();
    expect((await converted(converts, sids[0])).entries.get('size')).toBe('"large"');
    expect(await converts.destroy(sids[0]!)).toEqual({ userId: 'ada' });
    expect(await converts.migration.convertRest({ perSecond: 100_000 }).done).toMatchObject({ converted: 23, failed: 0 });
    expect(await new SessionManager(converts).revokeAll('ada')).toBe(23);
    for (const one of sids) expect(await Sessions.of(prepares).load(one)).toBeUndefined();
    await assertEveryKeyEnds(cluster.nodes.map((node) => node.client()));
  });

  it('does not take what lies on a node that cannot be reached for converted', async () => {
    const { client: own } = await connections.open({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } });
    const { migration } = new MigratingSessionStore(own, { migrate: 'convert', deadline: 60_000, identity });
    await Promise.all(cluster.nodes.map((node) => node.client().config('SET', 'cluster-require-full-coverage', 'no')));
    expect(await migration.count()).toEqual({ left: 0, sealed: 0, unreadable: 0 });
    await cluster.nodes[1]!.kill();
    const unavailable = { reason: expect.stringMatching(/^(?:timeout|connection|outage|CLUSTERDOWN)$/) };
    // The client drops the node that it cannot reach, looks for it again, and drops it again.
    for (let n = 0; n < 10; n++) {
      await expect(migration.count()).rejects.toMatchObject(unavailable);
      await expect(migration.convertRest({ perSecond: 100_000 }).done).rejects.toMatchObject(unavailable);
    }
  });
});
