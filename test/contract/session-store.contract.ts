import { afterEach, describe, expect, it } from '@jest/globals';
import { expiresAt, type EncodedEntries, type EntryDelta, type Terms, type SessionRecord } from '../../src/session/session-record.js';
import { Sessions } from '../../src/session/sessions.js';
import type { RotateOptions, SessionStore } from '../../src/session/store/session-store.js';
import type { SessionEventMap, SessionEventName } from '../../src/session/session-event-map.js';
import { generateSid, handleOf, newSid, secretHashOf, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { inTime, TooLate, unlessLate } from '../support/in-time.js';
import { until } from '../support/until.js';

export interface OpenStore {
  readonly store: SessionStore;
  /** Fails when the store holds something that it should not; called after each test. */
  readonly check?: () => Promise<void>;
}

/** As much as a test needs of terms: the idle timeout in ms, and what is kept of the cookie. */
export function termsOf(idle?: number, cookie?: Terms['cookie']): Terms {
  return { idle, cookie, wholeCookie: {} };
}

export const TERMS = termsOf();

/** Entries as a session has them encoded. */
export function entriesOf(values: Record<string, unknown>): EncodedEntries {
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
}

/** What a save of those values writes; `undefined` removes. */
export function deltaOf(values: Record<string, unknown>): EntryDelta {
  const isRemoved = ([, value]: [string, unknown]) => value === undefined;
  const entries = Object.entries(values);
  return {
    set: entriesOf(Object.fromEntries(entries.filter((entry) => !isRemoved(entry)))),
    removed: entries.filter(isRemoved).map(([name]) => name),
  };
}

/** A sid that is not in our form. */
export const CUSTOM_SID = 'a custom sid that the application made' as Sid;

const ODD_NAMES = [
  'constructor',
  'toJSON',
  'toString',
  'hasOwnProperty',
  '@',
  '@meta',
  '@cookie',
  '@@x',
  '',
  ' ',
  'a.b',
  'a b',
  'ключ',
  '🍪',
  'a\nb\0c',
];

const HOUR = 3_600_000;

const GRACE = { rotationGrace: 0.03 };
const TWO_GRACES = 60;

/**
 * What the comments of `SessionStore` promise, a case for each sentence. `open` gives a store that holds no sessions of other tests.
 */
export function describeSessionStore(name: string, open: (options?: StoreOptions) => Promise<OpenStore>): void {
  describe(`SessionStore: ${name}`, () => {
    const checks: (() => Promise<void>)[] = [];

    async function start(options?: StoreOptions): Promise<Sessions> {
      const { store, check } = await open(options);
      if (check !== undefined) checks.push(check);
      return Sessions.of(store);
    }

    afterEach(async () => {
      for (const check of checks.splice(0)) await check();
    });

    describe('load', () => {
      it('answers with what was stored', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const sid = generateSid();
        const created = await store.create(sid, {
          entries: entriesOf({ cart: ['tea'], n: 1 }),
          terms: termsOf(undefined, { path: '/shop' }),
        });
        const loaded = await found(store, sid);
        expect(loaded).toEqual(created);
        expect(loaded).toEqual({
          handle: handleOf(sid),
          createdAt: expect.any(Number),
          lastSeenAt: created.createdAt,
          absoluteEndsAt: created.lastSeenAt + 600_000,
          idle: 60_000,
          cookie: { path: '/shop' },
          entries: entriesOf({ cart: ['tea'], n: 1 }),
          secret: 'current',
          presented: secretHashOf(sid),
        });
      });

      it('finds nothing under an unknown sid', async () => {
        const store = await start();
        expect(await store.load(generateSid())).toBeUndefined();
        expect(await store.load(CUSTOM_SID)).toBeUndefined();
        expect(await store.load('' as Sid)).toBeUndefined();
      });

      it('finds nothing with another secret, and says that it was reused', async () => {
        const store = await start();
        const events = listen(store, 'reused');
        const sid = await newSession(store, { n: 1 });
        expect(await store.load(newSid(handleOf(sid)))).toBeUndefined();
        expect(events).toEqual([{ handle: handleOf(sid) }]);
        expect(await store.load(sid)).toBeDefined();
      });

      it('finds a session by a sid of a custom form', async () => {
        const store = await start();
        await store.create(CUSTOM_SID, { entries: entriesOf({ n: 1 }), terms: TERMS });
        expect((await found(store, CUSTOM_SID)).entries).toEqual(entriesOf({ n: 1 }));
        expect(await store.load(`${CUSTOM_SID}!` as Sid)).toBeUndefined();
      });

      it('finds nothing once the idle timeout is over', async () => {
        const store = await start();
        const sid = await newSession(store);
        const record = await found(store, sid);
        await store.touch(sid, record, termsOf(30));
        await ended(store, sid);
      });

      it('finds nothing once the session was destroyed', async () => {
        const store = await start();
        const sid = await newSession(store);
        await store.destroy(sid);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('changes nothing', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1 });
        const first = await found(store, sid);
        expect(await store.load(sid)).toEqual(first);
        // Reading all the time does not keep one alive.
        await ended(store, await newSession(store, {}, termsOf(150)));
      });
    });

    describe('create', () => {
      it('stores a session without entries', async () => {
        const store = await start();
        const sid = generateSid();
        await store.create(sid, { entries: new Map(), terms: TERMS });
        expect((await found(store, sid)).entries).toEqual(new Map());
      });

      it('refuses a handle that exists, and leaves that session as it is', async () => {
        const store = await start();
        const events = listen(store, 'reused');
        const sid = await newSession(store, { n: 1 });
        const before = await found(store, sid);
        await expect(store.create(newSid(handleOf(sid)), { entries: entriesOf({ n: 2 }), terms: termsOf(5) })).rejects.toMatchObject({
          code: 'SESSION_CONFLICT',
        });
        expect(await store.load(sid)).toEqual(before);
        expect(events).toEqual([]);
      });

      it('answers a repetition with the session as it is by now', async () => {
        const store = await start();
        const sid = generateSid();
        const session = { entries: entriesOf({ n: 1 }), terms: TERMS };
        const created = await store.create(sid, session);
        expect(await store.create(sid, session)).toEqual(created);
        await store.save(sid, created, deltaOf({ n: 2 }), termsOf(90_000, { path: '/x' }));
        const now = await found(store, sid);
        expect(await store.create(sid, session)).toEqual(now);
        expect(await store.load(sid)).toEqual(now);
        expect(now.entries).toEqual(entriesOf({ n: 2 }));
      });

      it('always refuses a sid of a custom form that exists: it may be a genid that repeats itself', async () => {
        const store = await start();
        await store.create(CUSTOM_SID, { entries: entriesOf({ n: 1 }), terms: TERMS });
        const again = store.create(CUSTOM_SID, { entries: entriesOf({ n: 2 }), terms: TERMS });
        await expect(again).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
        expect((await found(store, CUSTOM_SID)).entries).toEqual(entriesOf({ n: 1 }));
      });

      it('takes the handle of a session that has ended', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1 });
        await store.destroy(sid);
        await store.create(sid, { entries: entriesOf({ m: 1 }), terms: TERMS });
        expect((await found(store, sid)).entries).toEqual(entriesOf({ m: 1 }));
      });

      it.each<[string, StoreOptions, Record<string, unknown>]>([
        ['an entry', { maxFieldBytes: 10 }, { text: 'x'.repeat(9) }],
        ['the whole', { maxBytes: 20 }, { ab: 'x'.repeat(8), cd: 'x'.repeat(8) }],
        ['the number of entries', { maxFields: 2 }, { a: 1, b: 2, c: 3 }],
      ])('refuses a session of which %s is too large, and stores nothing', async (_what, limits, values) => {
        const store = await start(limits);
        const sid = generateSid();
        await expect(store.create(sid, { entries: entriesOf(values), terms: TERMS })).rejects.toMatchObject({
          code: 'SESSION_LIMIT_EXCEEDED',
        });
        expect(await store.load(sid)).toBeUndefined();
      });

      it('stores a session that is exactly as large as allowed', async () => {
        const store = await start({ maxFieldBytes: 12, maxBytes: 24, maxFields: 2 });
        const values = { ab: 'x'.repeat(8), é: 'x'.repeat(8) };
        const sid = await newSession(store, values);
        expect((await found(store, sid)).entries).toEqual(entriesOf(values));
      });

      it.each(['__proto__', 'half \ud83c', '\udf6a pair'])('refuses an entry called %j', async (entry) => {
        const store = await start();
        const sid = generateSid();
        const entries = new Map([[entry, '1']]);
        await expect(store.create(sid, { entries, terms: TERMS })).rejects.toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE' });
        expect(await store.load(sid)).toBeUndefined();
      });
    });

    describe('save', () => {
      it('writes what changed and nothing else', async () => {
        const store = await start();
        const sid = await newSession(store, { kept: 1, changed: 1, removed: 1 });
        const record = await found(store, sid);
        const saved = await store.save(sid, record, deltaOf({ changed: 2, added: 3, removed: undefined }), TERMS);
        expect(saved?.entries).toEqual(entriesOf({ kept: 1, changed: 2, added: 3 }));
        expect((await found(store, sid)).entries).toEqual(entriesOf({ kept: 1, changed: 2, added: 3 }));
      });

      it('leaves entries as they are that others changed meanwhile', async () => {
        const store = await start();
        const sid = await newSession(store, { theirs: 1, gone: 1, mine: 1 });
        const record = await found(store, sid);
        await store.save(sid, record, deltaOf({ theirs: 2, gone: undefined, added: 2 }), TERMS);
        await store.save(sid, record, deltaOf({ mine: 2 }), TERMS);
        expect((await found(store, sid)).entries).toEqual(entriesOf({ theirs: 2, added: 2, mine: 2 }));
      });

      it('keeps all of 26 different entries that 26 parallel saves write', async () => {
        const store = await start();
        const sid = await newSession(store);
        const letters = 'abcdefghijklmnopqrstuvwxyz'.split('');
        const saves = letters.map(async (letter) => store.save(sid, await found(store, sid), deltaOf({ [letter]: letter }), TERMS));
        await Promise.all(saves);
        expect((await found(store, sid)).entries).toEqual(entriesOf(Object.fromEntries(letters.map((letter) => [letter, letter]))));
      });

      it('answers with a record as a load after it would, if nobody else writes', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1 });
        const saved = await store.save(sid, await found(store, sid), deltaOf({ n: 2, m: 1 }), termsOf(70_000, { httpOnly: false }));
        expect(await store.load(sid)).toEqual(saved);
      });

      it('changes nothing more when repeated', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1, m: 1 });
        const record = await found(store, sid);
        const delta = deltaOf({ n: 2, m: undefined });
        await store.save(sid, record, delta, TERMS);
        const once = await found(store, sid);
        await store.save(sid, record, delta, TERMS);
        expect(await store.load(sid)).toEqual({ ...once, lastSeenAt: expect.any(Number) });
      });

      it('starts the idle timeout anew, as a touch does', async () => {
        const store = await start({ ttl: 3_600 });
        await unlessLate(async (life) => {
          const { sid, record } = await created(store, {}, termsOf(life));
          const saved = await inTime(store, record, store.save(sid, record, deltaOf({ n: 1 }), TERMS));
          expect(saved).toMatchObject({ idle: 3_600_000, createdAt: record.createdAt });
          await passes(store, life);
          expect(await store.load(sid)).toBeDefined();
        });
      });

      it('writes nothing when the session was destroyed meanwhile, and says that it was lost', async () => {
        const store = await start();
        const events = listen(store, 'lost');
        const sid = await newSession(store, { n: 1 });
        const record = await found(store, sid);
        await store.destroy(sid);
        expect(await store.save(sid, record, deltaOf({ n: 2 }), TERMS)).toBeUndefined();
        expect(await store.load(sid)).toBeUndefined();
        expect(events).toEqual([{ handle: handleOf(sid) }]);
      });

      it('writes nothing when the session has expired meanwhile', async () => {
        const store = await start({ ttl: 0.1 });
        const events = listen(store, 'lost');
        const { sid, record } = await created(store, { n: 1 });
        await ended(store, sid);
        expect(await store.save(sid, record, deltaOf({ n: 2 }), termsOf(60_000))).toBeUndefined();
        expect(await store.load(sid)).toBeUndefined();
        expect(events).toHaveLength(1);
      });

      it('writes nothing to a later session under the same handle', async () => {
        const store = await start();
        const { record, next } = await supersede(store, CUSTOM_SID);
        expect(await store.save(CUSTOM_SID, record, deltaOf({ n: 'late' }), termsOf(5))).toBeUndefined();
        expect(await store.load(CUSTOM_SID)).toEqual(next);
      });

      it('writes also when the secret was rotated meanwhile', async () => {
        const store = await start({ rotationGrace: 0 });
        const sid = await newSession(store, { n: 1 });
        const record = await found(store, sid);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.save(sid, record, deltaOf({ n: 2 }), TERMS)).toBeDefined();
        expect((await found(store, next)).entries).toEqual(entriesOf({ n: 2 }));
      });

      it.each<[string, StoreOptions, Record<string, unknown>]>([
        ['an entry', { maxFieldBytes: 10 }, { a: 'x'.repeat(9) }],
        ['the whole', { maxBytes: 20 }, { a: 'x'.repeat(8), b: 'x'.repeat(8) }],
        ['the number of entries', { maxFields: 2 }, { b: 1, c: 1 }],
      ])('refuses to make %s too large, and writes nothing', async (_what, limits, values) => {
        const store = await start(limits);
        const sid = await newSession(store, { a: 1 });
        const record = await found(store, sid);
        await expect(store.save(sid, record, deltaOf(values), termsOf(5))).rejects.toMatchObject({ code: 'SESSION_LIMIT_EXCEEDED' });
        expect(await store.load(sid)).toEqual(record);
      });

      it('lets a session that is too large already shrink, but not grow', async () => {
        const store = await start({ maxFieldBytes: 11, maxBytes: 20, maxFields: 2 });
        const sid = await newSession(store);
        // Three parallel saves, each of which finds room enough.
        const empty = await found(store, sid);
        for (const entry of ['a', 'b', 'c']) await store.save(sid, empty, deltaOf({ [entry]: 'xxxxxxxx' }), TERMS);
        const record = await found(store, sid);
        await expect(store.save(sid, record, deltaOf({ d: 1 }), TERMS)).rejects.toMatchObject({ code: 'SESSION_LIMIT_EXCEEDED' });
        const shrunk = await store.save(sid, record, deltaOf({ a: 'xxxxxxx', b: undefined }), TERMS);
        expect(shrunk?.entries).toEqual(entriesOf({ a: 'xxxxxxx', c: 'xxxxxxxx' }));
      });

      it.each(['__proto__', 'half \ud83c'])('refuses an entry called %j', async (entry) => {
        const store = await start();
        const sid = await newSession(store);
        const delta = { set: new Map([[entry, '1']]), removed: [] };
        await expect(store.save(sid, await found(store, sid), delta, TERMS)).rejects.toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE' });
        expect((await found(store, sid)).entries).toEqual(new Map());
      });
    });

    describe('touch', () => {
      it('starts the idle timeout anew', async () => {
        const store = await start({ ttl: 3_600 });
        await unlessLate(async (life) => {
          const { sid, record } = await created(store, { n: 1 }, termsOf(life));
          const touched = await inTime(store, record, store.touch(sid, record, TERMS));
          expect(touched).toEqual({ ...record, lastSeenAt: expect.any(Number), idle: 3_600_000 });
          expect(touched.lastSeenAt).toBeGreaterThanOrEqual(record.lastSeenAt);
          await passes(store, life);
          expect(await store.load(sid)).toEqual(touched);
        });
      });

      it('keeps a session alive for as long as touches come', async () => {
        const store = await start();
        await unlessLate(async (life) => {
          const { sid, record } = await created(store, {}, termsOf(life));
          const beyond = record.lastSeenAt + 1.5 * life;
          let latest = record;
          while (latest.lastSeenAt < beyond) latest = await inTime(store, latest, store.touch(sid, latest, termsOf(life)));
          // So that a load finds it however late it comes.
          await inTime(store, latest, store.touch(sid, latest, TERMS));
          expect(await store.load(sid)).toBeDefined();
        });
      });

      it('takes a shorter idle timeout at once', async () => {
        const store = await start({ ttl: 60 });
        const sid = await newSession(store);
        await store.touch(sid, await found(store, sid), termsOf(30));
        await ended(store, sid);
      });

      it('leaves entries as they are, also those that others changed meanwhile', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1 });
        const record = await found(store, sid);
        await store.save(sid, record, deltaOf({ n: 2 }), TERMS);
        await store.touch(sid, record, TERMS);
        expect((await found(store, sid)).entries).toEqual(entriesOf({ n: 2 }));
      });

      it('keeps the cookie attributes that the terms names, and forgets them when it names none', async () => {
        const store = await start();
        const sid = await newSession(store);
        const cookie = {
          originalMaxAge: 5_000,
          sameSite: 'strict',
          secure: true,
          domain: 'shop.example',
          path: '/a b',
        } as const;
        await store.touch(sid, await found(store, sid), termsOf(undefined, cookie));
        const record = await found(store, sid);
        expect(record.cookie).toEqual(cookie);
        await store.touch(sid, record, TERMS);
        expect((await found(store, sid)).cookie).toBeUndefined();
      });

      it.each<[string, (...args: [Sessions, Sid, SessionRecord, Terms]) => Promise<SessionRecord | undefined>]>([
        ['touch', (store, sid, record, terms) => store.touch(sid, record, terms)],
        ['save', (store, sid, record, terms) => store.save(sid, record, deltaOf({ n: 2 }), terms)],
      ])(
        'leaves the cookie attributes that others changed meanwhile and their idle timeout, as %s does, unless it changes them too',
        async (_, write) => {
          const store = await start();
          const sid = await newSession(store);
          const record = await found(store, sid);
          const remembered = termsOf(5_000_000, { originalMaxAge: 5_000_000 });
          await store.save(sid, record, deltaOf({ remembered: true }), remembered);
          const written = await write(store, sid, record, TERMS);
          expect(written?.idle).toBe(5_000_000);
          // Nor by a second write of the same request.
          await write(store, sid, written!, TERMS);
          expect(await found(store, sid)).toMatchObject({ idle: 5_000_000, cookie: { originalMaxAge: 5_000_000 } });
          await write(store, sid, record, termsOf(4_000, { originalMaxAge: 4_000 }));
          expect(await found(store, sid)).toMatchObject({ idle: 4_000, cookie: { originalMaxAge: 4_000 } });
          await write(store, sid, await found(store, sid), TERMS);
          expect((await found(store, sid)).cookie).toBeUndefined();
        },
      );

      it('does not revive a session that was destroyed, and says that it was lost', async () => {
        const store = await start();
        const events = listen(store, 'lost');
        const sid = await newSession(store);
        const record = await found(store, sid);
        await store.destroy(sid);
        expect(await store.touch(sid, record, TERMS)).toBeUndefined();
        expect(await store.load(sid)).toBeUndefined();
        expect(events).toEqual([{ handle: handleOf(sid) }]);
      });

      it('does not touch a later session under the same handle', async () => {
        const store = await start();
        const { record, next } = await supersede(store, CUSTOM_SID);
        expect(await store.touch(CUSTOM_SID, record, termsOf(5))).toBeUndefined();
        expect(await store.load(CUSTOM_SID)).toEqual(next);
      });
    });

    describe('rotate', () => {
      it('gives the session a new secret and keeps all else, its end too', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1 }, termsOf(50_000, { path: '/x' }));
        const record = await found(store, sid);
        const next = newSid(record.handle);
        const after = { ...record, rotatedAt: expect.any(Number) };
        expect(await store.rotate(sid, record, next)).toEqual({ rotated: true, record: after });
        expect(await store.load(next)).toEqual({ ...after, presented: secretHashOf(next), secret: 'unconfirmed' });
        expect(await store.load(sid)).toEqual({ ...after, presented: secretHashOf(sid), secret: 'previous' });
      });

      it('does not prolong the session', async () => {
        const store = await start();
        await unlessLate(async (life) => {
          const { sid, record } = await created(store, {}, termsOf(life));
          const next = newSid(record.handle);
          expect(await inTime(store, record, store.rotate(sid, record, next))).toMatchObject({ rotated: true });
          await ended(store, next);
        });
      });

      it('keeps the secret before good until the new one is presented, however long that takes', async () => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        await rotated(store, sid);
        await passes(store, 60);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
      });

      it.each<[string, (store: Sessions, sid: Sid, record: SessionRecord) => Promise<unknown>]>([
        ['save', (store, sid, record) => store.save(sid, record, deltaOf({ n: 1 }), TERMS)],
        ['touch', (store, sid, record) => store.touch(sid, record, TERMS)],
      ])('ends the secret before, a grace after the first %s with the new one', async (_what, use) => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        expect(store.isTouchDue(await found(store, next))).toBe(true);
        await use(store, next, await found(store, next));
        expect(await found(store, next)).toMatchObject({ secret: 'current' });
        await ended(store, sid);
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it('keeps the secret before good during the grace, for reading and writing', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store, { n: 1 });
        const next = await rotated(store, sid);
        await confirmed(store, next);
        const late = await found(store, sid);
        expect(late.secret).toBe('previous');
        expect(await store.save(sid, late, deltaOf({ n: 2 }), TERMS)).toMatchObject({ secret: 'previous' });
        expect((await found(store, next)).entries).toEqual(entriesOf({ n: 2 }));
      });

      it('does not let the secret before prolong its grace', async () => {
        const store = await start({ rotationGrace: 0.08 });
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        await until(async () => {
          const record = await store.load(sid);
          if (record !== undefined) await store.touch(sid, record, TERMS);
          return record === undefined;
        }, 'the grace is over');
        expect(await store.load(next)).toBeDefined();
      });

      it('starts the grace once, when several requests are the first with the new secret', async () => {
        const store = await start({ rotationGrace: 0.08 });
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        const early = await found(store, next);
        await confirmed(store, next);
        await until(async () => {
          await store.touch(next, early, TERMS);
          return (await store.load(sid)) === undefined;
        }, 'the grace is over');
      });

      it('does not start the grace by writes of the request that rotated: its answer may get lost', async () => {
        const store = await start({ rotationGrace: 0 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        const next = newSid(record.handle);
        const rotation = await store.rotate(sid, record, next);
        await store.save(next, rotation!.record, deltaOf({ n: 1 }), TERMS);
        await store.touch(next, rotation!.record, TERMS);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
        expect(await store.load(next)).toMatchObject({ secret: 'unconfirmed' });
      });

      it('does not start the grace by writes that began before the rotation', async () => {
        const store = await start({ rotationGrace: 0 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        await rotated(store, sid);
        await store.save(sid, record, deltaOf({ n: 1 }), TERMS);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
      });

      it('does nothing while an earlier rotation is not confirmed and younger than the grace', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        const [first, second] = [newSid(record.handle), newSid(record.handle)];
        const rotations = await Promise.all([store.rotate(sid, record, first), store.rotate(sid, record, second)]);
        expect(rotations.map((rotation) => rotation?.rotated)).toEqual([true, false]);
        expect(await store.load(second)).toBeUndefined();
        expect(await store.load(first)).toMatchObject({ secret: 'unconfirmed' });
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
      });

      it('keeps every secret good that may have been told, until one of them is presented', async () => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        const first = await rotated(store, sid);
        await passes(store, 70);
        const second = await rotated(store, sid);
        for (const other of [first, second]) expect(await store.load(other)).toMatchObject({ secret: 'unconfirmed' });
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
        await confirmed(store, first);
        await ended(store, sid);
        await ended(store, second);
        expect(await store.load(first)).toMatchObject({ secret: 'current' });
      });

      it('does nothing for a request that was loaded less than two graces after the last rotation: its browser may be about to get that answer', async () => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        await rotated(store, sid);
        const early = await found(store, sid);
        await passes(store, 70);
        expect(await store.rotate(sid, early, newSid(early.handle), { age: 60_000 })).toMatchObject({
          rotated: false,
          record: { secret: 'previous' },
        });
        const late = await found(store, sid);
        expect(await store.rotate(sid, late, newSid(late.handle))).toMatchObject({ rotated: true });
      });

      it('counts the two graces from when the new secret was told, for a request that took long', async () => {
        const store = await start(GRACE);
        await unlessLate(async (long) => {
          const sid = await newSession(store);
          const slow = await found(store, sid);
          const next = newSid(slow.handle);
          const { record } = (await store.rotate(sid, slow, next))!;
          await passes(store, long);
          const told = await store.touch(next, record, TERMS);
          const other = await found(store, sid);
          // Loaded two graces after the new secret was made, and as long before it was told.
          const { rotated } = (await store.rotate(sid, other, newSid(other.handle), { age: long - TWO_GRACES }))!;
          if (rotated && (await store.now()) >= told!.lastSeenAt + long) throw new TooLate();
          expect(rotated).toBe(false);
        });
      });

      it('remembers at most four secrets besides the current one, and drops none that may have been told', async () => {
        const store = await start({ rotationGrace: 0 });
        const sid = await newSession(store);
        const told = [await rotated(store, sid), await rotated(store, sid), await rotated(store, sid), await rotated(store, sid)];
        const record = await found(store, sid);
        const fifth = newSid(record.handle);
        expect(await store.rotate(sid, record, fifth)).toMatchObject({ rotated: false });
        expect(await store.load(fifth)).toBeUndefined();
        for (const secret of [sid, ...told]) expect(await store.load(secret)).toBeDefined();
        await confirmed(store, told[1]!);
        expect(await store.load(told[1]!)).toMatchObject({ secret: 'current' });
        await rotated(store, told[1]!);
      });

      it('cannot be used by who has an older secret to end a newer one that its owner has not presented yet', async () => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        const owners = await rotated(store, sid);
        await passes(store, 70);
        const thief = await rotated(store, sid);
        await store.touch(sid, await found(store, sid), TERMS);
        expect(await store.load(owners)).toMatchObject({ secret: 'unconfirmed' });
        await confirmed(store, owners);
        await ended(store, thief);
      });

      it('signs no browser out whose second, slow request rotates after the first: the secret of the first stays good', async () => {
        const store = await start(GRACE);
        const sid = await newSession(store);
        const quick = await rotated(store, sid);
        const slow = await found(store, sid);
        await passes(store, 70);
        await store.rotate(sid, slow, newSid(slow.handle), { age: 60_000 });
        expect(await store.load(quick)).toMatchObject({ secret: 'unconfirmed' });
      });

      it('does nothing for the secret before once the new one is confirmed', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        const third = newSid(handleOf(sid));
        expect(await store.rotate(sid, await found(store, sid), third)).toMatchObject({ rotated: false, record: { secret: 'previous' } });
        expect(await store.load(third)).toBeUndefined();
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it('does nothing for a secret before the previous one', async () => {
        const store = await start(GRACE);
        const first = await newSession(store);
        const record = await found(store, first);
        const second = await rotated(store, first);
        await confirmed(store, second);
        await rotated(store, second);
        await passes(store, 40);
        const thief = newSid(handleOf(first));
        expect(await store.rotate(first, record, thief)).toMatchObject({ rotated: false });
        expect(await store.load(thief)).toBeUndefined();
      });

      it('counts as presenting the new secret, and starts the grace of the one before', async () => {
        const store = await start(GRACE);
        const first = await newSession(store);
        const second = await rotated(store, first);
        const third = await rotated(store, second);
        await ended(store, first);
        expect(await store.load(second)).toMatchObject({ secret: 'previous' });
        expect(await store.load(third)).toMatchObject({ secret: 'unconfirmed' });
      });

      it('leaves a secret that was confirmed long ago no way back', async () => {
        const store = await start(GRACE);
        const first = await newSession(store);
        const second = await rotated(store, first);
        await confirmed(store, second);
        await ended(store, first);
        const third = await rotated(store, second);
        expect(await store.load(first)).toBeUndefined();
        expect(await store.load(second)).toMatchObject({ secret: 'previous' });
        expect(await store.load(third)).toMatchObject({ secret: 'unconfirmed' });
      });

      it('does nothing for a request that began before an unconfirmed rotation: its answer may have arrived', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const [first, second] = [await found(store, sid), await found(store, sid)];
        const next = newSid(first.handle);
        expect(await store.rotate(sid, first, next)).toMatchObject({ rotated: true });
        expect(await store.rotate(sid, second, newSid(first.handle))).toMatchObject({ rotated: false });
        expect(await store.load(next)).toBeDefined();
      });

      it('changes nothing more when repeated, also after the new secret was presented', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        const next = newSid(record.handle);
        const first = await store.rotate(sid, record, next);
        expect(await store.rotate(sid, record, next)).toEqual(first);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
        await confirmed(store, next);
        expect(await store.rotate(sid, record, next)).toEqual(first);
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it('does not revive a session that was destroyed, and says that it was lost', async () => {
        const store = await start();
        const events = listen(store, 'lost');
        const sid = await newSession(store);
        const record = await found(store, sid);
        await store.destroy(sid);
        const next = newSid(record.handle);
        expect(await store.rotate(sid, record, next)).toBeUndefined();
        expect(await store.load(next)).toBeUndefined();
        expect(events).toEqual([{ handle: handleOf(sid) }]);
      });

      it('does not rotate a later session under the same handle', async () => {
        const store = await start();
        const sid = generateSid();
        const { record, next } = await supersede(store, sid);
        expect(await store.rotate(sid, record, newSid(record.handle))).toBeUndefined();
        expect(await store.load(sid)).toEqual(next);
      });

      it('is possible for sids of our form only', async () => {
        const store = await start();
        expect(store.canRotate(generateSid())).toBe(true);
        expect(store.canRotate(CUSTOM_SID)).toBe(false);
      });
    });

    describe('increment', () => {
      it('adds to an entry, of which an absent one counts as 0, and answers with the sum', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 40 });
        const record = await found(store, sid);
        expect(await store.increment(record, 'n', 2)).toBe(42);
        expect(await store.increment(record, 'n', -50)).toBe(-8);
        expect(await store.increment(record, '@m', 3)).toBe(3);
        expect(await store.increment(record, 'zero', 0)).toBe(0);
        expect((await found(store, sid)).entries).toEqual(entriesOf({ n: -8, '@m': 3, zero: 0 }));
      });

      it('counts all of 30 that come in parallel', async () => {
        const store = await start();
        const sid = await newSession(store, { other: 1 });
        const record = await found(store, sid);
        const sums = await Promise.all(Array.from({ length: 30 }, () => store.increment(record, 'n', 1)));
        expect(new Set(sums).size).toBe(30);
        expect((await found(store, sid)).entries).toEqual(entriesOf({ other: 1, n: 30 }));
      });

      it('changes nothing but that entry', async () => {
        const store = await start();
        const sid = await newSession(store, { n: 1, m: 1 }, termsOf(50_000, { path: '/x' }));
        const record = await found(store, sid);
        await store.increment(record, 'n', 1);
        expect(await store.load(sid)).toEqual({ ...record, entries: entriesOf({ n: 2, m: 1 }) });
      });

      it('adds again when it is repeated', async () => {
        const store = await start();
        const record = await found(store, await newSession(store));
        expect([await store.increment(record, 'n', 1), await store.increment(record, 'n', 1)]).toEqual([1, 2]);
      });

      it.each(['"1"', '1.5', '1e3', '[1]', '', ' 1', '1\n', '+1', 'null', '9007199254740992', '-9007199254740993', '1'.repeat(30)])(
        'refuses an entry that holds %j, and leaves it',
        async (text) => {
          const store = await start();
          const sid = generateSid();
          const record = await store.create(sid, { entries: new Map([['n', text]]), terms: TERMS });
          await expect(store.increment(record, 'n', -1)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
          expect(await store.load(sid)).toEqual(record);
        },
      );

      it('counts exactly as far as numbers do, and no further', async () => {
        const store = await start();
        const { MAX_SAFE_INTEGER: most, MIN_SAFE_INTEGER: least } = Number;
        const sid = await newSession(store, { n: most - 1, m: least + 1 });
        const record = await found(store, sid);
        expect(await store.increment(record, 'n', 1)).toBe(most);
        expect(await store.increment(record, 'm', -1)).toBe(least);
        await expect(store.increment(record, 'n', 1)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
        await expect(store.increment(record, 'm', -1)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
        expect((await found(store, sid)).entries).toEqual(entriesOf({ n: most, m: least }));
      });

      it('does not revive a session that was destroyed, and says that it was lost', async () => {
        const store = await start();
        const events = listen(store, 'lost');
        const sid = await newSession(store, { n: 1 });
        const record = await found(store, sid);
        await store.destroy(sid);
        expect(await store.increment(record, 'n', 1)).toBeUndefined();
        expect(await store.load(sid)).toBeUndefined();
        expect(events).toEqual([{ handle: handleOf(sid) }]);
      });

      it('does not add in a later session under the same handle', async () => {
        const store = await start();
        const { record, next } = await supersede(store, CUSTOM_SID);
        expect(await store.increment(record, 'm', 1)).toBeUndefined();
        expect(await store.load(CUSTOM_SID)).toEqual(next);
      });

      it('refuses to make the session too large, or a name that cannot be stored', async () => {
        const store = await start({ maxFields: 1 });
        const sid = await newSession(store, { n: 1 });
        const record = await found(store, sid);
        await expect(store.increment(record, 'm', 1)).rejects.toMatchObject({ code: 'SESSION_LIMIT_EXCEEDED' });
        await expect(store.increment({ ...record, entries: new Map() }, '__proto__', 1)).rejects.toMatchObject({
          code: 'SESSION_NOT_SERIALIZABLE',
        });
        expect(await store.load(sid)).toEqual(record);
      });

      it('refuses where integers are not stored as themselves', async () => {
        const serializer = {
          stringify: (value: unknown) => `v1:${JSON.stringify(value)}`,
          parse: (text: string) => JSON.parse(text.slice(3)) as unknown,
        };
        const store = await start({ serializer });
        const record = await found(store, await newSession(store));
        await expect(store.increment(record, 'n', 1)).rejects.toMatchObject({ code: 'SESSION_UNSUPPORTED' });
      });
    });

    describe('destroy', () => {
      it('ends nothing when somebody else has ended the session before, and leaves the reason to be told', async () => {
        const store = await start();
        const sid = generateSid();
        await store.create(sid, { entries: new Map(), terms: TERMS, userId: 'ada' });
        expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: 'revoked' })).toBe(true);
        expect(await store.destroy(sid)).toBe(false);
        expect(await store.find(sid)).toEqual({ endedReason: 'revoked' });
      });

      it('ends a session, and is false when there is none', async () => {
        const store = await start();
        const sid = await newSession(store);
        const other = await newSession(store);
        expect(await store.destroy(sid)).toBe(true);
        expect(await store.destroy(sid)).toBe(false);
        expect(await store.destroy(generateSid())).toBe(false);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(other)).toBeDefined();
      });

      it('ends a session whose secret was replaced meanwhile', async () => {
        const store = await start({ rotationGrace: 0 });
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        expect(await store.destroy(sid)).toBe(true);
        expect(await store.load(next)).toBeUndefined();
      });

      it('is false for a session that has expired', async () => {
        const store = await start({ ttl: 0.03 });
        const sid = await newSession(store);
        await ended(store, sid);
        expect(await store.destroy(sid)).toBe(false);
      });

      it('of a copied session ends it only as it was copied', async () => {
        const store = await start();
        const odd = entriesOf({ cart: ['tea'], '@meta': 1, '@': 2, '': 3, ключ: '🍪', '@@': null });
        for (const [what, entries, write] of [
          ['changed', odd, deltaOf({ cart: [] })],
          ['added', odd, deltaOf({ note: 1 })],
          ['added beside metadata', new Map<string, string>(), deltaOf({ '@meta': 1 })],
          ['removed', odd, { set: new Map<string, string>(), removed: ['@'] }],
          ['replaced', odd, { set: entriesOf({ other: 1 }), removed: ['cart'] }],
          ['given to another user', odd, { ...deltaOf({}), userId: 'grace' }],
        ] as const) {
          const sid = generateSid();
          await store.create(sid, { entries, terms: TERMS, userId: 'ada' });
          const copied = await found(store, sid);
          await store.save(sid, copied, write, TERMS);
          expect([what, await store.destroyCopied(copied, sid)]).toEqual([what, 'changed']);
          const now = await found(store, sid);
          await store.touch(sid, now, { ...TERMS, cookie: { secure: true }, device: { ip: '::1' } });
          expect([what, await store.destroyCopied(now, sid)]).toEqual([what, 'ended']);
          expect([what, await store.destroyCopied(now, sid)]).toEqual([what, 'gone']);
          expect(await store.load(sid)).toBeUndefined();
        }
      });

      it('of a copied session is not for a request whose secret a reauthentication has ended, nor of a later session', async () => {
        const store = await start();
        const sid = generateSid();
        const copied = await store.create(sid, { entries: entriesOf({ cart: [] }), terms: TERMS, userId: 'ada' });
        await passes(store, 2);
        const next = newSid(handleOf(sid));
        await store.rotate(sid, copied, next, { reauthenticated: true });
        expect(await store.destroyCopied(copied, sid)).toBe('gone');
        expect(await store.load(next)).toBeDefined();

        const first = await store.create(CUSTOM_SID, { entries: entriesOf({}), terms: TERMS });
        await store.destroy(CUSTOM_SID);
        await passes(store, 2);
        await store.create(CUSTOM_SID, { entries: entriesOf({}), terms: TERMS });
        expect(await store.destroyCopied(first, CUSTOM_SID)).toBe('gone');
        expect(await store.load(CUSTOM_SID)).toBeDefined();
      });

      it('leaves nothing behind when 20 saves, touches and rotations are under way', async () => {
        const store = await start();
        const sid = await newSession(store);
        const record = await found(store, sid);
        const before = Array.from({ length: 10 }, (_, n) => store.save(sid, record, deltaOf({ n }), TERMS));
        const destroyed = store.destroy(sid);
        const after = Array.from({ length: 10 }, (_, n) =>
          n % 2 === 0 ? store.touch(sid, record, TERMS) : store.rotate(sid, record, newSid(record.handle)),
        );
        await Promise.all([...before, ...after]);
        expect(await destroyed).toBe(true);
        expect(await store.load(sid)).toBeUndefined();
      });
    });

    describe('time', () => {
      it('ends a session at its absolute end, whatever comes', async () => {
        const store = await start({ ttl: 0.1, absoluteTtl: 0.15 });
        const { sid, record: first } = await created(store);
        const { absoluteEndsAt } = first;
        expect(absoluteEndsAt).toBe(first.lastSeenAt + 150);
        let latest = first;
        let record: SessionRecord | undefined = first;
        while (record !== undefined) {
          expect(record.absoluteEndsAt).toBe(absoluteEndsAt);
          expect(expiresAt(record)).toBeLessThanOrEqual(absoluteEndsAt!);
          latest = record;
          record =
            latest.lastSeenAt % 2 === 0 ? await store.touch(sid, latest, TERMS) : await store.save(sid, latest, deltaOf({ n: 1 }), TERMS);
        }
        expect(latest.lastSeenAt).toBeLessThan(absoluteEndsAt!);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('does not move the absolute end when the configuration or the terms changes', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 120 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        const touched = await store.touch(sid, record, termsOf(3_600_000));
        expect(touched).toMatchObject({ absoluteEndsAt: record.absoluteEndsAt, idle: 3_600_000 });
        expect(expiresAt(touched!)).toBe(record.absoluteEndsAt);
      });

      it('takes over the absolute end that it is given', async () => {
        const store = await start();
        const old = await newSession(store);
        const absoluteEndsAt = (await found(store, old)).lastSeenAt + 40;
        const sid = generateSid();
        const created = await store.create(sid, { entries: new Map(), terms: TERMS, absoluteEndsAt });
        expect(created.absoluteEndsAt).toBe(absoluteEndsAt);
        await ended(store, sid);
      });

      it('stores nothing that lasts when the given absolute end is over', async () => {
        const store = await start();
        const old = await newSession(store);
        const sid = generateSid();
        await store.create(sid, { entries: new Map(), terms: TERMS, absoluteEndsAt: (await found(store, old)).lastSeenAt - 1_000 });
        await ended(store, sid);
      });

      it('has no absolute end with absoluteTtl: false', async () => {
        const store = await start({ absoluteTtl: false });
        const sid = await newSession(store);
        expect((await found(store, sid)).absoluteEndsAt).toBeUndefined();
      });

      it('prefers the idle timeout of the terms to its own', async () => {
        const store = await start({ ttl: 60 });
        const sid = await newSession(store, {}, termsOf(90_000));
        expect((await found(store, sid)).idle).toBe(90_000);
      });

      it('gives a session whose idle timeout is longer than the default absolute one that much', async () => {
        const store = await start();
        const sid = await newSession(store, {}, termsOf(14 * 86_400_000));
        const record = await found(store, sid);
        expect(record.absoluteEndsAt).toBe(record.lastSeenAt + 14 * 86_400_000);
      });

      it.each([Number.POSITIVE_INFINITY, 1e300, Number.NaN, 0.5, 0, -1_000])(
        'stores a session with an end for an idle timeout of %p',
        async (idle) => {
          const store = await start({ ttl: 60, absoluteTtl: false });
          const sid = generateSid();
          const created = await store.create(sid, { entries: entriesOf({ n: 1 }), terms: termsOf(idle) });
          expect(Number.isInteger(created.idle) && created.idle >= 1).toBe(true);
          if (created.idle < 100) return ended(store, sid);
          expect(await store.load(sid)).toEqual(created);
          expect(await store.touch(sid, created, termsOf(idle))).toMatchObject({ idle: created.idle });
        },
      );

      it('finds a touch due after touchAfter, or a tenth of the idle timeout', async () => {
        const store = await start({ ttl: 6_000, touchAfter: 500 });
        const record = await found(store, await newSession(store));
        expect(store.isTouchDue(record)).toBe(false);
        expect(store.isTouchDue({ ...record, lastSeenAt: record.lastSeenAt - 500_000 })).toBe(true);

        const short = await found(store, await newSession(store, {}, termsOf(4_000_000)));
        expect(store.isTouchDue(short)).toBe(false);
        expect(store.isTouchDue({ ...short, lastSeenAt: short.lastSeenAt - 400_000 })).toBe(true);
      });

      it('tells how long ago a session was last seen', async () => {
        const store = await start();
        const record = await found(store, await newSession(store));
        const seen = (ago: number) => store.msSinceSeen({ ...record, lastSeenAt: record.lastSeenAt - ago });
        expect(seen(0)).toBeLessThan(HOUR);
        expect(seen(5 * HOUR)).toBeGreaterThanOrEqual(5 * HOUR);
        expect(seen(5 * HOUR)).toBeLessThan(6 * HOUR);
        expect(Number.isInteger(seen(5 * HOUR))).toBe(true);
        expect(seen(-5 * HOUR)).toBe(0);
      });

      it('finds a touch due after a tenth of an idle timeout that is short', async () => {
        const store = await start({ ttl: 6_000, touchAfter: 5_000 });
        const record = await found(store, await newSession(store));
        expect(store.isTouchDue({ ...record, lastSeenAt: record.lastSeenAt - 300_000 })).toBe(false);
        expect(store.isTouchDue({ ...record, lastSeenAt: record.lastSeenAt - 600_000 })).toBe(true);
      });
    });

    describe('entries', () => {
      it.each(ODD_NAMES)('come back under the name %j', async (entry) => {
        const store = await start();
        const sid = generateSid();
        await store.create(sid, { entries: new Map([[entry, '"created"']]), terms: TERMS });
        const created = await found(store, sid);
        expect(created.entries).toEqual(new Map([[entry, '"created"']]));
        const saved = await store.save(sid, created, { set: new Map([[entry, '"saved"']]), removed: [] }, TERMS);
        expect((await found(store, sid)).entries).toEqual(new Map([[entry, '"saved"']]));
        await store.save(sid, saved!, { set: new Map(), removed: [entry] }, TERMS);
        expect((await found(store, sid)).entries).toEqual(new Map());
      });

      it('come back with any text', async () => {
        const store = await start();
        const texts = new Map([
          ['empty', ''],
          ['json', '{"a":[1,"é🍪\\u0000"]}'],
          ['not json', '{"a":'],
          ['lines', 'a\r\nb\0c|d|1'],
        ]);
        const sid = generateSid();
        await store.create(sid, { entries: texts, terms: TERMS });
        expect((await found(store, sid)).entries).toEqual(texts);
      });

      it('may be as many as the limit allows', async () => {
        const store = await start({ maxFields: 4_000, maxBytes: 1_000_000 });
        const values = Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [`entry${n}`, n]));
        const sid = await newSession(store, values);
        expect((await found(store, sid)).entries.size).toBe(4_000);
      });
    });

    it('resolves when all writes begun so far were answered', async () => {
      const store = await start();
      const sid = generateSid();
      let isAnswered = false;
      const created = store.create(sid, { entries: new Map(), terms: TERMS }).then(() => (isAnswered = true));
      await store.drain();
      // What has been answered reaches its caller within this turn.
      await new Promise((resolve) => process.nextTick(resolve));
      expect(isAnswered).toBe(true);
      await created;
    });

    it('keeps the sessions of different sids apart', async () => {
      const store = await start();
      const [a, b] = [await newSession(store, { who: 'a' }), await newSession(store, { who: 'b' })];
      await store.save(a, await found(store, a), deltaOf({ who: 'A' }), TERMS);
      expect((await found(store, b)).entries).toEqual(entriesOf({ who: 'b' }));
    });
  });
}

