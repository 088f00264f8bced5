import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { expiresAt } from '../../src/session/session-record.js';
import { generateSid, handleOf, newSid, secretHashOf, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { commandsDuring } from '../support/command-recorder.js';
import { PATIENT, untilStatus } from '../support/connections.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import {
  confirmed,
  created,
  CUSTOM_SID,
  deltaOf,
  ended,
  entriesOf,
  found,
  TERMS,
  termsOf,
  listen,
  newSession,
  passes,
  rotated,
} from '../contract/session-store.contract.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

const HOUR = 3_600_000;

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let outside: Redis;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  // What is told of a Redis that is slow or gone has clients of its own.
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
  outside = server.client();
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

function nextPrefix(): string {
  return `test${++prefixes}:`;
}

function start(options: StoreOptions = {}): IndexedSessions {
  return sessionsOf(new RedisSessionStore(redis.client, { prefix: nextPrefix(), ...options }));
}

/** The same sessions, from a process that has just begun. */
function startAgain({ settings }: IndexedSessions, options: StoreOptions = {}): IndexedSessions {
  return sessionsOf(new RedisSessionStore(redis.client, { prefix: settings.prefix, ...options }));
}

describe('RedisSessionStore', () => {
  afterAll(() => assertEveryKeyEnds([outside]));

  describe('from outside', () => {
    it('is one hash with metadata and a field for each entry', async () => {
      const store = start({ ttl: 60, absoluteTtl: 600 });
      const sid = generateSid();
      const { createdAt, absoluteEndsAt } = await store.create(sid, {
        entries: entriesOf({ cart: [{ sku: 'tea' }], '@meta': 'posing' }),
        terms: termsOf(undefined, { path: '/x' }),
      });
      expect(await outside.hgetall(keyOf(store, sid))).toEqual({
        '@meta': `1|${createdAt!.toString(36)}|0|${(absoluteEndsAt! - createdAt!).toString(36)}|1aao|||${secretHashOf(sid)}||||`,
        '@cookie': '{"path":"/x"}',
        cart: '[{"sku":"tea"}]',
        '@@meta': '"posing"',
      });
    });

    it('removes the field of a removed entry, also of one that begins with @', async () => {
      const store = start();
      const sid = await newSession(store, { a: 1, '@b': 1, c: 1 });
      await store.save(sid, await found(store, sid), deltaOf({ a: undefined, '@b': undefined }), TERMS);
      expect((await outside.hkeys(keyOf(store, sid))).toSorted()).toEqual(['@meta', 'c']);
    });

    it('ends by the smaller one of the idle timeout and what is left of the absolute one, to the ms', async () => {
      const store = start({ ttl: 60, absoluteTtl: 600 });
      const sid = await newSession(store);
      const created = await found(store, sid);
      expect(await ends(store, sid)).toBe(created.lastSeenAt + 60_000);
      expect(await ends(store, sid)).toBe(expiresAt(created));

      const touched = await store.touch(sid, created, termsOf(90_001));
      expect(await ends(store, sid)).toBe(touched!.lastSeenAt + 90_001);

      await store.touch(sid, created, termsOf(3_600_000));
      expect(await ends(store, sid)).toBe(created.absoluteEndsAt);

      const saved = await store.save(sid, touched!, deltaOf({ n: 1 }), termsOf(3_600_000));
      expect(await ends(store, sid)).toBe(created.absoluteEndsAt);
      expect(await ends(store, sid)).toBe(expiresAt(saved!));

      await store.rotate(sid, saved!, newSid(saved!.handle));
      expect(await ends(store, sid)).toBe(created.absoluteEndsAt);
    });

    it('keeps its end when somebody else changes it, or it gets a new secret', async () => {
      const store = start({ ttl: 60, absoluteTtl: 600 });
      const sid = await newSession(store, { n: 1 }, TERMS, 'ada');
      const before = await ends(store, sid);
      await passes(store, 5);
      await store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2');
      expect(await ends(store, sid)).toBe(before);
      await rotated(store, sid, { reauthenticated: true });
      expect(await ends(store, sid)).toBe(before);
    });

    it('has its end at once also when a repeated create finds it', async () => {
      const store = start({ ttl: 60 });
      const sid = await newSession(store);
      const before = await ends(store, sid);
      await passes(store, 5);
      await store.create(sid, { entries: new Map(), terms: TERMS });
      expect(await ends(store, sid)).toBe(before);
    });

    it('ends at its absolute end also when somebody has taken the TTL off', async () => {
      const store = start({ ttl: 0.03, absoluteTtl: 0.03 });
      const { sid, record } = await created(store);
      await outside.persist(keyOf(store, sid));
      await passes(start(), 40);
      expect(await store.touch(sid, record, termsOf(60_000))).toBeUndefined();
      expect(await outside.exists(keyOf(store, sid))).toBe(0);
    });

    it('is, once somebody else has ended it, one field for five minutes', async () => {
      const store = start();
      const sid = await newSession(store, { card: 'the data' }, { ...termsOf(5_000, { path: '/x' }), device: { ip: '192.0.2.7' } }, 'ada');
      const next = await rotated(store, sid);
      expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: 'a|b' })).toBe(true);
      expect(await outside.hgetall(keyOf(store, sid))).toEqual({ '@gone': `1|${secretHashOf(sid)},${secretHashOf(next)}|a|b` });
      expect(await store.find(sid)).toEqual({ endedReason: 'a|b' });
      const ttl = await outside.pttl(keyOf(store, sid));
      expect(ttl).toBeLessThanOrEqual(300_000);
      expect(ttl).toBeGreaterThan(290_000);
    });

    it('is no session past its absolute end, also when somebody has taken the TTL off, and nobody is told that it was ended', async () => {
      const store = start({ ttl: 0.03, absoluteTtl: 0.03 });
      const sids = [await newSession(store, { n: 1 }, TERMS, 'ada'), await newSession(store, { n: 1 }, TERMS, 'ada')] as const;
      for (const sid of sids) await outside.persist(keyOf(store, sid));
      await passes(start(), 40);
      expect(await store.compareAndSet(handleOf(sids[0]), 'ada', 'n', () => '2')).toBe(false);
      expect(await store.revoke(handleOf(sids[1]), { userId: 'ada', reason: 'x' })).toBe(false);
      expect(await outside.exists(...sids.map((sid) => keyOf(store, sid)))).toBe(0);
      const last = await newSession(store, {}, TERMS, 'ada');
      await outside.persist(keyOf(store, last));
      await passes(start(), 40);
      expect(await store.destroy(last)).toBe(false);
      expect(await outside.exists(keyOf(store, last))).toBe(0);
    });

    it('has no sid and no secret in any key, field or value', async () => {
      const store = start();
      const sid = await newSession(store, { cart: ['tea'] });
      const next = await rotated(store, sid);
      await confirmed(store, next);
      await store.create(CUSTOM_SID, { entries: new Map(), terms: TERMS });
      const dump = await dumpOf(store);
      expect(dump).toContain(secretHashOf(next));
      for (const secret of [sid, next, CUSTOM_SID, sid.slice(22), next.slice(22)]) expect(dump).not.toContain(secret);
    });

    it('has nothing left of the previous secret at the first write after its grace', async () => {
      const store = start({ rotationGrace: 0.03 });
      const sid = await newSession(store);
      const next = await rotated(store, sid);
      await confirmed(store, next);
      await ended(store, sid);
      await store.touch(next, await found(store, next), TERMS);
      expect(await outside.hget(keyOf(store, sid), '@meta')).toMatch(new RegExp(`\\|${secretHashOf(next)}\\|\\|\\|\\w+\\|$`));
    });

    it('is not in the way of another prefix', async () => {
      const [one, other] = [start(), start()];
      const sid = await newSession(one, { n: 1 });
      expect(await other.load(sid)).toBeUndefined();
      await other.create(sid, { entries: entriesOf({ n: 2 }), terms: TERMS });
      await other.destroy(sid);
      expect((await found(one, sid)).entries).toEqual(entriesOf({ n: 1 }));
    });
  });

  describe('costs', () => {
    it.each<[string, Record<string, number>, (store: IndexedSessions, sid: Sid) => Promise<unknown>]>([
      ['load', { hgetall: 1 }, (store, sid) => store.load(sid)],
      ['load of an unknown sid', { hgetall: 1 }, (store) => store.load(generateSid())],
      ['create', { evalsha: 1 }, (store) => store.create(generateSid(), { entries: entriesOf({ n: 1 }), terms: TERMS })],
      ['save', { hgetall: 1, evalsha: 1 }, async (store, sid) => store.save(sid, await found(store, sid), deltaOf({ n: 2 }), TERMS)],
      ['touch', { hgetall: 1, evalsha: 1 }, async (store, sid) => store.touch(sid, await found(store, sid), TERMS)],
      ['rotate', { hgetall: 1, evalsha: 1 }, (store, sid) => rotated(store, sid)],
      ['increment', { hgetall: 1, evalsha: 1 }, async (store, sid) => store.increment(await found(store, sid), 'n', 1)],
      ['destroy', { evalsha: 1 }, (store, sid) => store.destroy(sid)],
      ['reauthentication', { hgetall: 1, evalsha: 1 }, (store, sid) => rotated(store, sid, { reauthenticated: true })],
      ['describe, each', { hmget: 2 }, (store, sid) => store.describe([handleOf(sid), handleOf(generateSid())])],
      ['describe of none', {}, (store) => store.describe([])],
      ['revoke', { evalsha: 1 }, (store, sid) => store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' })],
      [
        'find of what was revoked',
        { evalsha: 1, hgetall: 1 },
        async (store, sid) => (await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' }), store.find(sid)),
      ],
      ['compareAndSet', { hmget: 1, evalsha: 1 }, (store, sid) => store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2')],
      ['compareAndSet that changes nothing', { hmget: 1 }, (store, sid) => store.compareAndSet(handleOf(sid), 'ada', 'n', () => undefined)],
      [
        'reserve and confirm',
        { evalsha: 2 },
        async ({ index }, sid) => (
          await index.reserve('ada', handleOf(sid), { ms: 1_000, limit: 3 }),
          index.confirm('ada', handleOf(sid), { indexedAt: 4e12, endsAt: 4e12 })
        ),
      ],
      ['refresh', { evalsha: 1 }, async ({ index }, sid) => index.refresh('ada', { handle: handleOf(sid), indexedAt: 1 }, 4e12)],
      ['leave', { evalsha: 1 }, async ({ index }, sid) => index.leave('ada', { handle: handleOf(sid), indexedAt: 1 })],
      ['fence', { evalsha: 1 }, ({ index }) => index.fence('ada', { ms: 1_000, reason: 'revoked' })],
      ['nearest', { evalsha: 1 }, ({ index }) => index.nearest('ada', { limit: 500 })],
      ['page', { evalsha: 1 }, ({ index }) => index.page('ada', { limit: 500 })],
      ['remove', { evalsha: 1 }, ({ index }, sid) => index.remove('ada', [handleOf(sid), handleOf(generateSid())])],
      ['remove of none', {}, ({ index }) => index.remove('ada', [])],
      [
        'now, isRotationDue, isTouchDue and handleOf',
        {},
        async (store, sid) => (
          await store.now(),
          store.isRotationDue(await RECORD),
          store.isTouchDue({ ...(await RECORD), handle: store.handleOf(sid) })
        ),
      ],
      ['isTouchDue and handleOf', {}, async (store, sid) => store.isTouchDue({ ...(await RECORD), handle: store.handleOf(sid) })],
    ])('%s: %j', async (_what, expected, call) => {
      const store = start({ rotateAfter: 60 });
      const sid = await newSession(store, { n: 1 }, TERMS, 'ada');
      await everyScriptRan(store);
      const counts: Record<string, number> = {};
      for (const name of await commandsDuring(server, store, () => call(store, sid))) counts[name] = (counts[name] ?? 0) + 1;
      expect(counts).toEqual(expected);
    });

    it("adds a GET to the load of a session that is somebody's, with revokeBefore", async () => {
      const store = start({ revokeBefore: true });
      const [sid, anonymous] = [await newSession(store, {}, TERMS, 'ada'), await newSession(store)];
      const commands = await commandsDuring(server, store, async () => {
        await store.load(anonymous);
        await store.load(sid);
      });
      expect(commands).toEqual(['hgetall', 'hgetall', 'get']);
    });

    it('sends of a save only the entries that changed', async () => {
      const store = start();
      const sid = await newSession(store, { unchanged: 'the unchanged value', changed: 1 });
      const record = await found(store, sid);
      const recorder = await server.monitor();
      await store.save(sid, record, deltaOf({ changed: 2 }), TERMS);
      const sent = JSON.stringify(await recorder.stop());
      expect(sent).toContain('changed');
      expect(sent).not.toContain('the unchanged value');
    });

    it('asks for the time once, when a new process meets the end of a previous secret', async () => {
      const store = start();
      const sid = await newSession(store);
      await confirmed(store, await rotated(store, sid));
      const fresh = startAgain(store);
      const recorder = await server.monitor();
      await fresh.load(sid);
      await fresh.load(sid);
      expect((await recorder.stop()).map(({ name }) => name)).toEqual(['hgetall', 'time', 'hgetall']);
    });
  });

  describe('data that this package did not write', () => {
    const META = `1|1|0||1aao||${'h'.repeat(22)}||||`;

    it.each<[string, (key: string) => Promise<unknown>]>([
      ['a string', (key) => outside.set(key, '{"cookie":{}}', 'PX', 60_000)],
      ['a list', async (key) => (await outside.rpush(key, 'a'), outside.pexpire(key, 60_000))],
      ['a foreign hash', (key) => writeHash(key, { user: 'ada' })],
      ['an empty @meta', (key) => writeHash(key, { '@meta': '' })],
      ['another format', (key) => writeHash(key, { '@meta': META.replace('1|', '2|') })],
      ['words for numbers', (key) => writeHash(key, { '@meta': META.replace('1aao', 'a minute') })],
      ['a negative number', (key) => writeHash(key, { '@meta': META.replace('1aao', '-1') })],
      ['a part too few', (key) => writeHash(key, { '@meta': META.slice(0, -1) })],
      ['capital letters for numbers', (key) => writeHash(key, { '@meta': META.replace('1aao', '1AAO') })],
    ])('is no session: %s', async (_what, write) => {
      const store = start();
      const rejected = listen(store, 'rejected');
      const sid = generateSid();
      const key = keyOf(store, sid);
      await write(key);
      const before = await outside.dump(key);

      expect(await store.load(sid)).toBeUndefined();
      expect(rejected).toEqual([{ handle: handleOf(sid), what: 'session' }]);
      const record = { ...(await RECORD), handle: handleOf(sid) };
      expect(await store.save(sid, record, deltaOf({ n: 1 }), TERMS)).toBeUndefined();
      expect(await store.touch(sid, record, TERMS)).toBeUndefined();
      expect(await store.rotate(sid, record, newSid(record.handle))).toBeUndefined();
      expect(await store.increment(record, 'n', 1)).toBeUndefined();
      expect(await store.destroy(sid)).toBe(false);
      expect(await store.revoke(record.handle, { userId: '', reason: 'x' })).toBe(false);
      expect(await store.compareAndSet(record.handle, 'ada', 'user', () => '1')).toBe(false);
      expect(await store.describe([record.handle])).toEqual([undefined]);
      await expect(store.create(sid, { entries: new Map(), terms: TERMS })).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
      expect(await outside.dump(key)).toBe(before);
    });

    it('is no session: a number beyond all dates', async () => {
      const store = start();
      const sid = generateSid();
      const record = await store.create(sid, { entries: new Map(), terms: TERMS });
      const meta = `1|${record.createdAt!.toString(36)}|${'z'.repeat(10)}||1aao||${secretHashOf(sid)}||||`;
      await outside.hset(keyOf(store, sid), '@meta', meta);
      expect(await store.load(sid)).toBeUndefined();
    });

    it('is left out: a __proto__ field', async () => {
      const store = start();
      const sid = await newSession(store, { n: 1 });
      await outside.hset(keyOf(store, sid), '__proto__', '{"isAdmin":true}', 'constructor', '{"x":1}');
      const { entries } = await found(store, sid);
      expect([...entries.keys()].toSorted()).toEqual(['constructor', 'n']);
      expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    });

    it('is left out: metadata of another version of this package', async () => {
      const store = start();
      const sid = await newSession(store, { n: 1 });
      await outside.hset(keyOf(store, sid), '@later', 'x');
      expect((await found(store, sid)).entries).toEqual(entriesOf({ n: 1 }));
    });

    it.each([
      ['not JSON', '{"path'],
      ['a list', '[]'],
      ['a string', '"x"'],
      ['null', 'null'],
      ['an unknown attribute', '{"maxAge":"x"}'],
      ['a prototype', '{"__proto__":{"path":"/x"}}'],
      ['words for a number', '{"originalMaxAge":"long"}'],
      ['a number beyond all dates', '{"originalMaxAge":1e300}'],
      ['a path that is no path', '{"path":"/;Domain=evil.example"}'],
      ['a path of two lines', '{"path":"/\\nSet-Cookie: x"}'],
      ['a domain that is no domain', '{"domain":"a;b"}'],
      ['words for a boolean', '{"secure":"auto"}'],
      ['an unknown sameSite', '{"sameSite":"all"}'],
      ['an unknown priority', '{"priority":"highest"}'],
    ])('is no cookie: %s', async (_what, text) => {
      const store = start();
      const sid = await newSession(store, { n: 1 });
      await outside.hset(keyOf(store, sid), '@cookie', text);
      expect(await store.load(sid)).toMatchObject({ cookie: undefined, entries: entriesOf({ n: 1 }) });
    });

    it('an entry that is not JSON comes as it is: decoding is left to the reader', async () => {
      const store = start();
      const sid = await newSession(store, { n: 1 });
      await outside.hset(keyOf(store, sid), 'n', '{"broken');
      expect((await found(store, sid)).entries.get('n')).toBe('{"broken');
    });
  });

  describe('time', () => {
    it.each([-10 * HOUR, 10 * HOUR])("is Redis' own: a clock of this process that is %d ms off changes nothing", async (off) => {
      const store = start({ ttl: 36_000, touchAfter: 1_800, rotationGrace: 1_800, rotateAfter: 1_200, revokeBefore: true });
      const real = Date.now.bind(Date);
      const now = real();
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + off);
      try {
        const sid = await newSession(store, {}, TERMS, 'ada');
        const record = await found(store, sid);
        expect(Math.abs(record.authenticatedAt! - now)).toBeLessThan(HOUR);
        expect(Math.abs(record.lastSeenAt - now)).toBeLessThan(HOUR);
        expect(await outside.pttl(keyOf(store, sid))).toBeGreaterThan(9 * HOUR);
        expect(store.isTouchDue(record)).toBe(false);
        expect(store.msSinceSeen({ ...record, lastSeenAt: record.lastSeenAt - HOUR })).toBeLessThan(2 * HOUR);

        const next = await rotated(store, sid);
        await confirmed(store, next);
        const fresh = startAgain(store);
        expect(await fresh.load(sid)).toMatchObject({ secret: 'previous' });

        expect(Math.abs((await store.now()) - now)).toBeLessThan(HOUR);
        expect(store.isRotationDue(await found(store, next))).toBe(false);
        expect(store.isRotationDue({ ...(await found(store, next)), rotatedAt: now - HOUR })).toBe(true);
        await store.endBefore('ada', record.createdAt);
        expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x', createdBefore: record.createdAt! })).toBe(false);
        const { index } = store;
        const indexedAt = Number(await index.reserve('ada', handleOf(sid), { ms: HOUR }));
        expect((await index.page('ada', { limit: 5 })).sessions).toMatchObject([{ isReserved: true }]);
        expect(await index.confirm('ada', handleOf(sid), { indexedAt, endsAt: (await store.now()) + 10 * HOUR })).toBe(1);
        expect(await outside.pttl(`${store.settings.prefix}user:ada`)).toBeGreaterThan(9 * HOUR);
        const fence = await index.fence('ada', { ms: HOUR, reason: 'revoked' });
        expect(await index.nearest('ada', { limit: 5, fence })).toMatchObject([{ handle: handleOf(sid) }]);
        expect(await store.load(next)).toBeDefined();
      } finally {
        clock.mockRestore();
      }
    });

    it("is Redis' own: a new process whose clock is behind knows that a grace is over", async () => {
      const store = start({ rotationGrace: 0.03 });
      const sid = await newSession(store);
      const next = await rotated(store, sid);
      await confirmed(store, next);
      await ended(store, sid);
      const real = Date.now.bind(Date);
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() - 10 * HOUR);
      try {
        const fresh = startAgain(store);
        expect(await fresh.load(sid)).toBeUndefined();
        expect(await fresh.load(next)).toBeDefined();
      } finally {
        clock.mockRestore();
      }
    });

    it('is behind after this process was suspended: a session that others have used since is due for a touch, which brings it', async () => {
      const store = start();
      const sid = await newSession(store);
      const record = await found(store, sid);
      expect(store.isTouchDue(record)).toBe(false);
      const running = performance.now.bind(performance);
      const clock = jest.spyOn(performance, 'now').mockImplementation(() => running() - 3_600_000);
      try {
        expect(store.isTouchDue(record)).toBe(true);
        const touched = await store.touch(sid, record, TERMS);
        expect(store.isTouchDue(touched!)).toBe(false);
      } finally {
        clock.mockRestore();
      }
    });

    it('is not known before the first answer, so no rotation is due', async () => {
      const store = start({ rotateAfter: 0.001 });
      const sid = await newSession(store);
      await passes(store, 5);
      const fresh = startAgain(store, { rotateAfter: 0.001 });
      const record = await found(fresh, sid);
      expect(fresh.isRotationDue(record)).toBe(false);
      await fresh.now();
      expect(fresh.isRotationDue(record)).toBe(true);
    });

    it('is not known before the first answer, so a touch is due', async () => {
      const store = start();
      const sid = await newSession(store);
      const fresh = startAgain(store);
      const record = await found(fresh, sid);
      expect(fresh.isTouchDue(record)).toBe(true);
      expect(fresh.msSinceSeen({ ...record, lastSeenAt: 0 })).toBe(0);
      const touched = await fresh.touch(sid, record, TERMS);
      expect(fresh.isTouchDue(touched!)).toBe(false);
      expect(fresh.msSinceSeen({ ...record, lastSeenAt: 0 })).toBeGreaterThan(0);
    });
  });

  it('takes the QUEUED of a MULTI on the same connection for no answer', async () => {
    const client = outside.duplicate();
    try {
      const prefix = nextPrefix();
      const store = sessionsOf(new RedisSessionStore(client, { prefix }));
      const sid = await newSession(store, { n: 1 });
      const record = await found(store, sid);
      await client.multi({ pipeline: false });
      const unavailable = { code: 'SESSION_STORE_UNAVAILABLE', reason: 'reply' };
      await expect(store.find(sid)).rejects.toMatchObject(unavailable);
      await expect(store.save(sid, record, deltaOf({ n: 2 }), TERMS)).rejects.toMatchObject(unavailable);
      await expect(store.describe([record.handle])).rejects.toMatchObject(unavailable);
      await expect(store.compareAndSet(record.handle, 'ada', 'n', () => '2')).rejects.toMatchObject(unavailable);
      await expect(sessionsOf(new RedisSessionStore(client, { prefix })).now()).rejects.toMatchObject(unavailable);
      await client.discard();
      expect((await found(store, sid)).entries).toEqual(entriesOf({ n: 1 }));
      expect(store.isTouchDue({ ...record, lastSeenAt: 0 })).toBe(true);
    } finally {
      client.disconnect();
    }
  });

  it('takes it for no time limit, either: a session that ended before one stays ended', async () => {
    const client = outside.duplicate();
    try {
      const store = sessionsOf(new RedisSessionStore(client, { prefix: nextPrefix(), revokeBefore: true }));
      const sid = generateSid();
      const { createdAt } = await store.create(sid, { entries: entriesOf({}), terms: TERMS, userId: 'ada' });
      await passes(store, 2);
      await store.endBefore('ada', createdAt! + 1);
      expect(await store.find(sid)).toBeUndefined();
      const get = client.get.bind(client);
      client.get = async (key) => {
        await client.multi({ pipeline: false });
        return get(key);
      };
      await expect(store.find(sid)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'reply' });
    } finally {
      client.disconnect();
    }
  });

  describe('out of memory', () => {
    async function withoutMemory(run: () => Promise<void>): Promise<void> {
      await outside.config('SET', 'maxmemory', '1');
      try {
        await run();
      } finally {
        await outside.config('SET', 'maxmemory', '0');
      }
    }

    it.each(['scripts known', 'scripts lost'])(
      'refuses a create, a save and a rotation and writes nothing, half or whole (%s)',
      async (scripts) => {
        const store = start();
        const sid = await newSession(store, { n: 1, m: 1 });
        const record = await found(store, sid);
        await everyScriptRan(store);
        const before = await dumpOf(store);
        await withoutMemory(async () => {
          if (scripts === 'scripts lost') await outside.script('FLUSH');
          const refusal = { code: 'SESSION_STORE_UNAVAILABLE', reason: 'OOM' };
          await expect(store.create(generateSid(), { entries: entriesOf({ n: 1 }), terms: TERMS })).rejects.toMatchObject(refusal);
          await expect(store.save(sid, record, deltaOf({ n: 2, m: undefined, o: 1 }), termsOf(5, { path: '/x' }))).rejects.toMatchObject(
            refusal,
          );
          await expect(store.rotate(sid, record, newSid(record.handle))).rejects.toMatchObject(refusal);
          await expect(store.increment(record, 'n', 1)).rejects.toMatchObject(refusal);
          expect(await dumpOf(store)).toBe(before);
        });
      },
    );

    it('lets a touch keep a session alive', async () => {
      const store = start({ ttl: 6_000 });
      const sid = await newSession(store, {}, termsOf(2_000_000));
      const record = await found(store, sid);
      await withoutMemory(async () => {
        const touched = await store.touch(sid, record, TERMS);
        expect(await ends(store, sid)).toBe(touched!.lastSeenAt + 6_000_000);
        expect(await store.load(sid)).toEqual(touched);
      });
    });

    it('lets a revocation end a session, and leaves word of it all the same', async () => {
      const store = start();
      const sid = await newSession(store, {}, TERMS, 'ada');
      await withoutMemory(async () => {
        expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' })).toBe(true);
        expect(await store.find(sid)).toEqual({ endedReason: 'x' });
      });
    });

    it('refuses compareAndSet and endBefore, and writes nothing', async () => {
      const store = start({ revokeBefore: true });
      const sid = await newSession(store, { n: 1 }, TERMS, 'ada');
      await everyScriptRan(store);
      const before = await dumpOf(store);
      await withoutMemory(async () => {
        const refusal = { code: 'SESSION_STORE_UNAVAILABLE', reason: 'OOM' };
        await expect(store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2')).rejects.toMatchObject(refusal);
        await expect(store.endBefore('ada', Date.now())).rejects.toMatchObject(refusal);
        await expect(store.rotate(sid, await found(store, sid), newSid(handleOf(sid)), { reauthenticated: true })).rejects.toMatchObject(
          refusal,
        );
        expect(await dumpOf(store)).toBe(before);
      });
    });

    it('names a session in use again, and lets all be listed, ended and removed', async () => {
      const { index } = start();
      const [old, lost] = [handleOf(generateSid()), handleOf(generateSid())];
      await index.refresh('ada', { handle: old, indexedAt: 1 }, 4e12);
      await withoutMemory(async () => {
        await index.refresh('ada', { handle: lost, indexedAt: 1 }, 4e12 + 1);
        const after = { handle: handleOf(generateSid()), score: 5e12 };
        expect((await index.page('ada', { limit: 5, after })).sessions).toHaveLength(2);
        const fence = await index.fence('ada', { ms: 1_000, reason: 'revoked' });
        expect(await index.nearest('ada', { limit: 5, fence })).toMatchObject([{ handle: old }, { handle: lost }]);
        await index.remove('ada', [old]);
        expect((await index.page('ada', { limit: 5 })).sessions.map(({ handle }) => handle)).toEqual([lost]);
      });
    });

    it('lets a destroy end a session', async () => {
      const store = start();
      const sid = await newSession(store);
      await withoutMemory(async () => {
        expect(await store.destroy(sid)).toBe(true);
        expect(await store.load(sid)).toBeUndefined();
      });
    });
  });

  describe('when Redis does not answer', () => {
    it('rejects every call, and says nothing of keys, arguments or data', async () => {
      const gone = await startRedis();
      const { client, close } = await openRedis(gone.url, () => undefined);
      const options = { prefix: 'the-prefix:', revokeBefore: true };
      const store = sessionsOf(new RedisSessionStore(client, options));
      const { sid, record } = await created(sessionsOf(new RedisSessionStore(gone.client(), options)), { card: 'the data' });
      await gone.kill();
      const calls: (() => Promise<unknown>)[] = [
        () => store.load(sid),
        () => store.create(generateSid(), { entries: entriesOf({ card: 'the data' }), terms: TERMS }),
        () => store.save(sid, record, deltaOf({ card: 'the data' }), TERMS),
        () => store.touch(sid, record, TERMS),
        () => store.rotate(sid, record, newSid(record.handle)),
        () => store.increment(record, 'card', 1),
        () => store.destroy(sid),
        () => store.describe([handleOf(sid)]),
        () => store.revoke(handleOf(sid), { userId: 'the user', reason: 'x' }),
        () => store.compareAndSet(handleOf(sid), 'the user', 'card', () => 'the data'),
        () => store.endBefore('the user', 1),
        () => store.index.reserve('the user', handleOf(sid), { ms: 1 }),
        () => store.index.confirm('the user', handleOf(sid), { indexedAt: 1, endsAt: 1 }),
        () => store.index.refresh('the user', record, 1),
        () => store.index.remove('the user', [handleOf(sid)]),
        () => store.index.leave('the user', record),
        () => store.index.fence('the user', { ms: 1, reason: 'revoked' }),
        () => store.index.nearest('the user', { limit: 1 }),
        () => store.index.page('the user', { limit: 1 }),
      ];
      for (const outcome of await Promise.allSettled(calls.map((call) => call()))) {
        const error: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
        expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
        const shown = Object.getOwnPropertyNames(error).map((name) => String((error as Record<string, unknown>)[name]));
        for (const secret of [sid, handleOf(sid), secretHashOf(sid), 'the data', 'the user', 'the-prefix'])
          expect(shown.join()).not.toContain(secret);
      }
      await store.drain();
      await close(100);
      await gone.stop();
    });

    it('says of an increment that its outcome is unknown', async () => {
      const frozen = await startRedis();
      const { client, close } = await openRedis(frozen.url, () => undefined);
      const store = sessionsOf(new RedisSessionStore(client));
      const { record } = await created(sessionsOf(new RedisSessionStore(frozen.client())));
      await untilStatus(client, 'ready');
      frozen.pause();
      await expect(store.increment(record, 'n', 1)).rejects.toMatchObject({ reason: 'outcome unknown' });
      frozen.resume();
      await close(100);
      await frozen.stop();
    });

    it('resolves when a write that hangs was given up', async () => {
      const frozen = await startRedis();
      const { client, close } = await openRedis(frozen.url, () => undefined);
      const store = sessionsOf(new RedisSessionStore(client));
      const { sid } = await created(sessionsOf(new RedisSessionStore(frozen.client())));
      await untilStatus(client, 'ready');
      frozen.pause();
      let isOver = false;
      const write = store.destroy(sid).catch(() => (isOver = true));
      await store.drain();
      await new Promise((resolve) => setImmediate(resolve));
      expect(isOver).toBe(true);
      await write;
      frozen.resume();
      await close(100);
      await frozen.stop();
    });
  });
});

