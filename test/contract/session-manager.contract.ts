import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ActiveSession } from '../../src/session/active-session.js';
import { SessionManager, type ListOptions, type SessionInfo } from '../../src/session/session-manager.js';
import { expiresAt } from '../../src/session/session-record.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { Barrier } from '../support/barrier.js';
import { interposed } from '../support/interposed-store.js';
import { refusal } from '../support/refusal.js';
import { until } from '../support/until.js';
import { signedIn, Visitor } from '../support/visitor.js';
import { ended, entriesOf, found, TERMS, termsOf, listen, passes, type OpenStore } from './session-store.contract.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

/** What an attacker, or a careless application, may call a user. */
export const ODD_USERS = [
  'user:ada',
  '*',
  '{}',
  '{ada}',
  'a{b}c',
  ' ',
  'a b',
  '0',
  '-1',
  'a|b|c',
  '|',
  'a\nb\0c',
  '__proto__',
  'constructor',
  '@meta',
  'ключ',
  '🍪',
  'a'.repeat(1_024),
  'ü'.repeat(512),
];

const LATER = 600_000;
/** Names that are no handles, and what else is under the store's prefix. */
const BAD_HANDLES = [
  '',
  'user:ada',
  'not-before:ada',
  '*',
  'user:aaaaaaaaaaaaaaaaa',
  'user:ada\0',
  '../x',
  'a'.repeat(21),
  'a'.repeat(1_000),
];

/** How a session that moves meets a change of its identity. */
interface Meeting {
  readonly store: IndexedSessions;
  readonly genid: () => Sid;
  readonly move: (session: ActiveSession) => unknown;
  readonly isMoveFirst: boolean;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What the comments of `SessionManager` promise. `open` gives a store that holds no sessions of other tests. */
export function describeSessionManager(name: string, open: (options?: StoreOptions) => Promise<OpenStore>): void {
  describe(`SessionManager: ${name}`, () => {
    const checks: (() => Promise<void>)[] = [];

    async function start(options?: StoreOptions): Promise<{ store: IndexedSessions; manager: SessionManager }> {
      const { store, check } = await open(options);
      if (check !== undefined) checks.push(check);
      return { store: sessionsOf(store), manager: new SessionManager(store) };
    }

    afterEach(async () => {
      for (const check of checks.splice(0)) await check();
    });

    describe('list', () => {
      it('shows the sessions of one user, and of nobody else', async () => {
        const { store, manager } = await start();
        const mine = await Promise.all([signedIn(store), signedIn(store)]);
        await signedIn(store, 'grace');
        await new Visitor(store).request(({ entries }) => entries.set('cart', ['tea']));
        const { sessions, cursor } = await manager.list('ada');
        expect(handlesOf(sessions).toSorted()).toEqual(mine.map((visitor) => visitor.handle).toSorted());
        expect(cursor).toBeUndefined();
        expect(await manager.list('nobody')).toEqual({ sessions: [] });
      });

      it('tells nothing that opens a session, and nothing that is in it', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store, 'ada', { roles: ['admin'] });
        const [info] = (await manager.list('ada', { current: { handle: visitor.handle } })).sessions;
        expect(info).toEqual({
          handle: visitor.handle,
          userId: 'ada',
          createdAt: expect.any(Date),
          lastSeenAt: expect.any(Date),
          expiresAt: expect.any(Date),
          current: true,
        });
        const text = JSON.stringify([info, await manager.get('ada', visitor.handle), await manager.list('ada', { limit: 1 })]);
        expect(text).not.toContain(visitor.sid!.slice(22));
        expect(text).not.toMatch(/admin|secret|hash/i);
      });

      it('shows when a session began, was last seen and ends', async () => {
        const { store, manager } = await start({ ttl: 60, absoluteTtl: 600 });
        const { sid } = await signedIn(store);
        await passes(store, 2);
        await store.touch(sid!, await found(store, sid!), termsOf(30_000));
        const record = await found(store, sid!);
        expect((await manager.list('ada')).sessions).toMatchObject([
          {
            createdAt: new Date(record.createdAt!),
            lastSeenAt: new Date(record.lastSeenAt),
            expiresAt: new Date(record.lastSeenAt + 30_000),
          },
        ]);
      });

      it('shows the device that a session was last written from', async () => {
        const { store, manager } = await start();
        const sid = generateSid();
        const device = { ip: '192.0.2.7', userAgent: 'Mozilla/5.0' };
        await store.create(sid, { entries: new Map(), terms: { ...TERMS, device }, userId: 'ada' });
        await named(store, 'ada', sid);
        expect((await manager.list('ada')).sessions).toMatchObject([device]);
        expect(await manager.get('ada', handleOf(sid))).toMatchObject(device);
      });

      it('marks the session of the request, given by itself or by its handle, and no other', async () => {
        const { store, manager } = await start();
        const [a, b] = [await signedIn(store), await signedIn(store)];
        const markedBy = async (current: ListOptions['current']) =>
          (await manager.list('ada', { current })).sessions.filter((info) => 'current' in info).map((info) => info.handle);
        expect(await markedBy(await a.arrive())).toEqual([a.handle]);
        expect(await markedBy(b.handle)).toEqual([b.handle]);
        expect(await markedBy(handleOf(generateSid()))).toEqual([]);
        expect(await markedBy(undefined)).toEqual([]);
      });

      it('shows the newest session first', async () => {
        const { store, manager } = await start();
        const handles: string[] = [];
        for (let n = 0; n < 4; n++) {
          handles.unshift((await signedIn(store)).handle);
          await passes(store, 2);
        }
        expect(handlesOf((await manager.list('ada')).sessions)).toEqual(handles);
      });

      it('shows each session once, page by page, the one that can live longest on the first', async () => {
        const { store, manager } = await start();
        const handles: string[] = [];
        for (let n = 0; n < 7; n++) {
          const sid = generateSid();
          await store.create(sid, { entries: new Map(), terms: TERMS, userId: 'ada' });
          // Some of them at the same moment.
          await named(store, 'ada', sid, (await store.now()) + LATER * (1 + Math.floor(n / 3)));
          handles.push(handleOf(sid));
        }
        const pages = await allPages(manager, 'ada', 2);
        expect(pages.map((page) => page.length)).toEqual([2, 2, 2, 1]);
        expect(pages.flat().toSorted()).toEqual(handles.toSorted());
        expect(pages[0]).toContain(handles[6]);
        expect(pages[3]!.every((one) => handles.slice(0, 3).includes(one))).toBe(true);
      });

      it('passes nobody over when sessions end between two pages, the last one of a page too', async () => {
        const { store, manager } = await start();
        const visitors = await Promise.all(Array.from({ length: 9 }, () => signedIn(store)));
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await manager.list('ada', { limit: 3, cursor });
          seen.push(...handlesOf(page.sessions));
          ({ cursor } = page);
          const last = cursor?.split('.').at(-1);
          if (last !== undefined) await manager.revoke('ada', last);
        } while (cursor !== undefined);
        expect(seen.toSorted()).toEqual(visitors.map((visitor) => visitor.handle).toSorted());
      });

      it('goes on behind a page of which nobody is alive any more', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        for (let n = 0; n < 4; n++) await named(store, 'ada', generateSid(), (await store.now()) + 10 * 86_400_000 + n);
        const page = await manager.list('ada', { limit: 2 });
        expect(handlesOf(page.sessions)).toEqual([visitor.handle]);
      });

      it.each([0, -1, 1.5, 501, NaN, Infinity, '5' as never])('refuses the limit %s', async (limit) => {
        const { manager } = await start();
        expect(await refusal(() => manager.list('ada', { limit }))).toMatchObject({
          code: 'SESSION_MISUSE',
          message: /"limit" from 1 to 500/,
        });
      });

      it.each(['', '1', 'x.y', '1.2.3', `${'9'.repeat(30)}.${handleOf(generateSid())}`, `1.user:ada`, `1.25.${'a'.repeat(10)}`])(
        'refuses the cursor %j',
        async (cursor) => {
          const { store, manager } = await start();
          await signedIn(store);
          expect(await refusal(() => manager.list('ada', { cursor }))).toMatchObject({ code: 'SESSION_MISUSE' });
          expect(await manager.count('ada')).toBe(1);
        },
      );

      it('takes a cursor that another has made up, and shows sessions of the user only', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await signedIn(store, 'grace');
        const cursor = `${Math.floor(await store.now()) * 2}.${handleOf(generateSid())}`;
        expect(handlesOf((await manager.list('ada', { cursor })).sessions)).toEqual([visitor.handle]);
        expect(await manager.count('ada')).toBe(1);
      });

