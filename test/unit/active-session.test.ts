import { describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { ActiveSession, type SessionHost } from '../../src/session/active-session.js';
import { isIdentity } from '../../src/session/identity.js';
import type { Terms } from '../../src/session/session-record.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { until } from '../support/until.js';
import { failsWith, hangs, runsAfter, runsWithoutAnswer, ScriptedStore } from '../support/scripted-store.js';

const ADA = { id: 'ada' };
const GRACE = { id: 'grace' };
const REFUSED = failsWith(new SessionStoreUnavailableError('OOM'));
const TERMS: Terms = { idle: undefined, cookie: undefined, wholeCookie: {} };

describe('ActiveSession', () => {
  describe('save', () => {
    it('stores a new session with its entries, then only what changed', async () => {
      const { store, session } = start();
      session.entries.set('a', 1);
      session.entries.set('b', 1);
      await session.save();
      session.entries.set('a', 2);
      await session.save();
      expect(store.calls()).toEqual(['create', 'save']);
      expect(await stored(store, session.sid)).toEqual({ a: 2, b: 1 });
      expect(session.isChanged).toBe(false);
    });

    it('stores a new session without entries', async () => {
      const { store, session } = start();
      await session.save();
      expect(await stored(store, session.sid)).toEqual({});
    });

    it('calls nothing when nothing changed and no touch is due', async () => {
      const { store, session } = await startStored({ a: { b: 1 } });
      session.entries.get('a');
      await session.save();
      expect(store.calls()).toEqual([]);
    });

    it('touches when that is due or asked for, and not besides a write or a create', async () => {
      const { store, session } = await startStored({ a: 1 }, { touchAfter: 0 });
      await session.save();
      expect(store.calls()).toEqual(['touch']);
      session.entries.set('a', 2);
      await session.save({ touch: true });
      expect(store.calls()).toEqual(['save']);

      const unhurried = await startStored({ a: 1 });
      await unhurried.session.save({ touch: true });
      expect(unhurried.store.calls()).toEqual(['touch']);

      const fresh = start({ touchAfter: 0 });
      await fresh.session.save({ touch: true });
      expect(fresh.store.calls()).toEqual(['create']);
    });

    it('touches when the application has changed the terms', async () => {
      const { store, session, host } = await startStored({ a: 1 });
      Object.assign(host, { areTermsChanged: true, terms: () => ({ ...TERMS, idle: 5_000 }) });
      expect(session.isTouchDue).toBe(true);
      await session.save();
      expect(store.calls()).toEqual(['touch']);
      expect(await store.sessions.load(session.sid)).toMatchObject({ idle: 5_000 });
    });

    it('keeps changes made while it is under way as changes', async () => {
      const { store, session } = await startStored({ a: 1 });
      const answer = deferred();
      store.next('save', runsAfter(answer.promise));
      session.entries.set('a', 2);
      const saved = session.save();
      await until(() => store.log.includes('save'), 'the save is under way');
      session.entries.set('a', 3);
      session.entries.set('b', 1);
      answer.resolve();
      await saved;
      expect(await stored(store, session.sid)).toEqual({ a: 2 });
      expect(session.isChanged).toBe(true);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ a: 3, b: 1 });
    });

    it('drops the changes of a session that somebody else has ended, and says so once', async () => {
      const { store, session } = await startStored({ a: 1 });
      await store.destroy(session.sid);
      session.entries.set('a', 2);
      await session.save();
      expect([session.isLost, session.isChanged, session.isTouchDue]).toEqual([true, false, false]);
      session.entries.set('a', 3);
      await session.save({ touch: true });
      expect(store.sessions.events.count('lost')).toBe(1);
      expect(await store.sessions.load(session.sid)).toBeUndefined();
    });

    it('notices at a touch that somebody else has ended the session', async () => {
      const { store, session } = await startStored({});
      await store.destroy(session.sid);
      await session.save({ touch: true });
      expect(session.isLost).toBe(true);
    });

    it('rejects when the new sid belongs to another session, and leaves that alone', async () => {
      const { store, session, host } = await startStored({ a: 1 });
      const other = new ActiveSession(store.sessions, host, `${session.sid.slice(0, 22)}${generateSid().slice(22)}` as Sid);
      await expect(other.save()).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
      await other.destroy();
      expect(await stored(store, session.sid)).toEqual({ a: 1 });
    });

    it('rejects when an entry cannot be stored, and stores nothing', async () => {
      const { store, session } = await startStored({ a: 1 });
      session.entries.set('a', 2);
      session.entries.set('b', 1n);
      await expect(session.save()).rejects.toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE' });
      expect(store.calls()).toEqual([]);
      session.entries.remove('b');
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ a: 2 });
    });
  });

  describe('touch', () => {
    it('starts the idle timeout anew, and no one waits for it', async () => {
      const { store, session } = await startStored({ a: 1 });
      session.entries.set('a', 2);
      const touched = session.touch();
      expect(session.isBusy).toBe(false);
      await session.idle();
      await touched;
      expect(store.calls()).toEqual(['touch']);
      expect(session.isChanged).toBe(true);
    });

    it('does nothing for a session that is new or lost', async () => {
      const { store, session } = start();
      await session.touch();
      await session.save();
      await store.destroy(session.sid);
      await session.touch();
      expect(session.isLost).toBe(true);
      store.calls();
      await session.touch();
      expect(store.calls()).toEqual([]);
    });
  });

  describe('increment', () => {
    it('adds in the store, where parallel requests all count, and shows the sum', async () => {
      const { store, session } = await startStored({ n: 1, a: 1 });
      const other = await again(store, session);
      session.entries.get('n');
      session.entries.set('a', 2);
      await other.increment('n', 10);
      expect(await session.increment('n', 1)).toBe(12);
      expect(session.entries.get('n')).toBe(12);
      expect(await stored(store, session.sid)).toEqual({ n: 12, a: 1 });
      await other.increment('n', 1);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ n: 13, a: 2 });
    });

    it('stores a new session first', async () => {
      const { store, session } = start();
      session.entries.set('a', 1);
      expect(await session.increment('n', 1)).toBe(1);
      expect(store.calls()).toEqual(['create', 'increment']);
      expect(await stored(store, session.sid)).toEqual({ a: 1, n: 1 });
      expect(session.isChanged).toBe(false);
    });

    it('refuses an entry that this request has changed, and what is no integer', async () => {
      const { store, session } = await startStored({ n: 1, text: 'x' });
      for (const by of [0.5, Number.NaN, 2 ** 53, '1' as unknown as number])
        await expect(session.increment('n', by)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      session.entries.set('n', 2);
      await expect(session.increment('n', 1)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      expect(store.calls()).toEqual([]);
      await expect(session.increment('text', 1)).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      await session.save();
      expect(await session.increment('n', 1)).toBe(3);
    });

    it('keeps what is assigned to the entry while it is under way as a change', async () => {
      const { store, session } = await startStored({ n: 1 });
      const answer = deferred();
      store.next('increment', runsAfter(answer.promise));
      const sum = session.increment('n', 1);
      await until(() => store.log.includes('increment'), 'the increment is under way');
      session.entries.set('n', 100);
      answer.resolve();
      expect(await sum).toBe(2);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ n: 100 });
    });

    it('rejects when the session has ended meanwhile', async () => {
      const { store, session } = await startStored({ n: 1 });
      await store.destroy(session.sid);
      await expect(session.increment('n', 1)).rejects.toMatchObject({ code: 'SESSION_GONE' });
      expect(session.isLost).toBe(true);
    });

    it('says that the outcome is unknown when no answer comes', async () => {
      const { store, session } = await startStored({ n: 1 }, { deadline: 30 });
      store.next('increment', runsWithoutAnswer);
      await expect(session.increment('n', 1)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'outcome unknown' });
      expect(session.isChanged).toBe(false);
    });
  });

  describe('calls', () => {
    it('that nobody awaits run one after the other, in their order', async () => {
      const { store, session } = start();
      session.entries.set('a', 1);
      const calls = [session.save(), session.login(ADA, true), session.rotate(), session.save({ touch: true }), session.destroy()];
      expect(session.isBusy).toBe(true);
      await Promise.all(calls);
      expect(session.isBusy).toBe(false);
      expect(store.log).toEqual(['create', 'create', 'destroy', 'rotate', 'touch', 'destroy'].flatMap((name) => [name, `-${name}`]));
    });

    it('run also after one that failed', async () => {
      const { store, session } = await startStored({});
      store.next('save', REFUSED);
      session.entries.set('a', 1);
      const [failed, saved] = await Promise.allSettled([session.save(), session.save()]);
      expect([failed.status, saved.status]).toEqual(['rejected', 'fulfilled']);
      expect(await stored(store, session.sid)).toEqual({ a: 1 });
    });

    it('can be waited for, and the wait fails as soon as one of them does', async () => {
      const { store, session } = await startStored({});
      await session.idle();
      store.next('destroy', REFUSED);
      const failing = session.destroy();
      const saving = session.save({ touch: true });
      expect(session.isBusy).toBe(true);
      await expect(session.idle()).rejects.toMatchObject({ reason: 'OOM' });
      await expect(failing).rejects.toMatchObject({ reason: 'OOM' });
      await saving;
      expect(session.isBusy).toBe(false);
      const touched = session.save({ touch: true });
      await session.idle();
      expect(store.log.at(-1)).toBe('-touch');
      await touched;
    });

    it.each<[string, (session: ActiveSession) => Promise<unknown>, ('create' | 'load' | 'destroy' | 'rotate' | 'touch')[]]>([
      ['save', (session) => session.save({ touch: true }), ['touch']],
      ['reload', (session) => session.reload(), ['load']],
      ['destroy', (session) => session.destroy(), ['destroy']],
      ['supersede', (session) => session.supersede(), ['destroy']],
      ['login', (session) => session.login(ADA, []), ['create']],
      ['rotate', (session) => session.rotate(), ['rotate']],
    ])('reject at the deadline when the store does not answer: %s', async (_name, call, methods) => {
      for (const method of methods) {
        const { store, session } = await startStored({ a: 1 }, { deadline: 30 });
        store.next(method, hangs);
        await expect(call(session)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'timeout' });
        // The session is as before, so the same call can be made again.
        await call(session);
        expect(session.isLost).toBe(false);
      }
    });

    it('count the wait for their turn, and call nothing when it was too long', async () => {
      const { store, session } = await startStored({}, { deadline: 10_000 });
      const answer = deferred();
      store.next('touch', runsAfter(answer.promise));
      const first = session.save({ touch: true });
      Object.assign(store.settings, { deadline: 20 });
      await expect(session.destroy()).rejects.toMatchObject({ reason: 'timeout' });
      answer.resolve();
      await first;
      await turn();
      expect(store.calls()).toEqual(['touch']);
    });

    it('build nothing on an answer that comes after the deadline', async () => {
      const { store, session } = await startStored({}, { deadline: 30 });
      const late = deferred();
      store.next('create', runsAfter(late.promise));
      const before = session.sid;
      await expect(session.login(ADA, [])).rejects.toMatchObject({ reason: 'timeout' });
      expect(session.sid).toBe(before);
      late.resolve();
      // The late session is undone; the present one is not.
      await until(() => store.log.includes('-destroy'), 'the late session is undone');
      expect(store.calls()).toEqual(['create', 'destroy']);
      expect(await store.sessions.load(before)).toBeDefined();
      expect(session.entries.get('identity')).toBeUndefined();
    });
  });

  describe('a call whose outcome is unknown', () => {
    it('create ran, then entries changed: a retry stores them as they are now', async () => {
      const { store, session } = start({ deadline: 30 });
      store.next('create', runsWithoutAnswer);
      session.entries.set('changed', 1);
      session.entries.set('removed', 1);
      session.entries.set('same', 1);
      await expect(session.save()).rejects.toMatchObject({ reason: 'timeout' });
      session.entries.set('changed', 2);
      session.entries.remove('removed');
      session.entries.set('added', 1);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ changed: 2, same: 1, added: 1 });
      expect(session.isChanged).toBe(false);
    });

    it('create ran, then destroy: nothing is left', async () => {
      const { store, session } = start({ deadline: 30 });
      store.next('create', runsWithoutAnswer);
      await expect(session.save()).rejects.toMatchObject({ reason: 'timeout' });
      await session.destroy();
      expect(await store.sessions.load(session.sid)).toBeUndefined();
    });

    it.each<[string, (session: ActiveSession) => Promise<void>]>([
      ['login', (session) => session.login(ADA, [])],
      ['supersede', (session) => session.supersede()],
    ])('create ran, then %s: nothing is left under the old sid', async (_name, call) => {
      const { store, session } = start({ deadline: 30 });
      store.next('create', runsWithoutAnswer);
      await expect(session.save()).rejects.toMatchObject({ reason: 'timeout' });
      const before = session.sid;
      await call(session);
      expect(await store.sessions.load(before)).toBeUndefined();
    });

    it('save ran, then the value is set back: it is written again', async () => {
      const { store, session } = await startStored({ a: 1, b: 1 }, { deadline: 30 });
      store.next('save', runsWithoutAnswer);
      session.entries.set('a', 2);
      session.entries.remove('b');
      session.entries.set('c', 1);
      await expect(session.save()).rejects.toMatchObject({ reason: 'timeout' });
      expect(await stored(store, session.sid)).toEqual({ a: 2, c: 1 });
      session.entries.set('a', 1);
      session.entries.set('b', 1);
      session.entries.remove('c');
      expect(session.isChanged).toBe(true);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ a: 1, b: 1 });
      expect(session.isChanged).toBe(false);
    });

    it.each<[string, (session: ActiveSession) => Promise<unknown>]>([
      ['touch', (session) => session.touch()],
      ['increment', (session) => session.increment('n', 1)],
    ])('save ran, then the value is set back: it is written again also after a %s', async (_name, call) => {
      const { store, session } = await startStored({ a: 1 }, { deadline: 30 });
      store.next('save', runsWithoutAnswer);
      session.entries.set('a', 2);
      await expect(session.save()).rejects.toMatchObject({ reason: 'timeout' });
      session.entries.set('a', 1);
      await call(session);
      await session.save();
      expect(await stored(store, session.sid)).toMatchObject({ a: 1 });
    });

    it('save was refused for certain: a value set back is no change, and overwrites nobody', async () => {
      const { store, session } = await startStored({ a: 'short' }, { maxFieldBytes: 100 });
      const other = await again(store, session);
      session.entries.set('a', 'x'.repeat(200));
      await expect(session.save()).rejects.toMatchObject({ code: 'SESSION_LIMIT_EXCEEDED' });
      session.entries.set('a', 'short');
      expect(session.isChanged).toBe(false);
      other.entries.set('a', 'theirs');
      await other.save();
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ a: 'theirs' });
    });

    it('rotate ran: a retry signs nobody out, and the sid in hand stays good', async () => {
      const { store, session } = await startStored({ a: 1 }, { deadline: 30 });
      const before = session.sid;
      store.next('rotate', runsWithoutAnswer);
      await expect(session.rotate()).rejects.toMatchObject({ reason: 'timeout' });
      await session.rotate();
      expect(session.sid).toBe(before);
      session.entries.set('a', 2);
      await session.save();
      expect(await stored(store, before)).toEqual({ a: 2 });
    });

    it('destroy ran: a retry resolves', async () => {
      const { store, session } = await startStored({}, { deadline: 30 });
      store.next('destroy', runsWithoutAnswer);
      await expect(session.destroy()).rejects.toMatchObject({ reason: 'timeout' });
      expect(session.isDestroyed).toBe(false);
      await session.destroy();
      expect(session.isDestroyed).toBe(true);
    });
  });

  describe('login', () => {
    it('has the new session stored before the old one is destroyed', async () => {
      const { store, session } = await startStored({});
      await session.login(ADA, []);
      expect(store.log).toEqual(['create', '-create', 'destroy', '-destroy']);
    });

    it('gives a new sid with the identity and what is to be kept; the old sid is dead', async () => {
      const { store, session } = await startStored({ cart: ['tea'], planted: 'x' });
      const before = session.sid;
      await session.login({ ...ADA, roles: ['admin'] } as typeof ADA, ['cart', 'missing', 'identity']);
      expect(handleOf(session.sid)).not.toBe(handleOf(before));
      expect(await store.sessions.load(before)).toBeUndefined();
      const expected = { cart: ['tea'], identity: { id: 'ada', roles: ['admin'] } };
      expect(await stored(store, session.sid)).toEqual(expected);
      expect(content(session)).toEqual(expected);
      expect(session.isChanged).toBe(false);
    });

    it('keeps all with true, changes not yet saved too', async () => {
      const { store, session } = await startStored({ cart: ['tea'], n: 1, gone: 1 });
      (session.entries.get('cart') as string[]).push('milk');
      session.entries.set('n', 2);
      session.entries.remove('gone');
      await session.login(ADA, true);
      expect(await stored(store, session.sid)).toEqual({ cart: ['tea', 'milk'], n: 2, identity: ADA });
    });

    it('costs a visitor without a stored session one call', async () => {
      const { store, session } = start();
      await session.login(ADA, []);
      expect(store.calls()).toEqual(['create']);
      expect(await stored(store, session.sid)).toEqual({ identity: ADA });
    });

    it.each([[true as const], [['cart']]])('never keeps the entries of another user (keep: %j)', async (keep) => {
      const { store, session } = await startStored({ cart: ['tea'], identity: GRACE });
      session.entries.set('more', 1);
      await session.login(ADA, keep);
      expect(await stored(store, session.sid)).toEqual({ identity: ADA });
      expect(content(session)).toEqual({ identity: ADA });
    });

    it('keeps the entries of the same user, whose id may have become a string', async () => {
      const { store, session } = await startStored({ cart: ['tea'], identity: { id: 7 } });
      await session.login({ id: '7' }, ['cart']);
      expect(await stored(store, session.sid)).toEqual({ cart: ['tea'], identity: { id: '7' } });
    });

    it('leaves the same object in hand, and its values', async () => {
      const { store, session } = await startStored({ cart: ['tea'] });
      const cart = session.entries.get('cart') as string[];
      await session.login(ADA, ['cart']);
      cart.push('milk');
      session.entries.set('n', 1);
      expect(session.isChanged).toBe(true);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ cart: ['tea', 'milk'], n: 1, identity: ADA });
    });

    it('keeps what is assigned while it is under way as changes of the new session', async () => {
      const { store, session } = await startStored({ cart: 1, old: 1 });
      const answer = deferred();
      store.next('create', runsAfter(answer.promise));
      const signedIn = session.login(ADA, ['cart']);
      await until(() => store.log.includes('create'), 'the login is under way');
      session.entries.set('cart', 2);
      session.entries.set('added', 1);
      answer.resolve();
      await signedIn;
      expect(content(session)).toEqual({ cart: 2, added: 1, identity: ADA });
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ cart: 2, added: 1, identity: ADA });
    });

    it.each([null, 'ada', {}, { id: '' }, { id: Number.NaN }, { id: {} }])('refuses %p, which is no identity', async (nobody) => {
      const { store, session } = await startStored({});
      await expect(session.login(nobody as unknown as typeof ADA, [])).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      expect(store.calls()).toEqual([]);
    });

    it('refuses an identity that cannot be stored, and says nothing of its value', async () => {
      const { store, session } = await startStored({});
      const error: unknown = await session.login({ ...ADA, balance: 12_345n } as typeof ADA, []).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE', message: expect.stringContaining('"identity"') });
      expect(String(error)).not.toContain('12345');
      const nothing = { ...ADA, toJSON: () => undefined };
      await expect(session.login(nothing, [])).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
      expect(store.calls()).toEqual([]);
    });

    it('rejects when a signed-in session has ended meanwhile, and leaves no new one: nobody survives a revoke by signing in from it', async () => {
      const { store, session } = await startStored({ identity: ADA });
      await store.destroy(session.sid);
      const created = sidsCreated(store);
      for (let attempt = 1; attempt <= 2; attempt++)
        await expect(session.login(ADA, true)).rejects.toMatchObject({ code: 'SESSION_GONE', statusCode: 401 });
      await undone(store, created);
      expect(session.isLost).toBe(true);
    });

    it('signs a visitor in whose session has expired meanwhile', async () => {
      const { store, session } = await startStored({ cart: 1 });
      await store.destroy(session.sid);
      await session.save({ touch: true });
      expect(session.isLost).toBe(true);
      await session.login(ADA, ['cart']);
      expect(session.isLost).toBe(false);
      expect(await stored(store, session.sid)).toEqual({ cart: 1, identity: ADA });
    });

    it('rejects and undoes the new session when the store refuses to end the old one', async () => {
      const { store, session } = await startStored({ identity: GRACE, cart: 1 }, { deadline: 30 });
      const before = session.sid;
      const created = sidsCreated(store);
      store.next('destroy', REFUSED);
      await expect(session.login(ADA, [])).rejects.toMatchObject({ reason: 'OOM' });
      await undone(store, created);
      expect(session.sid).toBe(before);
      expect(content(session)).toEqual({ identity: GRACE, cart: 1 });
      expect(await stored(store, before)).toEqual({ identity: GRACE, cart: 1 });
      await session.login(ADA, []);
      expect(await stored(store, session.sid)).toEqual({ identity: ADA });
    });

    it.each([
      ['does not answer', hangs, 'it'],
      ['does not answer, though it runs', runsWithoutAnswer, 'it'],
      ['loses the connection, twice', failsWith(new SessionStoreUnavailableError('connection')), 'both'],
      ['fails in a way that a proxy may have made up, twice', failsWith(new SessionStoreUnavailableError('ERR')), 'both'],
      ['throws what this package does not know, twice', failsWith(new Error('odd')), 'both'],
    ])('keeps the new session when the end of the old one %s, and ends the old one as soon as it can', async (_what, course, fails) => {
      const { store, session } = await startStored({ identity: GRACE, cart: 1 }, { deadline: 30 });
      const before = session.sid;
      store.next('destroy', course, ...(fails === 'both' ? [course] : []));
      await session.login(ADA, []);
      expect(session.sid).not.toBe(before);
      expect(await stored(store, session.sid)).toEqual({ identity: ADA });
      await until(async () => (await store.sessions.load(before)) === undefined, 'the old session has ended');
    });

    it('goes on when the second attempt to end the old one finds it gone, since the first one did it', async () => {
      const { store, session } = await startStored({ identity: GRACE, cart: 1 });
      const before = session.sid;
      store.next('destroy', async (run) => {
        await run();
        throw new SessionStoreUnavailableError('timeout');
      });
      await session.login(ADA, []);
      expect([await store.sessions.load(before), await stored(store, session.sid)]).toEqual([undefined, { identity: ADA }]);
    });

    it('rejects when the second attempt finds that somebody else has ended the old one', async () => {
      const { store, host } = start();
      const sid = generateSid();
      const record = await store.sessions.create(sid, { entries: new Map([['identity', '{"id":"ada"}']]), terms: TERMS, userId: 'ada' });
      const session = new ActiveSession(store.sessions, host, sid, record);
      store.next('destroy', async () => {
        await store.revoke(record.handle, { userId: 'ada', reason: 'stolen' });
        throw new SessionStoreUnavailableError('timeout');
      });
      const created = sidsCreated(store);
      await expect(session.login(ADA, [])).rejects.toMatchObject({ code: 'SESSION_GONE' });
      await undone(store, created);
    });

    it('is tried again after an attempt to regenerate that got no answer', async () => {
      const { store, session } = await startStored({ identity: ADA }, { deadline: 30 });
      const lost = async <T>(run: () => Promise<T>): Promise<T> => {
        await run();
        throw new SessionStoreUnavailableError('timeout');
      };
      store.next('destroy', lost, lost);
      await expect(session.supersede()).rejects.toMatchObject({ reason: 'timeout' });
      await session.login(ADA, []);
      expect(await stored(store, session.sid)).toEqual({ identity: ADA });
    });

    it('rejects and leaves the old session alone when the new one cannot be stored', async () => {
      const { store, session } = await startStored({ cart: 1 });
      const before = session.sid;
      store.next('create', REFUSED);
      await expect(session.login(ADA, [])).rejects.toMatchObject({ reason: 'OOM' });
      expect(await stored(store, before)).toEqual({ cart: 1 });
      expect(session.sid).toBe(before);
    });

    it('never undoes a session that another has under the new sid', async () => {
      const { store, session, host } = await startStored({});
      const theirs = await startStored({ theirs: 1 }, {}, store);
      host.generateSid = () => `${theirs.session.sid.slice(0, 22)}${generateSid().slice(22)}` as Sid;
      await expect(session.login(ADA, [])).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
      await turn();
      expect(await stored(store, theirs.session.sid)).toEqual({ theirs: 1 });
    });

    it('refuses a sid that is the present one', async () => {
      const { store, session, host } = await startStored({ a: 1 });
      host.generateSid = () => session.sid;
      await expect(session.login(ADA, [])).rejects.toMatchObject({ code: 'SESSION_CONFLICT' });
      expect(await stored(store, session.sid)).toEqual({ a: 1 });
    });

    it('tells the log when a session could not be undone', async () => {
      const errors: Error[] = [];
      const { store, session } = await startStored({}, { logErrors: (error) => errors.push(error) });
      store.next('destroy', REFUSED, REFUSED);
      await expect(session.login(ADA, [])).rejects.toMatchObject({ reason: 'OOM' });
      await until(() => errors.length > 0, 'the log is told');
      expect(errors).toMatchObject([{ reason: 'OOM' }]);
    });
  });

  describe('rotate', () => {
    it('gives the same session a new sid; the old one stays good for a while', async () => {
      const { store, session } = await startStored({ a: 1 });
      const before = session.sid;
      await session.rotate();
      expect(session.sid).not.toBe(before);
      expect(session.handle).toBe(handleOf(before));
      expect(await store.sessions.load(session.sid)).toMatchObject({ secret: 'unconfirmed' });
      expect(await store.sessions.load(before)).toMatchObject({ secret: 'previous' });
    });

    it('needs a session that is stored', async () => {
      const { session } = start();
      await expect(session.rotate()).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
    });

    it('rejects when the session has ended meanwhile', async () => {
      const { store, session } = await startStored({});
      await store.destroy(session.sid);
      await expect(session.rotate()).rejects.toMatchObject({ code: 'SESSION_GONE' });
      expect(session.isLost).toBe(true);
    });

    it('keeps the sid when another request has rotated just before', async () => {
      const { store, session } = await startStored({ a: 1 });
      const other = await again(store, session);
      await other.rotate();
      const before = session.sid;
      await session.rotate();
      expect(session.sid).toBe(before);
      expect(session.record).toMatchObject({ secret: 'previous' });
    });

    it.each<[string, (session: ActiveSession) => Promise<unknown>]>([
      ['save', (session) => (session.entries.set('a', 2), session.save())],
      ['touch', (session) => session.save({ touch: true })],
      ['reload and touch', async (session) => (await session.reload(), session.save({ touch: true }))],
      ['second rotate', (session) => session.rotate()],
    ])('leaves the old sid good after a %s of the same request, since the answer may get lost', async (_what, call) => {
      const { store, session } = await startStored({ a: 1 }, { rotationGrace: 0 });
      const before = session.sid;
      await session.rotate();
      await call(session);
      expect(await store.sessions.load(before)).toMatchObject({ secret: 'previous' });
      expect(session.record).toMatchObject({ secret: 'current' });
    });

    describe('with a sid of a custom form', () => {
      let sids = 0;
      const custom = () => `custom sid number ${++sids}` as Sid;

      it('moves to a new sid with all the data and the same absolute end', async () => {
        const { store, host } = start();
        host.generateSid = custom;
        const before = custom();
        const absoluteEndsAt = Date.now() + 100_000;
        const record = await store.sessions.create(before, { entries: new Map([['a', '1']]), terms: TERMS, absoluteEndsAt });
        const session = new ActiveSession(store.sessions, host, before, record);
        session.entries.set('b', 1);
        await session.rotate();
        expect(session.sid).not.toBe(before);
        expect(await store.sessions.load(before)).toBeUndefined();
        expect(await store.sessions.load(session.sid)).toMatchObject({ absoluteEndsAt });
        expect(await stored(store, session.sid)).toEqual({ a: 1, b: 1 });
        expect(session.isChanged).toBe(false);
      });

      it('refuses when the session has ended meanwhile, also for a visitor, and leaves no new one', async () => {
        const { store, session, host } = await startStored({ a: 1 }, {}, undefined, custom());
        host.generateSid = custom;
        await store.destroy(session.sid);
        const created = sidsCreated(store);
        await expect(session.rotate()).rejects.toMatchObject({ code: 'SESSION_GONE' });
        for (const sid of created) expect(await store.sessions.load(sid)).toBeUndefined();
      });

      it('undoes the new one when the session ends in the midst of it', async () => {
        const { store, session, host } = await startStored({ a: 1 }, {}, undefined, custom());
        host.generateSid = custom;
        const { sid } = session;
        const created = sidsCreated(store);
        store.next('create', async (run) => {
          await store.destroy(sid);
          return run();
        });
        await expect(session.rotate()).rejects.toMatchObject({ code: 'SESSION_GONE' });
        await undone(store, created);
      });

      it('takes along what others have changed since it was loaded', async () => {
        const { store, session, host } = await startStored({ a: 1, b: 1 }, {}, undefined, custom());
        host.generateSid = custom;
        const other = new ActiveSession(store.sessions, host, session.sid, await store.sessions.load(session.sid));
        expect(session.entries.get('a')).toBe(1);
        other.entries.set('a', 2);
        await other.save();
        session.entries.set('b', 2);
        await session.rotate();
        expect(await stored(store, session.sid)).toEqual({ a: 2, b: 2 });
      });
    });
  });

  describe('reload', () => {
    it('drops changes that are not stored and takes those of others', async () => {
      const { store, session } = await startStored({ a: 1, b: 1 });
      const other = await again(store, session);
      other.entries.set('b', 2);
      await other.save();
      session.entries.set('a', 2);
      session.entries.get('b');
      expect(await session.reload()).toBe(true);
      expect(content(session)).toEqual({ a: 1, b: 2 });
      expect(session.isChanged).toBe(false);
    });

    it('is false when the session has ended or was never stored', async () => {
      const { store, session } = await startStored({ a: 1 });
      await store.destroy(session.sid);
      expect(await session.reload()).toBe(false);
      expect(await start().session.reload()).toBe(false);
    });
  });

  describe('destroy', () => {
    it('ends the session; its entries stay readable, and its calls reject', async () => {
      const { store, session } = await startStored({ a: 1 });
      await session.destroy();
      expect(await store.sessions.load(session.sid)).toBeUndefined();
      expect([session.isDestroyed, session.isChanged, session.isTouchDue]).toEqual([true, false, false]);
      expect(session.entries.get('a')).toBe(1);
      const calls = [
        () => session.save(),
        () => session.reload(),
        () => session.destroy(),
        () => session.login(ADA, []),
        () => session.rotate(),
        () => session.supersede(),
      ];
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'SESSION_MISUSE' });
    });

    it('calls nothing for a session that was never stored', async () => {
      const { store, session } = start();
      await session.destroy();
      expect(store.calls()).toEqual([]);
    });

    it('resolves when somebody else was faster', async () => {
      const { store, session } = await startStored({});
      await store.destroy(session.sid);
      await session.destroy();
      expect(session.isDestroyed).toBe(true);
    });

    it('leaves the session usable when it fails', async () => {
      const { store, session } = await startStored({ a: 1 });
      store.next('destroy', REFUSED);
      await expect(session.destroy()).rejects.toMatchObject({ reason: 'OOM' });
      session.entries.set('a', 2);
      await session.save();
      expect(await stored(store, session.sid)).toEqual({ a: 2 });
    });
  });

  describe('supersede', () => {
    it('ends the session', async () => {
      const { store, session } = await startStored({ identity: ADA });
      await session.supersede();
      expect(await store.sessions.load(session.sid)).toBeUndefined();
      expect(session.isDestroyed).toBe(true);
    });

    it('rejects when a signed-in session has ended meanwhile', async () => {
      const { store, session } = await startStored({ identity: ADA });
      await store.destroy(session.sid);
      for (let attempt = 1; attempt <= 2; attempt++) await expect(session.supersede()).rejects.toMatchObject({ code: 'SESSION_GONE' });
    });

    it("does not mind when a visitor's session has ended meanwhile", async () => {
      const { store, session } = await startStored({ cart: 1 });
      await store.destroy(session.sid);
      await session.supersede();
      expect(session.isDestroyed).toBe(true);
    });
  });

  it('says of an entry that cannot be decoded that it was rejected', async () => {
    const { store, host } = start();
    const sid = generateSid();
    const record = await store.sessions.create(sid, { entries: new Map([['a', '{"broken']]), terms: TERMS });
    const session = new ActiveSession(store.sessions, host, sid, record);
    const events: unknown[] = [];
    store.sessions.events.on('rejected', (event) => events.push(event));
    expect(session.entries.get('a')).toBeUndefined();
    expect(events).toEqual([{ handle: handleOf(sid), what: 'entry' }]);
  });
});