export async function newSession(
  store: Sessions,
  values: Record<string, unknown> = {},
  terms: Terms = TERMS,
  userId?: string,
): Promise<Sid> {
  return (await created(store, values, terms, userId)).sid;
}

/** A new session and its record, which need not be loaded while the session lasts. */
export async function created(
  store: Sessions,
  values: Record<string, unknown> = {},
  terms: Terms = TERMS,
  userId?: string,
): Promise<{ sid: Sid; record: SessionRecord }> {
  const sid = generateSid();
  return { sid, record: await store.create(sid, { entries: entriesOf(values), terms, userId }) };
}

export async function found(store: Sessions, sid: Sid): Promise<SessionRecord> {
  const record = await store.load(sid);
  if (record === undefined) throw new Error('There is no such session.');
  return record;
}

/** Rotates, as a request that presents that sid. */
export async function rotated(store: Sessions, sid: Sid, options?: Partial<RotateOptions>): Promise<Sid> {
  const record = await found(store, sid);
  const next = newSid(record.handle);
  const rotation = await store.rotate(sid, record, next, options);
  expect(rotation?.rotated).toBe(true);
  return next;
}

/** Presents the new secret for the first time. */
export async function confirmed(store: Sessions, sid: Sid): Promise<void> {
  const record = await found(store, sid);
  expect(record.secret).toBe('unconfirmed');
  await store.touch(sid, record, TERMS);
}