      it('forgets the names of sessions that have gone', async () => {
        const { store, manager } = await start();
        const [gone, other] = [await signedIn(store), await signedIn(store)];
        await store.destroy(gone.sid!);
        expect(handlesOf((await manager.list('ada')).sessions)).toEqual([other.handle]);
        expect(await namesOf(store, 'ada')).toEqual([other.handle]);
      });

      it('leaves the place of a sign-in under way that has not stored its session yet', async () => {
        const { store, manager } = await start();
        const sid = generateSid();
        await store.index.reserve('ada', handleOf(sid), { ms: LATER });
        expect(await manager.list('ada')).toEqual({ sessions: [] });
        expect(await manager.count('ada')).toBe(0);
        expect(await namesOf(store, 'ada')).toEqual([handleOf(sid)]);
      });

      it('shows a session no longer once it was signed out, or is that of another', async () => {
        const { store, manager } = await start();
        const [out, other] = [await signedIn(store), await signedIn(store)];
        await out.request((session) => session.destroy());
        await other.signIn('grace');
        expect(await manager.list('ada')).toEqual({ sessions: [] });
        expect(await namesOf(store, 'ada')).toEqual([]);
        expect(handlesOf((await manager.list('grace')).sessions)).toEqual([other.handle]);
      });

      it('is right as soon as sessions have expired', async () => {
        const { store, manager } = await start({ absoluteTtl: false });
        const { sid } = await signedIn(store);
        expect(await manager.count('ada')).toBe(1);
        await store.touch(sid!, await found(store, sid!), termsOf(30));
        await ended(store, sid!);
        expect(await manager.list('ada')).toEqual({ sessions: [] });
        expect(await manager.count('ada')).toBe(0);
        expect(await manager.revokeAll('ada')).toBe(0);
        expect(await namesOf(store, 'ada')).toEqual([]);
      });

      it('names a session for as long as it lives by saves alone, where there is no absolute timeout', async () => {
        const { store, manager } = await start({ ttl: 3_600, absoluteTtl: false, touchAfter: 0.05 });
        const visitor = await signedIn(store);
        const nameOf = async () => (await store.index.page('ada', { limit: 1 })).sessions[0]!;
        const first = await nameOf();
        let n = 0;
        await until(async () => {
          await visitor.request(({ entries }) => entries.set('n', n++));
          await store.drain();
          return (await nameOf()).score > first.score;
        }, 'the name lasts longer than at first');
        expect((await nameOf()).score).toBeGreaterThanOrEqual(expiresAt(await found(store, visitor.sid!)));
        expect(await manager.count('ada')).toBe(1);
        expect(await manager.revokeAll('ada')).toBe(1);
      });