const RECORD = Promise.resolve({
  handle: handleOf(generateSid()),
  createdAt: 1,
  lastSeenAt: 1,
  absoluteEndsAt: undefined,
  idle: 60_000,
  userId: undefined,
  authenticatedAt: undefined,
  indexedAt: undefined,
  rotatedAt: undefined,
  device: undefined,
  cookie: undefined,
  entries: new Map<string, string>(),
  secret: 'current' as const,
  presented: '',
});

function keyOf(store: IndexedSessions, sid: Sid): string {
  return store.settings.prefix + handleOf(sid);
}

/** When the key ends, epoch ms. */
function ends(store: IndexedSessions, sid: Sid): Promise<number> {
  return outside.pexpiretime(keyOf(store, sid));
}

async function writeHash(key: string, fields: Record<string, string>): Promise<void> {
  await outside.hset(key, fields);
  await outside.pexpire(key, 60_000);
}

/** All that Redis holds under the prefix of that store, TTLs included. */
async function dumpOf(store: IndexedSessions): Promise<string> {
  const keys = (await outside.keys(`${store.settings.prefix}*`)).toSorted();
  return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await outside.hgetall(key), await outside.pexpiretime(key)])));
}

async function everyScriptRan(store: IndexedSessions): Promise<void> {
  const sid = await newSession(store, {}, TERMS, 'ada');
  const record = await found(store, sid);
  await store.save(sid, record, deltaOf({ n: 1 }), TERMS);
  await store.touch(sid, record, TERMS);
  await rotated(store, sid);
  await store.increment(record, 'n', 1);
  await store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2');
  await store.destroy(sid);
  await store.revoke(handleOf(sid), { userId: 'ada', reason: 'x' });
  const { index } = store;
  await index.reserve('eve', handleOf(sid), { ms: 1_000 });
  await index.confirm('eve', handleOf(sid), { indexedAt: 4e12, endsAt: 4e12 });
  await index.refresh('eve', record, 4e12);
  await index.fence('eve', { ms: 1_000, reason: 'revoked' });
  await index.nearest('eve', { limit: 1 });
  await index.page('eve', { limit: 1 });
  await index.remove('eve', [handleOf(sid)]);
  await outside.del(`${store.settings.prefix}user:eve`);
}