export function ended(store: Sessions, sid: Sid): Promise<void> {
  return until(async () => (await store.load(sid)) === undefined, 'the session has ended');
}

/** Waits until that many ms have passed on the store's clock. */
export async function passes(store: Sessions, ms: number): Promise<void> {
  const sid = await newSession(store, {}, termsOf(60_000));
  const record = await found(store, sid);
  await until(
    async () => ((await store.touch(sid, record, termsOf(60_000)))?.lastSeenAt ?? 0) >= record.lastSeenAt + ms,
    `${ms} ms have passed`,
  );
}

/** A session that was loaded, and the one that has taken its handle since. */
async function supersede(store: Sessions, sid: Sid): Promise<{ record: SessionRecord; next: SessionRecord }> {
  await store.create(sid, { entries: entriesOf({ n: 'first' }), terms: TERMS });
  const record = await found(store, sid);
  // They are told apart by the ms of their creation.
  await passes(store, 2);
  await store.destroy(sid);
  await store.create(sid, { entries: entriesOf({ n: 'second' }), terms: TERMS });
  return { record, next: await found(store, sid) };
}

export function listen<Name extends SessionEventName>(store: Sessions, name: Name): SessionEventMap[Name][] {
  const events: SessionEventMap[Name][] = [];
  store.events.on(name, (event) => events.push(event));
  return events;
}
