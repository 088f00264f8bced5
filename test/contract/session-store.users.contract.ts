import { afterEach, describe, expect, it } from '@jest/globals';
import type { SessionDraft, SessionRecord } from '../../src/session/session-record.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid, handleOf, newSid, secretHashOf, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { inTime, unlessLate } from '../support/in-time.js';
import {
  confirmed,
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
  type OpenStore,
} from './session-store.contract.js';

const REASON = 'password-changed';
const ODD_USERS = ['a:b', '*', '{}', '{a}', ' a b\t', 'a|b|', 'a\nb\0c', 'ключ🍪', 'x'.repeat(1_024), '__proto__', 'constructor', '0'];

/** What the comments of `SessionStore` promise of sessions that are somebody's: who they are, and how others may end or change them. */
export function describeOwnedSessions(name: string, open: (options?: StoreOptions) => Promise<OpenStore>): void {
  describe(`SessionStore, sessions of users: ${name}`, () => {
    const checks: (() => Promise<void>)[] = [];

    async function start(options?: StoreOptions): Promise<Sessions> {
      const { store, check } = await open(options);
      if (check !== undefined) checks.push(check);
      return Sessions.of(store);
    }

    afterEach(async () => {
      for (const check of checks.splice(0)) await check();
    });

    describe('the user', () => {
      it('is kept from the creation on, and has signed in then', async () => {
        const store = await start();
        const events = listen(store, 'created');
        const { sid, created } = await signedIn(store);
        expect(created).toMatchObject({ userId: 'ada', authenticatedAt: created.createdAt });
        expect(await store.load(sid)).toEqual(created);
        expect(events).toEqual([{ handle: created.handle, userId: 'ada' }]);
      });

      it('keeps the time of a sign-in that it is given', async () => {
        const store = await start();
        const { created } = await signedIn(store);
        await passes(store, 2);
        const { sid, created: next } = await signedIn(store, { authenticatedAt: created.authenticatedAt });
        expect(next.authenticatedAt).toBe(created.authenticatedAt);
        expect(next.createdAt).toBeGreaterThan(created.createdAt!);
        expect(await store.load(sid)).toEqual(next);
      });

      it('is nobody in a session of which nobody was named, whatever time is given', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { userId: undefined, authenticatedAt: 1_000 });
        expect(created).toMatchObject({ userId: undefined, authenticatedAt: undefined });
        expect(await store.load(sid)).toEqual(created);
      });

      it('changes with a save that says so, and has signed in then', async () => {
        const store = await start();
        const sid = await newSession(store);
        const record = await found(store, sid);
        await passes(store, 2);
        const saved = await store.save(sid, record, { ...deltaOf({ n: 1 }), userId: 'ada' }, TERMS);
        expect(saved).toMatchObject({ userId: 'ada', authenticatedAt: saved!.lastSeenAt });
        expect(saved!.lastSeenAt).toBeGreaterThan(record.createdAt!);
        expect(await store.load(sid)).toEqual(saved);
      });

      it('is nobody after a save that says so', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        const saved = await store.save(sid, created, { ...deltaOf({ n: 1 }), userId: null }, TERMS);
        expect(saved).toMatchObject({ userId: undefined, authenticatedAt: undefined });
        expect(await store.load(sid)).toEqual(saved);
      });

      it('stays with a save or touch that says nothing of it, and so does the time of the sign-in', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { authenticatedAt: 1_700_000_000_000 });
        await passes(store, 2);
        const touched = await store.touch(sid, created, TERMS);
        const saved = await store.save(sid, touched!, deltaOf({ n: 1 }), TERMS);
        expect(saved).toMatchObject({ userId: 'ada', authenticatedAt: 1_700_000_000_000 });
        expect(await store.load(sid)).toEqual(saved);
      });

      it('leaves no grace when it changes, also in a write with a secret that was replaced', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
        await store.save(next, await found(store, next), { ...deltaOf({ n: 1 }), userId: 'ada' }, TERMS);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(next)).toMatchObject({ secret: 'current', userId: 'ada' });
      });

      it('leaves the secret before good when it changes while the new one was never presented: its holder may have no other', async () => {
        const store = await start({ rotationGrace: 600 });
        const sid = await newSession(store);
        const record = await found(store, sid);
        const next = await rotated(store, sid);
        await store.save(sid, record, { ...deltaOf({ n: 1 }), userId: 'ada' }, TERMS);
        expect(await store.load(sid)).toMatchObject({ secret: 'previous', userId: 'ada' });
        expect(await store.load(next)).toMatchObject({ secret: 'unconfirmed' });
      });

      it.each(ODD_USERS)('may be called %j', async (userId) => {
        const store = await start({ revokeBefore: true });
        const { sid, created } = await signedIn(store, { userId, entries: entriesOf({ n: 1 }) });
        const saved = await store.save(sid, created, { ...deltaOf({ n: 2 }), userId: `${userId}2` }, TERMS);
        expect(await store.load(sid)).toEqual(saved);
        expect(saved?.userId).toBe(`${userId}2`);
        expect((await store.describe([created.handle]))[0]?.userId).toBe(`${userId}2`);
        expect(await store.compareAndSet(created.handle, userId, 'n', () => '3')).toBe(false);
        expect(await store.compareAndSet(created.handle, `${userId}2`, 'n', () => '3')).toBe(true);
        await passes(store, 2);
        await store.endBefore(userId, saved!.lastSeenAt + 1);
        expect(await store.load(sid)).toBeDefined();
        expect(await store.revoke(created.handle, { userId, reason: REASON })).toBe(false);
        expect(await store.revoke(created.handle, { userId: `${userId}2`, reason: REASON })).toBe(true);
      });
    });

    describe('the device', () => {
      it('is the one of the latest write that names one', async () => {
        const store = await start();
        const terms = { ...TERMS, device: { ip: '192.0.2.7', userAgent: 'A "browser"|1' } };
        const { sid, created } = await signedIn(store, { terms });
        expect(created.device).toEqual(terms.device);
        expect(await store.load(sid)).toEqual(created);

        const touched = await store.touch(sid, created, TERMS);
        expect(touched?.device).toEqual(terms.device);
        expect(await store.load(sid)).toEqual(touched);

        const saved = await store.save(sid, touched!, deltaOf({ n: 1 }), { ...TERMS, device: { ip: '2001:db8::1' } });
        expect(saved?.device).toEqual({ ip: '2001:db8::1' });
        expect(await store.load(sid)).toEqual(saved);

        const moved = await store.touch(sid, saved!, { ...TERMS, device: { ip: '192.0.2.8' } });
        expect(moved?.device).toEqual({ ip: '192.0.2.8' });
        expect(await store.load(sid)).toEqual(moved);
      });
    });

    describe('the absolute end', () => {
      it('is as far away as the session itself asks', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const { sid, created } = await signedIn(store, { absolute: 7_200_000 });
        expect(created.absoluteEndsAt).toBe(created.createdAt! + 7_200_000);
        expect(await store.load(sid)).toEqual(created);
      });

      it('is none when the session asks for none', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const { sid, created } = await signedIn(store, { absolute: false });
        expect(created.absoluteEndsAt).toBeUndefined();
        expect(await store.load(sid)).toEqual(created);
      });

      it('ends a session that asks for less than its idle timeout', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const { sid, created } = await signedIn(store, { absolute: 40 });
        expect(created.absoluteEndsAt).toBe(created.createdAt! + 40);
        await ended(store, sid);
      });

      it('is the given one where a session keeps that of another, whatever else it asks', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const { created } = await signedIn(store);
        const absoluteEndsAt = created.createdAt! + 5_000;
        expect((await signedIn(store, { absolute: 7_200_000, absoluteEndsAt })).created.absoluteEndsAt).toBe(absoluteEndsAt);
      });
    });

    describe('find', () => {
      it('tells the holder of a session that somebody else has ended why; load finds none', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        await revoke(store, sid);
        expect(await store.find(sid)).toEqual({ endedReason: REASON });
        expect(await store.load(sid)).toBeUndefined();
      });

      it('tells the holder of a sid of a custom form', async () => {
        const store = await start();
        await store.create(CUSTOM_SID, { entries: new Map(), terms: TERMS, userId: 'ada' });
        await revoke(store, CUSTOM_SID);
        expect(await store.find(CUSTOM_SID)).toEqual({ endedReason: REASON });
      });

      it('tells nobody else, and says nothing of it', async () => {
        const store = await start();
        const events = [listen(store, 'reused'), listen(store, 'rejected')];
        const { sid } = await signedIn(store);
        await revoke(store, sid);
        expect(await store.find(newSid(handleOf(sid)))).toBeUndefined();
        expect(events).toEqual([[], []]);
      });

      it.each(['unconfirmed', 'confirmed'])(
        'tells both holders after a rotation that is %s, while both secrets are good',
        async (state) => {
          const store = await start({ rotationGrace: 600 });
          const { sid } = await signedIn(store);
          const next = await rotated(store, sid);
          if (state === 'confirmed') await confirmed(store, next);
          await revoke(store, sid);
          expect(await store.find(sid)).toEqual({ endedReason: REASON });
          expect(await store.find(next)).toEqual({ endedReason: REASON });
        },
      );

      it('does not tell whoever has a secret that was good no longer', async () => {
        const store = await start({ rotationGrace: 0.03 });
        const { sid } = await signedIn(store);
        const next = await rotated(store, sid);
        await confirmed(store, next);
        await ended(store, sid);
        await revoke(store, sid);
        expect(await store.find(sid)).toBeUndefined();
        expect(await store.find(next)).toEqual({ endedReason: REASON });
      });

      it('has nothing to tell of a session that ended otherwise', async () => {
        const store = await start({ ttl: 0.03 });
        const { sid } = await signedIn(store, { terms: termsOf(60_000) });
        await store.destroy(sid);
        expect(await store.find(sid)).toBeUndefined();
        const { sid: short } = await signedIn(store);
        await ended(store, short);
        expect(await store.find(short)).toBeUndefined();
      });

      it('finds no session where word of one is left, for whatever call', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        await revoke(store, sid);
        expect(await store.save(sid, created, deltaOf({ n: 2 }), TERMS)).toBeUndefined();
        expect(await store.touch(sid, created, TERMS)).toBeUndefined();
        expect(await store.rotate(sid, created, newSid(created.handle))).toBeUndefined();
        expect(await store.rotate(sid, created, newSid(created.handle), { reauthenticated: true })).toBeUndefined();
        expect(await store.increment(created, 'n', 1)).toBeUndefined();
        expect(await store.compareAndSet(created.handle, 'ada', 'n', () => '2')).toBe(false);
        expect(await store.describe([created.handle])).toEqual([undefined]);
        expect(await store.revoke(created.handle, { userId: 'ada', reason: 'other' })).toBe(false);
        expect(await store.find(sid)).toEqual({ endedReason: REASON });
      });

      it('finds no session to destroy where word of one is left, and leaves the word', async () => {
        const store = await start();
        const events = listen(store, 'destroyed');
        const { sid } = await signedIn(store);
        await revoke(store, sid);
        expect(await store.destroy(sid)).toBe(false);
        expect(events).toEqual([]);
        expect(await store.find(sid)).toEqual({ endedReason: REASON });
      });

      it('lets nobody create a session where word of one is left', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        await revoke(store, sid);
        for (const taken of [sid, newSid(handleOf(sid))])
          await expect(store.create(taken, { entries: new Map(), terms: TERMS })).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
        expect(await store.find(sid)).toEqual({ endedReason: REASON });
      });
    });

    describe('describe', () => {
      it('tells of each session in the order asked for, and nothing that is in it or opens it', async () => {
        const store = await start({ ttl: 60, absoluteTtl: 600 });
        const device = { ip: '192.0.2.7' };
        const { sid, created } = await signedIn(store, { entries: entriesOf({ card: 'x' }), terms: { ...TERMS, device } });
        const anonymous = await newSession(store);
        const gone = await newSession(store);
        await store.destroy(gone);
        await passes(store, 2);
        const touched = await store.touch(sid, created, termsOf(90_000));
        const { handle, createdAt, authenticatedAt, absoluteEndsAt } = created;
        const facts = await store.describe([handleOf(anonymous), handle, handleOf(gone), handleOf(generateSid())]);
        expect(facts).toEqual([
          expect.objectContaining({ handle: handleOf(anonymous), userId: undefined, device: undefined }),
          {
            handle,
            userId: 'ada',
            createdAt,
            authenticatedAt,
            indexedAt: undefined,
            from: undefined,
            lastSeenAt: touched!.lastSeenAt,
            absoluteEndsAt,
            idle: 90_000,
            device,
          },
          undefined,
          undefined,
        ]);
        expect(Object.keys(facts[1]!)).toHaveLength(10);
      });

      it.each([0, -5_000, 5_000, 86_400_000])(
        'tells when a session was indexed, %d ms from its beginning, and which one it replaces',
        async (ms) => {
          const store = await start();
          const indexedAt = Math.floor(await store.now()) + ms;
          const from = handleOf(generateSid());
          const { sid, created } = await signedIn(store, { indexedAt, from });
          expect(created).toMatchObject({ indexedAt });
          expect(await found(store, sid)).toEqual(created);
          expect(await store.describe([created.handle])).toMatchObject([{ indexedAt, from }]);
          // The next request has brought its sid, so the session that it replaced has gone.
          const isSaved = ms > 0;
          if (isSaved) await store.save(sid, created, deltaOf({ n: 1 }), TERMS);
          else await store.touch(sid, created, TERMS);
          expect(await store.describe([created.handle])).toMatchObject([{ indexedAt, from: undefined }]);
          expect(await found(store, sid)).toMatchObject({ indexedAt });
        },
      );

      it('has nothing to tell when nothing is asked', async () => {
        const store = await start();
        expect(await store.describe([])).toEqual([]);
      });

      it('does not tell of a session that has expired', async () => {
        const store = await start({ ttl: 0.03 });
        const sid = await newSession(store);
        await ended(store, sid);
        expect(await store.describe([handleOf(sid)])).toEqual([undefined]);
      });

      it('changes nothing', async () => {
        const store = await start();
        const sid = await newSession(store);
        const before = await found(store, sid);
        await store.describe([handleOf(sid)]);
        expect(await store.load(sid)).toEqual(before);

        const short = await newSession(store, {}, termsOf(100));
        await store.describe([handleOf(short)]);
        await ended(store, short);
      });
    });

    describe('revoke', () => {
      it('ends a session once', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        const { sid: other } = await signedIn(store);
        const revocation = { userId: 'ada', reason: REASON };
        const answers = await Promise.all(Array.from({ length: 5 }, () => store.revoke(handleOf(sid), revocation)));
        expect(answers.filter(Boolean)).toHaveLength(1);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(other)).toBeDefined();
      });

      it("leaves another user's session as it is, and one of nobody", async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        const anonymous = await newSession(store);
        expect(await store.revoke(handleOf(sid), { userId: 'eve', reason: REASON })).toBe(false);
        expect(await store.revoke(handleOf(anonymous), { userId: 'eve', reason: REASON })).toBe(false);
        expect(await store.revoke(handleOf(generateSid()), { userId: 'eve', reason: REASON })).toBe(false);
        expect(await store.find(sid)).toEqual(created);
        expect(await store.find(anonymous)).toBeDefined();
      });

      it('ends only a session that was created before the given time', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        const revokeBefore = (createdBefore: number) => store.revoke(created.handle, { userId: 'ada', reason: REASON, createdBefore });
        expect(await revokeBefore(0)).toBe(false);
        expect(await revokeBefore(created.createdAt!)).toBe(false);
        expect(await store.find(sid)).toEqual(created);
        expect(await revokeBefore(created.createdAt! + 1)).toBe(true);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('ends only a session that was indexed up to the given time, or nobody knows when', async () => {
        const store = await start();
        const indexedAt = Math.floor(await store.now());
        const revokeUpTo = ({ handle }: SessionRecord, indexedUpTo: number) =>
          store.revoke(handle, { userId: 'ada', reason: REASON, indexedUpTo });
        const { created } = await signedIn(store, { indexedAt });
        expect(await revokeUpTo(created, indexedAt - 1)).toBe(false);
        expect(await revokeUpTo(created, indexedAt)).toBe(true);
        expect(await revokeUpTo((await signedIn(store)).created, 0)).toBe(true);
      });

      it('knows when a session was indexed that became a user’s later, or another one’s', async () => {
        const store = await start();
        const sid = await newSession(store);
        for (const [userId, indexedAt] of [
          ['ada', 1_000_000],
          ['grace', 2_000_000],
        ] as const) {
          expect(await store.save(sid, await found(store, sid), { ...deltaOf({}), userId, indexedAt }, TERMS)).toMatchObject({ indexedAt });
          expect(await found(store, sid)).toMatchObject({ userId, indexedAt });
        }
        await store.save(sid, await found(store, sid), deltaOf({ n: 1 }), TERMS);
        expect(await found(store, sid)).toMatchObject({ indexedAt: 2_000_000 });
        await store.save(sid, await found(store, sid), { ...deltaOf({}), userId: null }, TERMS);
        expect(await found(store, sid)).toMatchObject({ userId: undefined, indexedAt: undefined });
      });

      it('lets nobody create a session that may come later', async () => {
        const store = await start();
        const sid = generateSid();
        const revocation = { userId: 'ada', reason: REASON, mayComeLater: true };
        for (let attempt = 1; attempt <= 2; attempt++) expect(await store.revoke(handleOf(sid), revocation)).toBe(false);
        for (const userId of ['ada', undefined])
          await expect(store.create(sid, { entries: new Map(), terms: TERMS, userId })).rejects.toMatchObject({ code: 'SESSION_GONE' });
        expect(await store.find(sid)).toBeUndefined();
        expect(await store.destroy(sid)).toBe(false);
        await expect(store.create(sid, { entries: new Map(), terms: TERMS })).rejects.toMatchObject({ code: 'SESSION_GONE' });
      });

      it('leaves no word for one that may come later where there is a session', async () => {
        const store = await start();
        const [anonymous, { sid }] = [await newSession(store), await signedIn(store)];
        expect(await store.revoke(handleOf(anonymous), { userId: 'ada', reason: REASON, mayComeLater: true })).toBe(false);
        expect(await store.find(anonymous)).toBeDefined();
        expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: REASON, mayComeLater: true })).toBe(true);
        expect(await store.find(sid)).toEqual({ endedReason: REASON });
      });

      it('ends a session also while its secret is being replaced', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        const next = await rotated(store, sid);
        await revoke(store, sid);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(next)).toBeUndefined();
      });

      it('leaves nothing of the session when 20 saves, touches and rotations are under way', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        const writes = (count: number) =>
          Array.from({ length: count }, (_, n) =>
            n % 3 === 0
              ? store.save(sid, created, { ...deltaOf({ n }), userId: 'ada' }, TERMS)
              : n % 3 === 1
                ? store.touch(sid, created, TERMS)
                : store.rotate(sid, created, newSid(created.handle), { reauthenticated: n % 2 === 0 }),
          );
        const before = writes(10);
        const revoked = store.revoke(created.handle, { userId: 'ada', reason: REASON });
        const after = await Promise.all(writes(10));
        await Promise.all(before);
        expect(await revoked).toBe(true);
        expect(after).toEqual(after.map(() => undefined));
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.describe([created.handle])).toEqual([undefined]);
      });
    });

    describe('compareAndSet', () => {
      it('changes one entry, and nothing else of the session', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ identity: { id: 'ada' }, cart: ['tea'] }) });
        expect(await store.compareAndSet(created.handle, 'ada', 'identity', (text) => text!.replace('}', ',"roles":[]}'))).toBe(true);
        const entries = new Map(created.entries).set('identity', '{"id":"ada","roles":[]}');
        expect(await store.load(sid)).toEqual({ ...created, entries });
      });

      it.each(['identity', '@meta', '@', '', 'constructor'])(
        'writes texts as they are: empty lists, large integers, the order of keys (%j)',
        async (entry) => {
          const store = await start();
          const text = '{"z":[],"id":12345678901234567890,"a":{},"0":1.0,"é|🍪":"\\u0000\\n"}';
          const { sid, created } = await signedIn(store, { entries: new Map([[entry, `[${text}]`]]) });
          const seen: (string | undefined)[] = [];
          const change = (before: string | undefined) => (seen.push(before), text);
          expect(await store.compareAndSet(created.handle, 'ada', entry, change)).toBe(true);
          expect(seen).toEqual([`[${text}]`]);
          expect((await found(store, sid)).entries.get(entry)).toBe(text);
        },
      );

      it('keeps what each of 8 that come at once has added', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ list: [] }) });
        const add = (n: number) =>
          store.compareAndSet(created.handle, 'ada', 'list', (text) => JSON.stringify([...(JSON.parse(text!) as number[]), n]));
        expect(await Promise.all(Array.from({ length: 8 }, (_, n) => add(n)))).toEqual(Array.from({ length: 8 }, () => true));
        const list = JSON.parse((await found(store, sid)).entries.get('list')!) as number[];
        expect(new Set(list)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
        expect(list).toHaveLength(8);
      });

      it('asks again when somebody has written to the entry meanwhile, and keeps what others wrote elsewhere', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1, m: 1 }) });
        let isFirst = true;
        let meanwhile: Promise<unknown> = Promise.resolve();
        const change = (text: string | undefined) => {
          if (isFirst) meanwhile = store.save(sid, created, deltaOf({ n: 10, m: 2, o: 1 }), TERMS);
          isFirst = false;
          return String(Number(text) + 1);
        };
        const changed = store.compareAndSet(created.handle, 'ada', 'n', change);
        expect(await changed).toBe(true);
        await meanwhile;
        expect((await found(store, sid)).entries).toEqual(entriesOf({ n: 11, m: 2, o: 1 }));
      });

      it('leaves the entry when there is no change, and an entry that is not there', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        expect(await store.compareAndSet(created.handle, 'ada', 'n', () => undefined)).toBe(true);
        const seen: (string | undefined)[] = [];
        expect(await store.compareAndSet(created.handle, 'ada', 'absent', (text) => (seen.push(text), '1'))).toBe(true);
        expect(seen).toEqual([undefined]);
        expect(await store.load(sid)).toEqual(created);
      });

      it("does not change another user's session, one of nobody, or one that is not there", async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        const anonymous = await newSession(store, { n: 1 });
        for (const one of [sid, anonymous, generateSid()])
          expect(await store.compareAndSet(handleOf(one), 'eve', 'n', () => '2')).toBe(false);
        expect(await store.load(sid)).toEqual(created);
        expect((await found(store, anonymous)).entries).toEqual(entriesOf({ n: 1 }));
      });

      it("does not change a session that has become another user's while it was under way", async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        let meanwhile: Promise<unknown> = Promise.resolve();
        const change = () => {
          meanwhile = store.save(sid, created, { ...deltaOf({ m: 1 }), userId: 'eve' }, TERMS);
          return '2';
        };
        expect(await store.compareAndSet(created.handle, 'ada', 'n', change)).toBe(false);
        await meanwhile;
        expect((await found(store, sid)).entries).toEqual(entriesOf({ n: 1, m: 1 }));
      });

      it('does not revive a session that was ended while it was under way', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        let meanwhile: Promise<unknown> = Promise.resolve();
        const change = () => {
          meanwhile = store.destroy(sid);
          return '2';
        };
        await store.compareAndSet(created.handle, 'ada', 'n', change);
        expect(await meanwhile).toBe(true);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('does not prolong the session', async () => {
        const store = await start({ ttl: 0.15 });
        const { sid, created } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        await store.compareAndSet(created.handle, 'ada', 'n', () => '2');
        await ended(store, sid);
      });

      it('ends the grace of a secret whose successor was presented', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        const next = await rotated(store, sid);
        await confirmed(store, next);
        await store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2');
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it('leaves a secret good whose successor was never presented', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store, { entries: entriesOf({ n: 1 }) });
        const next = await rotated(store, sid);
        await store.compareAndSet(handleOf(sid), 'ada', 'n', () => '2');
        expect(await store.load(sid)).toMatchObject({ secret: 'previous' });
        expect(await store.load(next)).toMatchObject({ secret: 'unconfirmed' });
      });
    });

    describe('endBefore', () => {
      it('hides sessions of that user that were created before, and no other', async () => {
        const store = await start({ revokeBefore: true });
        const old = await signedIn(store);
        const other = await signedIn(store, { userId: 'eve' });
        const anonymous = await newSession(store);
        await passes(store, 2);
        const young = await signedIn(store);
        await store.endBefore('ada', young.created.createdAt);
        expect(await store.load(old.sid)).toBeUndefined();
        expect(await store.find(old.sid)).toBeUndefined();
        expect(await store.load(young.sid)).toEqual(young.created);
        expect(await store.load(other.sid)).toEqual(other.created);
        expect(await store.load(anonymous)).toBeDefined();
      });

      it('leaves nothing to tell of such a session, and nothing to destroy', async () => {
        const store = await start({ revokeBefore: true });
        const events = listen(store, 'destroyed');
        const { sid, created } = await signedIn(store);
        await passes(store, 2);
        const young = await signedIn(store);
        await store.endBefore('ada', young.created.createdAt);
        expect(await store.describe([created.handle, young.created.handle])).toMatchObject([undefined, { handle: young.created.handle }]);
        expect(await store.destroy(sid)).toBe(false);
        expect(await store.destroy(young.sid)).toBe(true);
        expect(events).toEqual([{ handle: young.created.handle, userId: 'ada' }]);
      });

      it('goes by the creation of a session, not by its latest use, rotation or sign-in', async () => {
        const store = await start({ revokeBefore: true });
        const { sid, created } = await signedIn(store);
        await passes(store, 2);
        const time = Math.ceil(await store.now());
        const saved = await store.save(sid, created, { ...deltaOf({ n: 1 }), userId: 'ada' }, TERMS);
        const next = newSid(created.handle);
        await store.rotate(sid, saved!, next, { reauthenticated: true });
        expect(await store.load(next)).toBeDefined();
        await store.endBefore('ada', time);
        expect(await store.load(next)).toBeUndefined();
      });

      it('is not undone by an earlier time, and changes nothing more when repeated', async () => {
        const store = await start({ revokeBefore: true });
        const { sid, created } = await signedIn(store);
        await passes(store, 2);
        await store.endBefore('ada', created.createdAt! + 1);
        await store.endBefore('ada', created.createdAt);
        await store.endBefore('ada', created.createdAt! + 1);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('takes a time with a fraction, as now() may give', async () => {
        const store = await start({ revokeBefore: true });
        const { sid, created } = await signedIn(store);
        await passes(store, 2);
        await store.endBefore('ada', created.createdAt! + 0.4);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('takes a time that has not come yet for now, and answers with the one that counts', async () => {
        const store = await start({ revokeBefore: true });
        const old = await signedIn(store);
        await passes(store, 2);
        const counts = await store.endBefore('ada', Math.ceil(await store.now()) + 600_000);
        expect(await store.load(old.sid)).toBeUndefined();
        const young = await signedIn(store);
        expect(counts).toBeGreaterThan(old.created.createdAt!);
        expect(counts).toBeLessThanOrEqual(young.created.createdAt!);
        await passes(store, 2);
        expect(await store.load(young.sid)).toEqual(young.created);
        expect(await store.endBefore('ada', 5)).toBe(5);
      });

      it('needs the option revokeBefore, without which nobody looks', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        await expect(store.endBefore('ada', created.createdAt! + 1)).rejects.toMatchObject({ code: 'SESSION_UNSUPPORTED' });
        expect(await store.load(sid)).toBeDefined();
      });
    });

    describe('now', () => {
      it("is the time of the store's clock, which goes on", async () => {
        const store = await start();
        const before = await store.now();
        const { created } = await signedIn(store);
        expect(created.createdAt).toBeGreaterThanOrEqual(Math.floor(before) - 1);
        await passes(store, 20);
        const after = await store.now();
        expect(after).toBeGreaterThanOrEqual(created.createdAt! + 19);
        expect(after).toBeLessThan(created.createdAt! + 60_000);
      });
    });

    describe('isRotationDue', () => {
      it('is true once rotateAfter has passed since the session got its secret', async () => {
        const store = await start({ rotateAfter: 60, rotationGrace: 120 });
        const { sid } = await signedIn(store);
        const first = await found(store, sid);
        expect(store.isRotationDue(first)).toBe(false);
        expect(store.isRotationDue(older(first, 61_000))).toBe(true);

        const next = await rotated(store, sid);
        // Neither for whoever has the secret before, whose time is the grace, nor before the new one was confirmed.
        expect(store.isRotationDue(older(await found(store, sid), 61_000))).toBe(false);
        expect(store.isRotationDue(older(await found(store, next), 61_000))).toBe(false);
        await confirmed(store, next);
        const record = await found(store, next);
        expect(store.isRotationDue({ ...record, createdAt: record.createdAt! - 61_000 })).toBe(false);
        expect(store.isRotationDue(older(record, 61_000))).toBe(true);
        expect(store.isRotationDue(older(await found(store, sid), 61_000))).toBe(false);
      });

      it('is true for whoever comes with the secret before two graces later: the answer of the rotation got lost', async () => {
        const store = await start({ rotateAfter: 60, rotationGrace: 0.03 });
        const { sid } = await signedIn(store);
        const next = await rotated(store, sid);
        await passes(store, 70);
        expect(store.isRotationDue(await found(store, sid))).toBe(true);
        expect(store.isRotationDue(await found(store, next))).toBe(false);
      });

      it('does not become true by touches and saves, nor false', async () => {
        const store = await start({ rotateAfter: 0.05 });
        const { sid, created } = await signedIn(store);
        await passes(store, 60);
        const saved = await store.save(sid, created, deltaOf({ n: 1 }), TERMS);
        expect(store.isRotationDue(saved!)).toBe(true);
        expect(store.isRotationDue({ ...saved!, rotatedAt: saved!.lastSeenAt + 1_000 })).toBe(false);
      });

      it('is never true without rotateAfter', async () => {
        const store = await start();
        const { created } = await signedIn(store);
        expect(store.isRotationDue({ ...created, createdAt: 1 })).toBe(false);
      });
    });

    describe('rotate, when the user has just proved again who they are', () => {
      it('ends the secret before at once, and counts the sign-in from now', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid, created } = await signedIn(store);
        await passes(store, 2);
        const { next, rotation } = await reauthenticated(store, sid);
        expect(rotation).toMatchObject({ rotated: true, record: { secret: 'current' } });
        const { authenticatedAt, rotatedAt } = rotation!.record;
        expect(authenticatedAt).toBe(rotatedAt);
        expect(authenticatedAt).toBeGreaterThan(created.authenticatedAt!);
        expect(await store.load(sid)).toBeUndefined();
        expect(await store.load(next)).toEqual({ ...created, authenticatedAt, rotatedAt, presented: secretHashOf(next) });
      });

      it('ends the secret before at once, also when an unconfirmed rotation is younger than the grace', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store);
        const second = await rotated(store, sid);
        const { next, rotation } = await reauthenticated(store, second);
        expect(rotation?.rotated).toBe(true);
        for (const old of [sid, second]) expect(await store.load(old)).toBeUndefined();
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it('works with the secret that the browser has while a newer one is not presented, and ends both', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store);
        const second = await rotated(store, sid);
        const { next, rotation } = await reauthenticated(store, sid);
        expect(rotation?.rotated).toBe(true);
        for (const old of [sid, second]) expect(await store.load(old)).toBeUndefined();
        expect(await store.load(next)).toMatchObject({ secret: 'current' });
      });

      it.each([0.03, 600])(
        'is refused with a secret that another has replaced, and says that it was lost (grace of %d s)',
        async (rotationGrace) => {
          const store = await start({ rotationGrace });
          const { sid } = await signedIn(store);
          const record = await found(store, sid);
          const second = await rotated(store, sid);
          await confirmed(store, second);
          const lost = listen(store, 'lost');
          const before = await found(store, second);
          const other = newSid(record.handle);
          expect(await store.rotate(sid, record, other, { reauthenticated: true })).toBeUndefined();
          expect(lost).toEqual([{ handle: record.handle, userId: 'ada' }]);
          expect(await store.load(other)).toBeUndefined();
          expect(await store.load(second)).toEqual(before);
        },
      );

      it('lets one of two at once win, and tells the other that it has lost', async () => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store);
        const record = await found(store, sid);
        const secrets = [newSid(record.handle), newSid(record.handle)] as const;
        const rotations = await Promise.all(secrets.map((next) => store.rotate(sid, record, next, { reauthenticated: true })));
        expect(rotations.map((rotation) => rotation?.rotated)).toEqual([true, undefined]);
        expect(await store.load(secrets[0])).toBeDefined();
        expect(await store.load(secrets[1])).toBeUndefined();
        expect(await store.load(sid)).toBeUndefined();
      });

      it('works twice in one request', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        const record = await found(store, sid);
        const [first, second] = [newSid(record.handle), newSid(record.handle)];
        const rotation = await store.rotate(sid, record, first, { reauthenticated: true });
        expect(await store.rotate(first, rotation!.record, second, { reauthenticated: true })).toMatchObject({ rotated: true });
        expect(await store.load(first)).toBeUndefined();
        expect(await store.load(second)).toMatchObject({ secret: 'current' });
      });

      it.each<[string, (store: Sessions, sid: Sid, record: SessionRecord) => Promise<unknown>]>([
        ['save', (store, sid, record) => store.save(sid, record, deltaOf({ n: 1 }), TERMS)],
        ['touch', (store, sid, record) => store.touch(sid, record, TERMS)],
        ['rotate', (store, sid, record) => store.rotate(sid, record, newSid(record.handle))],
        ['increment', (store, _sid, record) => store.increment(record, 'n', 1)],
      ])('lets no request in flight %s whose secret it has ended', async (_what, write) => {
        const store = await start({ rotationGrace: 600 });
        const { sid } = await signedIn(store);
        const inFlight = await found(store, sid);
        await passes(store, 2);
        const { next, rotation } = await reauthenticated(store, sid);
        const before = await found(store, next);
        expect(await write(store, sid, inFlight)).toBeUndefined();
        expect(await found(store, next)).toEqual(before);
        // The request that has done it goes on.
        expect(await write(store, next, rotation!.record)).toBeDefined();
      });

      it('changes nothing more when repeated', async () => {
        const store = await start();
        const { sid } = await signedIn(store);
        const record = await found(store, sid);
        const next = newSid(record.handle);
        const first = await store.rotate(sid, record, next, { reauthenticated: true });
        const after = await found(store, next);
        await passes(store, 2);
        expect(await store.rotate(sid, record, next, { reauthenticated: true })).toEqual(first);
        expect(await store.load(next)).toEqual(after);
        expect(await store.load(sid)).toBeUndefined();
      });

      it('says of nobody when they signed in', async () => {
        const store = await start();
        const sid = await newSession(store);
        const { next, rotation } = await reauthenticated(store, sid);
        expect(rotation?.record).toMatchObject({ userId: undefined, authenticatedAt: undefined });
        expect(await store.load(next)).toEqual({ ...rotation?.record, presented: secretHashOf(next) });
      });

      it('does not revive a session that was destroyed', async () => {
        const store = await start();
        const { sid, created } = await signedIn(store);
        await store.destroy(sid);
        expect(await store.rotate(sid, created, newSid(created.handle), { reauthenticated: true })).toBeUndefined();
      });

      it('does not prolong the session', async () => {
        const store = await start();
        await unlessLate(async (life) => {
          const { sid, created } = await signedIn(store, { terms: termsOf(life) });
          const next = newSid(created.handle);
          const rotation = store.rotate(sid, created, next, { reauthenticated: true });
          expect(await inTime(store, created, rotation)).toMatchObject({ rotated: true });
          await ended(store, next);
        });
      });
    });
  });
}

async function signedIn(store: Sessions, session: Partial<SessionDraft> = {}): Promise<{ sid: Sid; created: SessionRecord }> {
  const sid = generateSid();
  return { sid, created: await store.create(sid, { entries: new Map(), terms: TERMS, userId: 'ada', ...session }) };
}

/** As if the session had begun that much earlier, and got its secret that much earlier. */
function older({ createdAt, rotatedAt, ...record }: SessionRecord, ms: number): SessionRecord {
  return { ...record, createdAt: createdAt! - ms, rotatedAt: rotatedAt === undefined ? undefined : rotatedAt - ms };
}

async function reauthenticated(store: Sessions, sid: Sid) {
  const record = await found(store, sid);
  const next = newSid(record.handle);
  return { next, rotation: await store.rotate(sid, record, next, { reauthenticated: true }) };
}

async function revoke(store: Sessions, sid: Sid): Promise<void> {
  expect(await store.revoke(handleOf(sid), { userId: 'ada', reason: REASON })).toBe(true);
}