      it('names a session again that is in use, where its name was lost', async () => {
        const { store, manager } = await start({ touchAfter: 0 });
        const visitor = await signedIn(store);
        await store.index.remove('ada', [visitor.handle]);
        await visitor.request(() => undefined);
        await until(async () => (await manager.count('ada')) === 1, 'the session is named again');
      });
    });

    describe('get', () => {
      it('shows one session of that user, and nobody else’s', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store, 7);
        const guest = new Visitor(store);
        await guest.request(({ entries }) => entries.set('cart', ['tea']));
        for (const id of [7, '7']) expect(await manager.get(id, visitor.handle)).toMatchObject({ handle: visitor.handle, userId: '7' });
        for (const [id, handle] of [
          ['8', visitor.handle],
          ['undefined', guest.handle],
          ['7', guest.handle],
        ] as const)
          expect(await manager.get(id, handle)).toBeUndefined();
        expect(await refusal(() => manager.get('', visitor.handle))).toMatchObject({ code: 'SESSION_MISUSE' });
      });

      it('finds nothing where there is no session (any more)', async () => {
        const { store, manager } = await start();
        const [out, revoked, expired] = [await signedIn(store), await signedIn(store), await signedIn(store)];
        await out.request((session) => session.destroy());
        await manager.revoke('ada', revoked.handle);
        await store.touch(expired.sid!, await found(store, expired.sid!), termsOf(30));
        await ended(store, expired.sid!);
        for (const one of [handleOf(generateSid()), expired.handle, ...BAD_HANDLES]) expect(await manager.get('ada', one)).toBeUndefined();
        expect(await manager.get('ada', revoked.handle)).toBeUndefined();
      });
    });

    describe('revoke', () => {
      it('ends that session, once, and tells its holder why', async () => {
        const { store, manager } = await start();
        const [a, b] = [await signedIn(store), await signedIn(store)];
        const events = listen(store, 'revoked');
        expect(await manager.revoke('ada', a.handle, 'stolen-phone')).toBe(true);
        expect(await store.find(a.sid!)).toEqual({ endedReason: 'stolen-phone' });
        expect(await b.whoami()).toEqual({ id: 'ada' });
        expect(await manager.revoke('ada', a.handle)).toBe(false);
        expect(events).toEqual([{ handle: a.handle, userId: 'ada', reason: 'stolen-phone' }]);
        expect(await namesOf(store, 'ada')).toEqual([b.handle]);
        await manager.revoke('ada', b.handle);
        expect(await store.find(b.sid!)).toEqual({ endedReason: 'revoked' });
      });

      it('tells nothing to whoever knows the handle only', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await manager.revoke('ada', visitor.handle);
        expect(await store.find((visitor.handle + generateSid().slice(22)) as Sid)).toBeUndefined();
      });

      it('answers alike for a session of another user, of nobody, and for none', async () => {
        const { store, manager } = await start();
        const grace = await signedIn(store, 'grace');
        const guest = new Visitor(store);
        await guest.request(({ entries }) => entries.set('cart', ['tea']));
        for (const one of [grace.handle, guest.handle, handleOf(generateSid()), ...BAD_HANDLES])
          expect([one, await manager.revoke('ada', one)]).toEqual([one, false]);
        expect(await grace.whoami()).toEqual({ id: 'grace' });
        expect(await manager.count('grace')).toBe(1);
        expect(await store.load(guest.sid!)).toBeDefined();
        expect(store.events.count('revoked')).toBe(0);
      });

      it('never takes another key for a session', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        for (const one of BAD_HANDLES) await manager.revoke('ada', one);
        expect(await namesOf(store, 'ada')).toEqual([visitor.handle]);
      });

      it('ends a session whose name the index has lost', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await store.index.remove('ada', [visitor.handle]);
        expect(await manager.revoke('ada', visitor.handle)).toBe(true);
        expect(await store.load(visitor.sid!)).toBeUndefined();
      });

      it.each(['', ' ', 'two words', '-dash', 'a"b', 'a|b', 'a\r\nSet-Cookie: x', 'a'.repeat(65), 'ключ'])(
        'refuses the reason %j, and ends nothing',
        async (reason) => {
          const { store, manager } = await start({ revokeBefore: true });
          const visitor = await signedIn(store);
          const calls = [
            () => manager.revoke('ada', visitor.handle, reason),
            () => manager.revokeOthers('ada', visitor.handle, reason),
            () => manager.revokeAll('ada', reason),
            () => manager.revokeBefore('ada', Date.now() - LATER, reason),
          ];
          for (const call of calls) expect(await refusal(call)).toMatchObject({ code: 'SESSION_MISUSE', message: /^A reason/ });
          expect(await visitor.whoami()).toEqual({ id: 'ada' });
        },
      );

      it.each(['a', 'password-changed', 'Admin_2.0', 'a'.repeat(64)])('takes the reason %j', async (reason) => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await manager.revokeAll('ada', reason);
        expect(await store.find(visitor.sid!)).toEqual({ endedReason: reason });
      });
    });

    describe('revokeOthers', () => {
      it('ends all sessions of the user but that one', async () => {
        const { store, manager } = await start();
        const [mine, ...others] = await Promise.all(Array.from({ length: 5 }, () => signedIn(store)));
        const grace = await signedIn(store, 'grace');
        expect(await manager.revokeOthers(await mine!.arrive(), 'password-changed')).toBe(4);
        expect(await mine!.whoami()).toEqual({ id: 'ada' });
        expect(await grace.whoami()).toEqual({ id: 'grace' });
        for (const other of others) expect(await store.find(other.sid!)).toEqual({ endedReason: 'password-changed' });
        expect(await namesOf(store, 'ada')).toEqual([mine!.handle]);
        expect(await manager.revokeOthers('ada', mine!.handle)).toBe(0);
      });

      it('leaves that one as it was: it can sign in anew, and be ended', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await signedIn(store);
        await manager.revokeOthers('ada', visitor.handle);
        await visitor.signIn();
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
        expect(await manager.revokeAll('ada')).toBe(1);
      });

      it('rejects for a session that has ended, or that nobody has signed in to', async () => {
        const { store, manager } = await start();
        const [mine, other] = [await signedIn(store), await signedIn(store)];
        const session = await mine.arrive();
        await manager.revoke('ada', session.handle);
        expect(await refusal(() => manager.revokeOthers(session))).toMatchObject({ code: 'SESSION_GONE' });
        const guest = new Visitor(store);
        await guest.request(({ entries }) => entries.set('cart', ['tea']));
        const arrived = await guest.arrive();
        expect(await refusal(() => manager.revokeOthers(arrived))).toMatchObject({ code: 'SESSION_MISUSE' });
        expect(await refusal(() => manager.revokeOthers('ada', 'user:ada'))).toMatchObject({ code: 'SESSION_GONE' });
        expect(await other.whoami()).toEqual({ id: 'ada' });
      });

      it('takes nobody’s handle alone: it is that user’s, or the session is a request’s', async () => {
        const { store, manager } = await start();
        const [mine, other, eve] = [await signedIn(store), await signedIn(store), await signedIn(store, 'eve')];
        const guest = new Visitor(store);
        await guest.request(({ entries }) => entries.set('cart', ['tea']));
        for (const { handle } of [mine, guest, eve]) {
          expect(await refusal(() => manager.revokeOthers({ handle }))).toMatchObject({ code: 'SESSION_MISUSE', message: /@Session\(\)/ });
          expect(await refusal(() => manager.revokeOthers(JSON.parse(JSON.stringify({ handle })) as never))).toMatchObject({
            code: 'SESSION_MISUSE',
          });
          if (handle !== eve.handle)
            expect(await refusal(() => manager.revokeOthers('eve', handle))).toMatchObject({ code: 'SESSION_GONE' });
        }
        expect(await refusal(() => manager.revokeOthers(null as never))).toMatchObject({ code: 'SESSION_MISUSE' });
        expect(await refusal(() => manager.revokeOthers('', mine.handle))).toMatchObject({ code: 'SESSION_MISUSE' });
        for (const visitor of [mine, other, eve]) expect(await store.load(visitor.sid!)).toBeDefined();
        expect(await manager.revokeOthers('ada', mine.handle)).toBe(1);
        expect(await store.find(other.sid!)).toEqual({ endedReason: 'revoked' });
      });
    });

    describe('revokeAll', () => {
      it('ends all sessions of the user, and leaves no name', async () => {
        const { store, manager } = await start();
        const all = await Promise.all(Array.from({ length: 5 }, () => signedIn(store)));
        const grace = await signedIn(store, 'grace');
        const events = listen(store, 'revoked');
        expect(await manager.revokeAll('ada')).toBe(5);
        for (const { sid } of all) expect(await store.find(sid!)).toEqual({ endedReason: 'revoked' });
        expect(events.map((event) => event.handle).toSorted()).toEqual(all.map((visitor) => visitor.handle).toSorted());
        expect(await grace.whoami()).toEqual({ id: 'grace' });
        expect(await namesOf(store, 'ada')).toEqual([]);
        expect(await manager.revokeAll('ada')).toBe(0);
      });

      it('does not count sessions that have ended already', async () => {
        const { store, manager } = await start();
        const [gone] = [await signedIn(store), await signedIn(store)];
        await store.destroy(gone.sid!);
        expect(await manager.revokeAll('ada')).toBe(1);
      });

      it('lets users sign in again afterwards', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await manager.revokeAll('ada');
        await visitor.signIn();
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
        expect(await manager.count('ada')).toBe(1);
      });

      it('ends also the sessions that a call has left that died', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await store.index.fence('ada', { ms: LATER, reason: 'revoked' });
        expect(await manager.revokeAll('ada')).toBe(1);
        expect(await visitor.whoami()).toBeUndefined();
      });

      it('lets no session come to be whose sign-in has only begun', async () => {
        const { store, manager } = await start();
        const session = await new Visitor(store).arrive();
        const create = store.create.bind(store);
        const created = listen(store, 'created');
        store.create = async (...call) => {
          store.create = create;
          await manager.revokeAll('ada');
          return create(...call);
        };
        expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        await until(async () => (await namesOf(store, 'ada')).length === 0, 'nothing is named');
        expect(created).toEqual([]);
        await session.login({ id: 'ada' }, true);
        expect(await manager.count('ada')).toBe(1);
      });

      it('makes a sign-in that is under way fail, and leaves nothing of it', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        const session = await visitor.arrive();
        const confirm = store.index.confirm.bind(store.index);
        const created = listen(store, 'created');
        store.index.confirm = async (...call) => {
          store.index.confirm = confirm;
          await manager.revokeAll('ada');
          return confirm(...call);
        };
        expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        await until(async () => (await manager.get('ada', created[0]!.handle)) === undefined, 'the new session is gone');
        expect([session.isLost, await namesOf(store, 'ada')]).toEqual([true, []]);
        // Nor by trying once more.
        expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        await until(async () => (await namesOf(store, 'ada')).length === 0, 'nothing is named');
        expect(await manager.count('ada')).toBe(0);
      });

      it.each<[string, (visitor: Visitor) => Promise<unknown>]>([
        ['signs in', async (visitor) => (await visitor.arrive()).login({ id: 'ada' }, true)],
        ['signs in as another', async (visitor) => (await visitor.arrive()).login({ id: 'grace' }, true)],
        ['regenerates', async (visitor) => (await visitor.arrive()).supersede()],
        ['rotates', async (visitor) => (await visitor.arrive()).rotate()],
        ['reauthenticates', async (visitor) => (await visitor.arrive()).reauthenticate()],
      ])('is not survived by a request that %s', async (_, operation) => {
        const { store, manager } = await start();
        for (const genid of [generateSid, () => `custom ${generateSid()}` as Sid]) {
          const visitor = await new Visitor(store, undefined, genid).signIn();
          const arrived = await visitor.arrive();
          await manager.revokeAll('ada');
          visitor.arrive = () => Promise.resolve(arrived);
          expect(await refusal(() => operation(visitor))).toMatchObject({ code: 'SESSION_GONE' });
          await until(async () => (await manager.count('ada')) + (await manager.count('grace')) === 0, 'nobody is signed in');
          expect(await store.load(arrived.sid)).toBeUndefined();
        }
      });

      it('refuses to sign in out of a session that is over though it has not ended yet, and ends it', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await store.index.fence('ada', { ms: LATER, reason: 'revoked' });
        const session = await visitor.arrive();
        expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        expect([session.isLost, await store.find(visitor.sid!), await namesOf(store, 'ada')]).toEqual([
          true,
          { endedReason: 'revoked' },
          [],
        ]);
        await visitor.signIn();
        expect(await manager.count('ada')).toBe(1);
      });

      it('refuses to put another in the place of a session that is over, which has ended then', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await store.index.fence('ada', { ms: LATER, reason: 'revoked' });
        const session = await visitor.arrive();
        expect(await refusal(() => session.supersede())).toMatchObject({ code: 'SESSION_GONE' });
        expect([session.isLost, await manager.count('ada')]).toEqual([true, 0]);
      });

      it('of others leaves the session of the caller also while that signs in anew, and refuses that', async () => {
        const { store, manager } = await start();
        const [visitor, other] = [await signedIn(store), await signedIn(store)];
        const session = await visitor.arrive();
        const confirm = store.index.confirm.bind(store.index);
        store.index.confirm = async (...call) => {
          store.index.confirm = confirm;
          await manager.revokeOthers(session);
          return confirm(...call);
        };
        expect(await refusal(() => session.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        expect([await visitor.whoami(), await other.whoami()]).toEqual([{ id: 'ada' }, undefined]);
        await visitor.signIn();
        expect(await manager.count('ada')).toBe(1);
      });
    });

    describe('revokeBefore', () => {
      it('ends the sessions that began before, and no later one', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        const before = await Promise.all([signedIn(store), signedIn(store)]);
        await passes(store, 3);
        const after = await signedIn(store);
        const { createdAt } = await found(store, after.sid!);
        const events = listen(store, 'revoked');
        expect(await manager.revokeBefore('ada', new Date(createdAt!), 'leaked')).toBe(2);
        for (const { sid } of before) expect(await store.find(sid!)).toEqual({ endedReason: 'leaked' });
        expect(events.map((event) => event.handle).toSorted()).toEqual(before.map((visitor) => visitor.handle).toSorted());
        expect(await after.whoami()).toEqual({ id: 'ada' });
        expect(await namesOf(store, 'ada')).toEqual([after.handle]);
      });

      it('without a time ends all that began before now, the newest too, and none that begins after it', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        for (let round = 1; round <= 10; round++) {
          const visitor = await signedIn(store);
          expect([round, await manager.revokeBefore('ada')]).toEqual([round, 1]);
          expect(await store.find(visitor.sid!)).toEqual({ endedReason: 'revoked' });
          const after = await signedIn(store);
          expect(await after.whoami()).toEqual({ id: 'ada' });
          expect(await manager.revokeBefore('ada', undefined, 'leaked')).toBe(1);
          expect(await store.find(after.sid!)).toEqual({ endedReason: 'leaked' });
        }
      });

      it('without a time also ends a session of this moment whose name was lost', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        const visitor = await signedIn(store);
        await store.index.remove('ada', [visitor.handle]);
        expect(await manager.revokeBefore('ada')).toBe(0);
        expect(await store.find(visitor.sid!)).toBeUndefined();
      });

      it('ends also a session whose name was lost', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        const visitor = await signedIn(store);
        const arrived = await visitor.arrive();
        await store.index.remove('ada', [visitor.handle]);
        await passes(store, 2);
        expect(await manager.revokeBefore('ada', await flooredNow(store))).toBe(0);
        expect(await store.find(visitor.sid!)).toBeUndefined();
        expect(await manager.get('ada', visitor.handle)).toBeUndefined();
        expect(await refusal(() => arrived.login({ id: 'ada' }, true))).toMatchObject({ code: 'SESSION_GONE' });
        await until(async () => (await manager.count('ada')) === 0, 'nobody is signed in');
      });

      it('ends nothing by a time before all sessions, 0 too', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        const visitor = await signedIn(store);
        for (const time of [0, new Date(0), 1, (await found(store, visitor.sid!)).createdAt!])
          expect(await manager.revokeBefore('ada', time)).toBe(0);
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      });

      it('is not undone by an earlier time', async () => {
        const { store, manager } = await start({ revokeBefore: true });
        const visitor = await signedIn(store);
        await store.index.remove('ada', [visitor.handle]);
        await passes(store, 2);
        await manager.revokeBefore('ada', await flooredNow(store));
        await manager.revokeBefore('ada', 1);
        expect(await store.load(visitor.sid!)).toBeUndefined();
      });

      it.each([0, 600_000])(
        'takes the time of this machine, whose clock is %d ms ahead, for now, and spares who signs in next',
        async (ahead) => {
          const { store, manager } = await start({ revokeBefore: true });
          const before = await signedIn(store);
          await passes(store, 2);
          expect(await manager.revokeBefore('ada', new Date(Date.now() + ahead))).toBe(1);
          expect(await store.load(before.sid!)).toBeUndefined();
          const after = await signedIn(store);
          await passes(store, 2);
          expect(await after.whoami()).toEqual({ id: 'ada' });
        },
      );

      it.each([NaN, -1, Infinity, Date.now() + 86_400_000, new Date(NaN), 'yesterday' as never, null as never])(
        'refuses %s, which is no time in the past',
        async (time) => {
          const { store, manager } = await start({ revokeBefore: true });
          const visitor = await signedIn(store);
          expect(await refusal(() => manager.revokeBefore('ada', time))).toMatchObject({ code: 'SESSION_MISUSE' });
          expect(await visitor.whoami()).toEqual({ id: 'ada' });
        },
      );

      it('needs store.revokeBefore', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        await passes(store, 2);
        expect(await refusal(async () => manager.revokeBefore('ada', await flooredNow(store)))).toMatchObject({
          code: 'SESSION_UNSUPPORTED',
          message: /"store\.revokeBefore"/,
        });
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      });
    });

    describe('updateIdentity', () => {
      it('is seen by every session of the user on its next request, and by nobody else', async () => {
        const { store, manager } = await start();
        const [a, b] = [await signedIn(store), await signedIn(store)];
        const grace = await signedIn(store, 'grace');
        expect(await manager.updateIdentity('ada', { roles: ['admin'] })).toBe(2);
        for (const visitor of [a, b]) expect(await visitor.whoami()).toEqual({ id: 'ada', roles: ['admin'] });
        expect(await grace.whoami()).toEqual({ id: 'grace' });
        expect(await manager.updateIdentity('nobody', { roles: ['admin'] })).toBe(0);
      });

      it('keeps what it does not name, exactly, and removes what is undefined', async () => {
        const { store, manager } = await start();
        const exact = { none: [], nothing: {}, big: 9_007_199_254_740_991, tiny: 5e-324, long: 0.1234567890123456, text: 'ü\0"', no: null };
        const visitor = await signedIn(store, 7, { ...exact, old: 1, roles: ['user'] });
        await manager.updateIdentity(7, { old: undefined, roles: [], added: { deep: [[]] } });
        expect(await visitor.whoami()).toEqual({ id: 7, ...exact, roles: [], added: { deep: [[]] } });
        expect(Object.keys((await visitor.whoami()) as object)).not.toContain('old');
      });

      describe('beside a session that moves to another sid', () => {
        const custom = () => `custom ${generateSid()}` as Sid;
        const MOVES: readonly [string, () => Sid, (session: ActiveSession) => unknown][] = [
          ['a custom sid that is rotated', custom, (session) => session.rotate()],
          ['a custom sid whose user proves who they are', custom, (session) => session.reauthenticate()],
        ];

        /** Meets the two at the call of that number, of whichever is interrupted: the other one runs from its start to its end there. */
        async function meet(at: number, { store, genid, move, isMoveFirst }: Meeting): Promise<{ calls: number; visitor: Visitor }> {
          const visitor = await new Visitor(store, undefined, genid).signIn('ada', { roles: ['admin'] });
          let calls = 0;
          let met: Promise<void> | undefined;
          const before = async () => {
            if (met === undefined && ++calls === at) await (met = other(store));
          };
          const moving = async (one: IndexedSessions) => {
            const tab = new Visitor(one, visitor.sid, genid);
            await tab.request(move);
            visitor.sid = tab.sid;
          };
          const updating = async (one: IndexedSessions) => void (await new SessionManager(one.store).updateIdentity('ada', { roles: [] }));
          const [first, other] = isMoveFirst ? [moving, updating] : [updating, moving];
          await first(interposed(store, before));
          // Some calls are not waited for.
          await (met ?? other(store));
          return { calls, visitor };
        }

        it.each(MOVES)('changes it too, whichever call the one meets the other at: %s', async (_, genid, move) => {
          for (const isMoveFirst of [true, false]) {
            for (let at = 1, last = at; at <= last; at++) {
              const { store } = await start();
              const { calls, visitor } = await meet(at, { store, genid, move, isMoveFirst });
              last = Math.max(last, calls + 1);
              expect([isMoveFirst, at, await visitor.whoami()]).toEqual([isMoveFirst, at, { id: 'ada', roles: [] }]);
            }
          }
        });

        it.each(MOVES)('changes it too, as the two happen to run: %s', async (_, genid, move) => {
          await fc.assert(
            fc.asyncProperty(fc.array(fc.nat(4), { minLength: 24, maxLength: 24 }), async (pauses) => {
              const { store } = await start();
              const visitor = await new Visitor(store, undefined, genid).signIn('ada', { roles: ['admin'] });
              const barrier = new Barrier(2);
              let next = 0;
              const slow = interposed(store, async () => turns(pauses[next++ % pauses.length] ?? 0));
              const tab = new Visitor(slow, visitor.sid, genid);
              const moving = tab.request(async (session) => {
                await barrier.pass();
                await move(session);
              });
              const updating = barrier.pass().then(() => new SessionManager(slow.store).updateIdentity('ada', { roles: [] }));
              await barrier.full;
              barrier.open();
              await Promise.all([moving, updating]);
              expect(await new Visitor(store, tab.sid, genid).whoami()).toEqual({ id: 'ada', roles: [] });
            }),
            { numRuns: 60, seed: 20_265 },
          );
        });
      });

      it('loses none of 20 that come at once, nor a save of theirs', async () => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        const numbers = Array.from({ length: 12 }, (_, n) => n);
        await Promise.all(
          numbers.flatMap((n) => [
            manager.updateIdentity('ada', { [`of${n}`]: n }),
            visitor.clone().request(({ entries }) => entries.set(`entry${n}`, n)),
          ]),
        );
        expect(await visitor.whoami()).toEqual({ id: 'ada', ...Object.fromEntries(numbers.map((n) => [`of${n}`, n])) });
        const { entries } = await found(store, visitor.sid!);
        expect([...entries.keys()].toSorted()).toEqual(['identity', ...numbers.map((n) => `entry${n}`)].toSorted());
      });

      it.each([{ id: 'grace' }, { id: 'ada' }, { roles: [], id: undefined }])('refuses to change the id by %j', async (patch) => {
        const { store, manager } = await start();
        const visitor = await signedIn(store);
        expect(await refusal(() => manager.updateIdentity('ada', patch))).toMatchObject({ code: 'SESSION_MISUSE', message: /"id"/ });
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      });

      it('rejects when the identity would become too large, and changes nothing', async () => {
        const { store, manager } = await start({ maxFieldBytes: 100 });
        const visitor = await signedIn(store);
        expect(await refusal(() => manager.updateIdentity('ada', { name: 'x'.repeat(100) }))).toMatchObject({
          code: 'SESSION_LIMIT_EXCEEDED',
        });
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      });

      it('does not prolong a session, nor revive one, and tells of none that is lost', async () => {
        const { store, manager } = await start();
        const [alive, gone] = [await signedIn(store), await signedIn(store)];
        const before = await found(store, alive.sid!);
        await store.destroy(gone.sid!);
        await passes(store, 2);
        expect(await manager.updateIdentity('ada', { roles: [] })).toBe(1);
        expect(await found(store, alive.sid!)).toMatchObject({ lastSeenAt: before.lastSeenAt, absoluteEndsAt: before.absoluteEndsAt });
        expect(await store.load(gone.sid!)).toBeUndefined();
        expect(store.events.count('lost')).toBe(0);
      });

      it('leaves a session alone whose identity is kept elsewhere, or is another', async () => {
        const { store, manager } = await start();
        for (const entries of [{ passport: { user: 'ada' } }, { identity: { id: 'eve' } }, { identity: 'ada' }]) {
          const sid = generateSid();
          await store.create(sid, { entries: entriesOf(entries), terms: TERMS, userId: 'ada' });
          await named(store, 'ada', sid);
          expect(await manager.updateIdentity('ada', { roles: ['admin'] })).toBe(0);
          expect((await found(store, sid)).entries).toEqual(entriesOf(entries));
          await store.destroy(sid);
        }
      });
    });

    describe('users', () => {
      it.each(ODD_USERS)('may be called %j', async (userId) => {
        const { store, manager } = await start({ revokeBefore: true });
        const [a, b] = [await signedIn(store, userId), await signedIn(store, userId)];
        await signedIn(store);
        const { sessions } = await manager.list(userId, { limit: 1 });
        expect(sessions).toMatchObject([{ userId }]);
        expect(await manager.count(userId)).toBe(2);
        expect(await manager.updateIdentity(userId, { roles: [] })).toBe(2);
        expect(await manager.revokeOthers(userId, a.handle)).toBe(1);
        expect(await a.whoami()).toEqual({ id: userId, roles: [] });
        expect(await b.whoami()).toBeUndefined();
        await a.signIn(userId);
        expect(await manager.revokeAll(userId)).toBe(1);
        await passes(store, 2);
        await manager.revokeBefore(userId, await flooredNow(store));
        expect([await manager.count(userId), await manager.count('ada')]).toEqual([0, 1]);
      });

      it('are the same by number and by text', async () => {
        const { store, manager } = await start();
        await signedIn(store, 7);
        await signedIn(store, '7');
        expect(await manager.count(7)).toBe(2);
        expect(await manager.revokeAll('7')).toBe(2);
      });

      it.each(['', NaN, Infinity, undefined as never, null as never, {} as never, '\ud800', 'a\udc00b'])(
        'are not called %p',
        async (userId) => {
          const { store, manager } = await start({ revokeBefore: true });
          const calls = [
            () => manager.list(userId),
            () => manager.count(userId),
            () => manager.revoke(userId, handleOf(generateSid())),
            () => manager.revokeAll(userId),
            () => manager.revokeBefore(userId, 1),
            () => manager.updateIdentity(userId, { roles: [] }),
            async () => (await new Visitor(store).arrive()).login({ id: userId }, true),
          ];
          for (const call of calls) expect(await refusal(call)).toMatchObject({ code: 'SESSION_MISUSE' });
        },
      );
    });

    describe('a sign-in', () => {
      it('names the session until its end, also when it is the first save that signs in', async () => {
        const { store, manager } = await start();
        const visitor = new Visitor(store);
        await visitor.request(({ entries }) => entries.set('identity', { id: 'ada' }));
        expect(handlesOf((await manager.list('ada')).sessions)).toEqual([visitor.handle]);
        const [place] = (await store.index.page('ada', { limit: 10 })).sessions;
        expect(place).toEqual({ handle: visitor.handle, isReserved: false, score: (await found(store, visitor.sid!)).absoluteEndsAt });
      });

      it('by a later save names the session, as that of another too, and as nobody’s no longer', async () => {
        const { store, manager } = await start();
        const visitor = new Visitor(store);
        await visitor.request(({ entries }) => entries.set('cart', ['tea']));
        const names = async () => [await namesOf(store, 'ada'), await namesOf(store, 'grace')];
        await visitor.request(({ entries }) => entries.set('identity', { id: 'ada' }));
        expect(await names()).toEqual([[visitor.handle], []]);
        await visitor.request(({ entries }) => entries.set('identity', { id: 'grace' }));
        expect(await names()).toEqual([[], [visitor.handle]]);
        expect(await manager.get('grace', visitor.handle)).toMatchObject({ userId: 'grace' });
        await visitor.request(({ entries }) => entries.remove('identity'));
        expect(await names()).toEqual([[], []]);
        expect(await manager.get('grace', visitor.handle)).toBeUndefined();
      });

      it('by a save fails when all sessions of the user are ended meanwhile, and the session is gone', async () => {
        const { store, manager } = await start();
        for (const isStored of [false, true]) {
          const visitor = new Visitor(store);
          if (isStored) await visitor.request(({ entries }) => entries.set('cart', ['tea']));
          const session = await visitor.arrive();
          session.entries.set('identity', { id: 'ada' });
          const confirm = store.index.confirm.bind(store.index);
          store.index.confirm = async (...call) => {
            store.index.confirm = confirm;
            await manager.revokeAll('ada');
            return confirm(...call);
          };
          expect(await refusal(() => session.save({ takesNewSid: () => false }))).toMatchObject({ code: 'SESSION_GONE' });
          expect([session.isLost, await store.load(session.sid), await namesOf(store, 'ada')]).toEqual([true, undefined, []]);
        }
      });

      it('by a save that is made twice at once is one sign-in: the second one comes too late, and says nothing', async () => {
        const { store } = await start();
        const visitor = new Visitor(store);
        await visitor.request(({ entries }) => entries.set('cart', ['tea']));
        const other = visitor.clone();
        const signIn = (one: Visitor) => one.request(({ entries }) => entries.set('identity', { id: 'ada' }));
        const events = listen(store, 'loggedIn');
        let isMet = false;
        const late = new Visitor(
          interposed(store, async (call) => {
            if (call !== 'destroy' || isMet) return;
            isMet = true;
            await signIn(other);
          }),
          visitor.sid,
        );
        await signIn(late);
        expect(late.sid).toBe(visitor.sid);
        expect(await other.whoami()).toEqual({ id: 'ada' });
        expect([await namesOf(store, 'ada'), events.length]).toEqual([[other.handle], 1]);
      });

      it('in the same browser drops the name of the session before', async () => {
        const { store } = await start();
        const visitor = await signedIn(store);
        await visitor.signIn();
        expect(await namesOf(store, 'ada')).toEqual([visitor.handle]);
      });

      it('by a custom sid that is rotated keeps the name of the new one only', async () => {
        const { store } = await start();
        const visitor = await new Visitor(store, undefined, () => `custom ${generateSid()}` as Sid).signIn();
        const before = visitor.handle;
        await visitor.request((session) => session.rotate());
        expect(visitor.handle).not.toBe(before);
        expect(await namesOf(store, 'ada')).toEqual([visitor.handle]);
      });

      it('frees the place of a session that could not be stored', async () => {
        const { store } = await start({ maxFieldBytes: 50 });
        const session = await new Visitor(store).arrive();
        expect(await refusal(() => session.login({ id: 'ada', name: 'x'.repeat(100) } as never, true))).toMatchObject({
          code: 'SESSION_LIMIT_EXCEEDED',
        });
        await until(async () => (await namesOf(store, 'ada')).length === 0, 'the place is free');
      });
    });

    describe('maxSessionsPerUser', () => {
      it.each([3, { limit: 3 }, { limit: 3, policy: 'evict-oldest' as const }])(
        '%j ends the session that signed in first',
        async (limit) => {
          const { store, manager } = await start({ maxSessionsPerUser: limit });
          const visitors: Visitor[] = [];
          const events = listen(store, 'evicted');
          for (let n = 0; n < 5; n++) {
            // Being seen does not help.
            await visitors[0]?.clone().request(({ entries }) => entries.set('n', n));
            visitors.push(await signedIn(store));
            await passes(store, 2);
          }
          expect(await aliveOf(store, visitors)).toEqual([false, false, true, true, true]);
          expect(await store.find(visitors[1]!.sid!)).toEqual({ endedReason: 'evicted' });
          expect(events).toEqual([0, 1].map((n) => ({ handle: visitors[n]!.handle, userId: 'ada' })));
          expect([await manager.count('ada'), store.events.count('revoked')]).toEqual([3, 0]);
          expect((await namesOf(store, 'ada')).length).toBe(3);
        },
      );

      it('evict-least-recent ends the session that was seen least recently', async () => {
        const { store } = await start({ maxSessionsPerUser: { limit: 3, policy: 'evict-least-recent' } });
        const visitors: Visitor[] = [];
        for (let n = 0; n < 5; n++) {
          visitors.push(await signedIn(store));
          await passes(store, 2);
          await visitors[0]!.request(({ entries }) => entries.set('n', n));
          await passes(store, 2);
        }
        expect(await aliveOf(store, visitors)).toEqual([true, false, false, true, true]);
      });

      it('reject refuses the sign-in beyond it, and leaves all as it was', async () => {
        const { store, manager } = await start({ maxSessionsPerUser: { limit: 2, policy: 'reject' } });
        const visitors = [await signedIn(store), await signedIn(store)];
        const late = new Visitor(store);
        await late.request(({ entries }) => entries.set('cart', ['tea']));
        const created = store.events.count('created');
        expect(await refusal(() => late.signIn())).toMatchObject({ code: 'SESSION_REFUSED' });
        expect([await aliveOf(store, visitors), await manager.count('ada')]).toEqual([[true, true], 2]);
        expect([store.events.count('created'), (await late.arrive()).entries.get('cart')]).toEqual([created, ['tea']]);
        await visitors[0]!.request((session) => session.destroy());
        await late.signIn();
        expect(await late.whoami()).toEqual({ id: 'ada' });
      });

      it('evicts by the sign-in, not by when the session of the visitor began', async () => {
        const { store } = await start({ maxSessionsPerUser: 1 });
        const visitor = new Visitor(store);
        await visitor.request(({ entries }) => entries.set('cart', ['tea']));
        await passes(store, 2);
        const other = await signedIn(store);
        await passes(store, 2);
        // As Passport's `logIn` with `keepSessionInfo`, or a hand-made one, would leave it: the same session, now with a user.
        await visitor.request(({ entries }) => entries.set('identity', { id: 'ada' }));
        expect(await aliveOf(store, [visitor, other])).toEqual([true, false]);
      });

      it.each(['evict-oldest', 'evict-least-recent', 'reject'] as const)('holds for each user apart, with %s', async (policy) => {
        const { store, manager } = await start({ maxSessionsPerUser: { limit: 1, policy } });
        const visitors = await Promise.all([signedIn(store), signedIn(store, 'grace')]);
        expect(await aliveOf(store, visitors)).toEqual([true, true]);
        expect([await manager.count('ada'), await manager.count('grace')]).toEqual([1, 1]);
      });

      it.each(['evict-oldest', 'evict-least-recent', 'reject'] as const)(
        'lets a browser sign in again at limit 1, with %s',
        async (policy) => {
          const { store, manager } = await start({ maxSessionsPerUser: { limit: 1, policy } });
          for (const genid of [generateSid, () => `custom ${generateSid()}` as Sid]) {
            const visitor = await new Visitor(store, undefined, genid).signIn();
            for (let n = 0; n < 3; n++) await visitor.signIn();
            await visitor.request((session) => session.rotate());
            await visitor.request((session) => session.reauthenticate());
            expect([await visitor.whoami(), await manager.count('ada')]).toEqual([{ id: 'ada' }, 1]);
            await visitor.request((session) => session.destroy());
          }
        },
      );

      it.each(['evict-oldest', 'evict-least-recent', 'reject'] as const)(
        'leaves at most 4 of 50 sign-ins at once, with %s',
        async (policy) => {
          const { store, manager } = await start({ maxSessionsPerUser: { limit: 4, policy }, deadline: 20_000 });
          const all = await Promise.allSettled(Array.from({ length: 50 }, () => signedIn(store)));
          const succeeded = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
          const alive = (await aliveOf(store, succeeded)).filter(Boolean).length;
          expect([alive, await manager.count('ada')]).toEqual([4, 4]);
          expect(succeeded.length).toBe(policy === 'reject' ? 4 : 50);
          for (const one of all)
            if (one.status === 'rejected')
              expect(await refusal(() => Promise.reject(one.reason as Error))).toMatchObject({ code: 'SESSION_REFUSED' });
        },
      );

      it('never refuses for sessions that have gone', async () => {
        const { store, manager } = await start({ maxSessionsPerUser: { limit: 2, policy: 'reject' } });
        for (let n = 0; n < 3; n++) {
          const visitors = [await signedIn(store), await signedIn(store)];
          expect(await refusal(() => signedIn(store))).toMatchObject({ code: 'SESSION_REFUSED' });
          // As a logout of which the index did not learn, an eviction by Redis, or a DEL by hand.
          for (const { sid } of visitors) await store.destroy(sid!);
        }
        await signedIn(store);
        expect(await manager.count('ada')).toBe(1);
      });

      it('ends as many as it takes after it was lowered', async () => {
        const { store } = await start();
        const before = await Promise.all(Array.from({ length: 6 }, () => signedIn(store)));
        Object.assign(store.settings, { maxSessionsPerUser: { limit: 2, policy: 'evict-oldest' } });
        await passes(store, 2);
        const visitor = await signedIn(store);
        expect((await aliveOf(store, [...before, visitor])).filter(Boolean).length).toBe(2);
        expect(await visitor.whoami()).toEqual({ id: 'ada' });
      });

      it('frees the place of a sign-in whose process died, after a while', async () => {
        const { store } = await start({ maxSessionsPerUser: { limit: 1, policy: 'reject' } });
        const handle = handleOf(generateSid());
        await store.index.reserve('ada', handle, { ms: LATER });
        expect(await refusal(() => signedIn(store))).toMatchObject({ code: 'SESSION_REFUSED' });
        await store.index.reserve('ada', handle, { ms: 1 });
        await until(async () => (await refusal(() => signedIn(store))) === undefined, 'the place is free');
      });
    });
  });
}

function handlesOf(sessions: readonly SessionInfo[]): string[] {
  return sessions.map((info) => info.handle);
}

async function allPages(manager: SessionManager, userId: string, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await manager.list(userId, { limit, cursor });
    pages.push(handlesOf(page.sessions));
    ({ cursor } = page);
  } while (cursor !== undefined);
  return pages;
}

/** As a sign-in leaves it. */
async function named(store: IndexedSessions, userId: string, sid: Sid, endsAt?: number): Promise<void> {
  const indexedAt = Number(await store.index.reserve(userId, handleOf(sid), { ms: LATER }));
  await store.index.confirm(userId, handleOf(sid), { indexedAt, endsAt: endsAt ?? (await store.now()) + LATER });
}

async function namesOf(store: IndexedSessions, userId: string): Promise<string[]> {
  return (await store.index.page(userId, { limit: 500 })).sessions.map(({ handle }) => handle);
}

function aliveOf(store: IndexedSessions, visitors: readonly Visitor[]): Promise<boolean[]> {
  return Promise.all(visitors.map(async ({ sid }) => sid !== undefined && (await store.load(sid)) !== undefined));
}

async function flooredNow(store: IndexedSessions): Promise<number> {
  return Math.floor(await store.now());
}