interface Started {
  readonly store: ScriptedStore;
  readonly session: ActiveSession;
  readonly host: SessionHost;
}

/** A new session, of which nothing is stored. */
function start(options: StoreOptions = {}, store = new ScriptedStore(options), sid = generateSid()): Started {
  const host: SessionHost = {
    generateSid,
    terms: () => TERMS,
    areTermsChanged: false,
    isIdentityEntry: true,
    sidsBeside: [],
    identityOf: (entries) => {
      const identity = entries.get('identity');
      return isIdentity(identity) ? identity : undefined;
    },
  };
  return { store, host, session: new ActiveSession(store.sessions, host, sid) };
}

/** A session that was loaded. */
async function startStored(
  values: Record<string, unknown>,
  options: StoreOptions = {},
  given?: ScriptedStore,
  sid?: Sid,
): Promise<Started> {
  const { store, host, session } = start(options, given, sid);
  const entries = new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
  const record = await store.sessions.create(session.sid, { entries, terms: TERMS });
  store.calls();
  return { store, host, session: new ActiveSession(store.sessions, host, session.sid, record) };
}

/** The same session in another request. */
async function again(store: ScriptedStore, { sid }: ActiveSession): Promise<ActiveSession> {
  const record = await store.sessions.load(sid);
  store.calls();
  return new ActiveSession(store.sessions, start().host, sid, record);
}

async function stored(store: ScriptedStore, sid: Sid): Promise<Record<string, unknown> | undefined> {
  const record = await store.sessions.load(sid);
  return record && Object.fromEntries([...record.entries].map(([name, text]) => [name, JSON.parse(text) as unknown]));
}

function content({ entries }: ActiveSession): Record<string, unknown> {
  return Object.fromEntries(entries.names().map((name) => [name, entries.get(name)]));
}

/** The sids under which sessions are stored from now on. */
function sidsCreated(store: ScriptedStore): Sid[] {
  const sids: Sid[] = [];
  const create = store.create.bind(store);
  store.create = (sid, session) => {
    sids.push(sid);
    return create(sid, session);
  };
  return sids;
}

async function undone(store: ScriptedStore, sids: readonly Sid[]): Promise<void> {
  expect(sids.length).toBeGreaterThan(0);
  for (const sid of sids) await until(async () => (await store.sessions.load(sid)) === undefined, 'the new session is undone');
}

/** Lets everything run that waits for nothing but its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
