import { afterEach, describe, expect, it } from '@jest/globals';
import type { IndexedAt, IndexedSession, Reservation, SessionIndex } from '../../src/session/store/session-index.js';
import { generateSid, handleOf, type Handle } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { until } from '../support/until.js';
import { passes, type OpenStore } from './session-store.contract.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

const USER = 'ada';
const LONG = 600_000;
const ENDED = { endedReason: 'revoked' };
const ODD_USERS = ['a:b', '*', '{}', '{a}', ' a b\t', 'a\nb\0c', 'ключ🍪', 'x'.repeat(1_024), '__proto__', 'constructor', '0', 'user:ada'];

interface Opened {
  readonly store: IndexedSessions;
  readonly index: SessionIndex;
  /** By the store's clock, in whole ms. */
  readonly now: number;
}

/** What the comments of `SessionIndex` promise, a case for each sentence. `open` gives a store whose index names nobody. */
export function describeSessionIndex(name: string, open: (options?: StoreOptions) => Promise<OpenStore>): void {
  describe(`SessionIndex: ${name}`, () => {
    const checks: (() => Promise<void>)[] = [];

    async function start(): Promise<Opened> {
      const { store: opened, check } = await open();
      if (check !== undefined) checks.push(check);
      const store = sessionsOf(opened);
      return { store, index: store.index, now: Math.ceil(await store.now()) };
    }

    afterEach(async () => {
      for (const check of checks.splice(0)) await check();
    });

    describe('reserve', () => {
      it('keeps an entry for a session that may not be there yet', async () => {
        const { index } = await start();
        const handle = newHandle();
        expect(await index.reserve(USER, handle, { ms: LONG })).toEqual(expect.any(Number));
        expect(await namesOf(index)).toEqual([{ handle, score: expect.any(Number), isReserved: true }]);
      });

      it('tells when the session is indexed, by the clock of the index', async () => {
        const { store, index, now } = await start();
        const indexedAt = await index.reserve(USER, newHandle(), { ms: LONG });
        expect(indexedAt).toBeGreaterThanOrEqual(now - 1);
        expect(indexedAt).toBeLessThanOrEqual(await store.now());
      });

      it('keeps it for as long as asked', async () => {
        const { index, now } = await start();
        await index.refresh(USER, known(newHandle()), now + LONG);
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: 30 });
        await until(async () => (await namesOf(index)).length === 1, 'the entry has lapsed');
        expect(await index.confirm(USER, handle, { indexedAt: now, endsAt: now + LONG })).toBe('lapsed');
        expect(await namesOf(index)).toHaveLength(1);
      });

      it('is full when as many others are named as may be, be they confirmed or reserved', async () => {
        const { index, now } = await start();
        await signIn(index, now + LONG);
        await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 });
        const before = await namesOf(index);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 })).toBe('full');
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 1 })).toBe('full');
        expect(await namesOf(index)).toEqual(before);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 3 })).toEqual(expect.any(Number));
        expect(await index.reserve(USER, newHandle(), { ms: LONG })).toEqual(expect.any(Number));
      });

      it('does not count those who have ended', async () => {
        const { index, now } = await start();
        await index.refresh(USER, known(newHandle()), now + LONG);
        await index.refresh(USER, known(newHandle()), now + 30);
        await until(async () => (await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 })) !== 'full', 'there is room');
      });

      it('counts neither the session that is replaced, nor its own entry, nor those that it is told not to', async () => {
        const { index, now } = await start();
        const [old, other, next] = [newHandle(), newHandle(), newHandle()];
        const isReserved = async (handle: Handle, limit: number, more: Omit<Reservation, 'ms'> = {}) =>
          (await index.reserve(USER, handle, { ms: LONG, limit, ...more })) !== 'full';
        await index.refresh(USER, known(old), now + LONG);
        await index.refresh(USER, known(other), now + LONG);
        expect(await isReserved(next, 2)).toBe(false);
        expect(await isReserved(next, 2, { replaces: known(newHandle()), uncounted: [newHandle()] })).toBe(false);
        expect(await isReserved(next, 1, { replaces: known(old) })).toBe(false);
        // Each of them once, however often it is named.
        expect(await isReserved(next, 1, { replaces: known(old), uncounted: [old, old, next] })).toBe(false);
        expect(await isReserved(next, 1, { replaces: known(old), uncounted: [other] })).toBe(true);
        expect(await isReserved(next, 2, { replaces: known(old) })).toBe(true);
        expect(await isReserved(other, 3)).toBe(true);
        expect(await isReserved(newHandle(), 3)).toBe(false);
        expect(await namesOf(index)).toHaveLength(3);
      });

      it('lets as many of 20 at once in as there may be', async () => {
        const { index } = await start();
        const answers = await Promise.all(Array.from({ length: 20 }, () => index.reserve(USER, newHandle(), { ms: LONG, limit: 5 })));
        expect(answers.filter((answer) => answer !== 'full')).toHaveLength(5);
        expect(await namesOf(index)).toHaveLength(5);
      });

      it("leaves the name of a session that is the user's already, also when nobody confirms it", async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        await index.refresh(USER, known(handle), now + LONG);
        const indexedAt = Number(await index.reserve(USER, handle, { ms: 10 }));
        await passes(store, 20);
        expect(await namesOf(index)).toEqual([{ handle, score: now + LONG, isReserved: false }]);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG + 1 })).toBe(1);
      });

      it('keeps an entry that is reserved again for as long as asked the last time', async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: 20 });
        const indexedAt = Number(await index.reserve(USER, handle, { ms: LONG }));
        await passes(store, 30);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toBe(1);
      });

      it.each([0.25, 0.5])('takes a time with a fraction of %d for no mark', async (fraction) => {
        const { index } = await start();
        await index.reserve(USER, newHandle(), { ms: LONG + fraction });
        expect(await namesOf(index)).toMatchObject([{ isReserved: true }]);
      });

      it('changes nothing more when repeated', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: LONG, limit: 1 });
        const indexedAt = Number(await index.reserve(USER, handle, { ms: LONG, limit: 1 }));
        expect(await namesOf(index)).toMatchObject([{ handle, isReserved: true }]);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toBe(1);
      });
    });

    describe('confirm', () => {
      it('makes the entry a lasting one, and answers with how many are named', async () => {
        const { index, now } = await start();
        const first = await signIn(index, now + LONG);
        const second = newHandle();
        const indexedAt = Number(await index.reserve(USER, second, { ms: LONG }));
        await index.reserve(USER, newHandle(), { ms: LONG / 2 });
        expect(await index.confirm(USER, second, { indexedAt, endsAt: now + LONG + 5 })).toBe(3);
        expect((await namesOf(index)).slice(0, 2)).toEqual([
          { handle: second, score: now + LONG + 5, isReserved: false },
          { handle: first.handle, score: now + LONG, isReserved: false },
        ]);
      });

      it('does not count those who have ended', async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        const indexedAt = Number(await index.reserve(USER, handle, { ms: LONG }));
        await index.refresh(USER, known(newHandle()), now + 10);
        await passes(store, 30);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toBe(1);
      });

      it('neither counts the session that is to be replaced nor drops its name, since it is there still', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + LONG);
        const next = newHandle();
        const indexedAt = Number(await index.reserve(USER, next, { ms: LONG, replaces: old }));
        const confirmation = { indexedAt, endsAt: now + LONG + 1, replaces: old };
        expect(await index.confirm(USER, next, confirmation)).toBe(1);
        expect(await index.confirm(USER, next, confirmation)).toBe(1);
        expect(await handlesOf(index)).toEqual([next, old.handle]);
      });

      it('says that an entry has lapsed where none was reserved, and changes nothing', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + LONG);
        expect(await index.confirm(USER, newHandle(), { indexedAt: now, endsAt: now + LONG, replaces: old })).toBe('lapsed');
        expect(await index.confirm('eve', old.handle, { indexedAt: old.indexedAt, endsAt: now + LONG })).toBe('lapsed');
        expect(await handlesOf(index)).toEqual([old.handle]);
        expect(await handlesOf(index, 'eve')).toEqual([]);
      });

      it('takes an end with a fraction, as sums with now() have, for no mark', async () => {
        const { index, now } = await start();
        for (const fraction of [0.5, 0.75]) {
          await signIn(index, now + LONG + fraction);
          await index.refresh(USER, known(newHandle()), now + LONG + fraction);
        }
        expect((await namesOf(index)).filter(({ isReserved }) => isReserved)).toEqual([]);
      });
    });

    describe('refresh', () => {
      it('names a session again whose name was lost', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.refresh(USER, known(handle), now + LONG);
        expect(await namesOf(index)).toEqual([{ handle, score: now + LONG, isReserved: false }]);
      });

      it('moves the end, later or earlier, and changes nothing more when repeated', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        for (const endsAt of [now + LONG, now + 2 * LONG, now + LONG - 1, now + LONG - 1]) {
          expect(await index.refresh(USER, known(handle), endsAt)).toBeUndefined();
          expect(await namesOf(index)).toEqual([{ handle, score: endsAt, isReserved: false }]);
        }
      });
    });

    describe('remove', () => {
      it('drops the names of those sessions, and no other', async () => {
        const { index, now } = await start();
        const handles = Array.from({ length: 4 }, newHandle);
        for (const handle of handles) await index.refresh(USER, known(handle), now + LONG);
        await index.refresh('eve', known(handles[0]!), now + LONG);
        await index.remove(USER, [handles[0]!, newHandle(), handles[2]!]);
        await index.remove(USER, [handles[0]!, handles[2]!]);
        await index.remove(USER, []);
        await index.remove('nobody', [newHandle()]);
        expect(new Set(await handlesOf(index))).toEqual(new Set([handles[1], handles[3]]));
        expect(await handlesOf(index, 'eve')).toEqual([handles[0]]);
        await index.remove(USER, handles);
        expect(await handlesOf(index)).toEqual([]);
      });

      it('drops a reserved name too', async () => {
        const { index } = await start();
        const reserved = newHandle();
        await index.reserve(USER, reserved, { ms: LONG });
        await index.remove(USER, [reserved]);
        expect(await handlesOf(index)).toEqual([]);
      });
    });

    describe('leave', () => {
      it('drops the name of that session, and says whether a fence has ended it', async () => {
        const { index, now } = await start();
        const [old, other] = [await signIn(index, now + LONG), await signIn(index, now + LONG)];
        expect(await index.leave(USER, old)).toBe(true);
        expect(await handlesOf(index)).toEqual([other.handle]);
        await index.fence(USER, { ms: LONG, reason: 'revoked', except: other });
        expect([await index.leave(USER, old), await index.leave(USER, known(newHandle())), await index.leave(USER, other)]).toEqual([
          false,
          false,
          true,
        ]);
        expect(await index.leave('eve', old)).toBe(true);
        expect(await handlesOf(index)).toEqual([]);
      });
    });

    describe('fence', () => {
      it('ends all that is indexed, and nothing that is indexed later', async () => {
        const { index, now } = await start();
        const [old, underWay] = [await signIn(index, now + LONG), newHandle()];
        const reservedAt = Number(await index.reserve(USER, underWay, { ms: LONG }));
        const fence = await index.fence(USER, { ms: LONG, reason: 'revoked' });
        expect(fence!.indexedUpTo).toBeGreaterThanOrEqual(reservedAt);

        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: old })).toEqual(ENDED);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: known(newHandle()) })).toEqual(ENDED);
        expect(await index.confirm(USER, underWay, { indexedAt: reservedAt, endsAt: now + LONG })).toEqual(ENDED);
        expect(await index.refresh(USER, old, now + 2 * LONG)).toEqual(ENDED);
        expect(await index.refresh(USER, known(newHandle()), now + LONG)).toEqual(ENDED);

        // Also within the same ms.
        const next = await signIn(index, now + LONG);
        expect(next.indexedAt).toBeGreaterThan(fence!.indexedUpTo);
        expect(await index.refresh(USER, next, now + LONG)).toBeUndefined();
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: next })).toEqual(expect.any(Number));
      });

      it('answers that a session has ended also where its entry has lapsed, and does not where the entry has but no fence is there', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        const indexedAt = Number(await index.reserve(USER, handle, { ms: LONG }));
        await index.remove(USER, [handle]);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toBe('lapsed');
        await index.fence(USER, { ms: LONG, reason: 'revoked' });
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toEqual(ENDED);
      });

      it('refuses a sign-in out of a session that it has ended also when the new one is not', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + LONG);
        await index.fence(USER, { ms: LONG, reason: 'revoked' });
        const next = await signIn(index, now + LONG);
        expect(await index.confirm(USER, next.handle, { indexedAt: next.indexedAt, endsAt: now + LONG, replaces: old })).toEqual(ENDED);
      });

      it('leaves one alone, until the next fence', async () => {
        const { index, now } = await start();
        const [except, old] = [await signIn(index, now + LONG), await signIn(index, now + 2 * LONG)];
        await index.fence(USER, { ms: LONG, reason: 'revoked', except });
        expect([await index.refresh(USER, except, now + LONG), await index.refresh(USER, old, now + LONG)]).toEqual([undefined, ENDED]);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: except })).toEqual(expect.any(Number));
        await index.fence(USER, { ms: LONG, reason: 'revoked' });
        expect(await index.refresh(USER, except, now + LONG)).toEqual(ENDED);
      });

      it('changes nothing when the session to leave alone is over itself', async () => {
        const { index, now } = await start();
        const [old, other] = [await signIn(index, now + LONG), await signIn(index, now + LONG)];
        await index.fence(USER, { ms: LONG, reason: 'revoked', except: other });
        expect(await index.fence(USER, { ms: LONG, reason: 'revoked', except: old })).toBeUndefined();
        expect(await index.refresh(USER, other, now + LONG)).toBeUndefined();
      });

      it('names behind it what was there, and beyond it what comes, whenever that ends', async () => {
        const { index, now } = await start();
        const old = [await signIn(index, now + 5 * LONG), await signIn(index, now + LONG)].map(({ handle }) => handle);
        const fence = (await index.fence(USER, { ms: LONG, reason: 'revoked' }))!;
        const short = await signIn(index, now + 10);
        const reserved = newHandle();
        await index.reserve(USER, reserved, { ms: 10 });
        const nearest = async (range: object) => (await index.nearest(USER, { limit: 10, ...range })).map(({ handle }) => handle);
        expect(await nearest({ fence })).toEqual(old.toReversed());
        expect(new Set(await nearest({}))).toEqual(new Set([short.handle, reserved]));
        const page = await index.page(USER, { limit: 10 });
        expect(page.fence).toEqual(fence);
        expect(page.sessions.filter(({ score }) => score <= fence.lastScore).map(({ handle }) => handle)).toEqual(old);
        expect((await namesOf(index)).filter(({ isReserved }) => isReserved).map(({ handle }) => handle)).toEqual([reserved]);
      });

      it('does not count what it has ended', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + LONG);
        await signIn(index, now + LONG);
        await index.fence(USER, { ms: LONG, reason: 'revoked', except: old });
        const handle = newHandle();
        const indexedAt = Number(await index.reserve(USER, handle, { ms: LONG, limit: 2 }));
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 })).toBe('full');
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG })).toBe(2);
        expect(await index.confirm(USER, handle, { indexedAt, endsAt: now + LONG, replaces: old })).toBe(1);
      });

      it('stays behind all that comes when it is put up again, also where nothing is named any more', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + 5 * LONG);
        const first = (await index.fence(USER, { ms: 10 * LONG, reason: 'revoked' }))!;
        await index.remove(USER, [old.handle]);
        const second = (await index.fence(USER, { ms: LONG, reason: 'revoked' }))!;
        expect(second.indexedUpTo).toBeGreaterThan(first.indexedUpTo);
        expect(second.lastScore).toBeGreaterThanOrEqual(first.lastScore);
        const next = await signIn(index, now + LONG);
        expect(await index.nearest(USER, { limit: 10, fence: first })).toEqual([]);
        expect((await index.nearest(USER, { limit: 10 })).map(({ handle }) => handle)).toEqual([next.handle]);
      });

      it('indexes a session anew that was behind it', async () => {
        const { index, now } = await start();
        const { handle } = await signIn(index, now + LONG);
        const fence = (await index.fence(USER, { ms: LONG, reason: 'revoked' }))!;
        await signIn(index, now + LONG, handle);
        expect(await index.nearest(USER, { limit: 10, fence })).toEqual([]);
        expect(await handlesOf(index)).toEqual([handle]);
      });

      it('is known for as long as asked, also where nothing is named', async () => {
        const { store, index, now } = await start();
        await index.fence(USER, { ms: LONG, reason: 'revoked' });
        await passes(store, 5);
        expect(await index.refresh(USER, known(newHandle(), now - LONG), now + LONG)).toEqual(ENDED);
        expect(await index.refresh('eve', known(newHandle(), now - LONG), now + LONG)).toBeUndefined();
        await index.fence('grace', { ms: 20, reason: 'revoked' });
        await until(async () => (await index.page('grace', { limit: 1 })).fence === undefined, 'the fence is forgotten');
        expect(await index.refresh('grace', known(newHandle()), now + LONG)).toBeUndefined();
      });

      it('leaves no sign-in that survives, whichever of the two comes first', async () => {
        const { index, now } = await start();
        const old = await signIn(index, now + LONG);
        const nexts = Array.from({ length: 10 }, newHandle);
        const reservations = nexts.map((next) => index.reserve(USER, next, { ms: LONG, replaces: old }));
        const fence = index.fence(USER, { ms: LONG, reason: 'revoked' });
        const late = nexts.map(() => index.reserve(USER, newHandle(), { ms: LONG, replaces: old }));
        const indexedAt = (await Promise.all(reservations)).map(Number);
        expect(indexedAt.filter((time) => !(time <= 0) && !Number.isNaN(time))).toHaveLength(10);
        expect(await Promise.all(late)).toEqual(nexts.map(() => ENDED));
        const behind = await index.nearest(USER, { limit: 100, fence: await fence });
        expect(new Set(behind.map(({ handle }) => handle))).toEqual(new Set([old.handle, ...nexts]));
        const confirmed = nexts.map((next, n) =>
          index.confirm(USER, next, { indexedAt: indexedAt[n]!, endsAt: now + LONG, replaces: old }),
        );
        expect(await Promise.all(confirmed)).toEqual(nexts.map(() => ENDED));
      });
    });

    describe('nearest', () => {
      it('names first whose end is nearest, each of 1,200 once, many of which end at the same time', async () => {
        const { index, now } = await start();
        const handles = await nameMany(index, 1_200, (n) => now + LONG + (n % 3));
        for (const isFenced of [false, true]) {
          const fence = isFenced ? await index.fence(USER, { ms: LONG, reason: 'revoked' }) : undefined;
          const parts: (readonly IndexedSession[])[] = [];
          do parts.push(await index.nearest(USER, { limit: 250, after: parts.at(-1)?.at(-1), fence }));
          while (parts.at(-1)!.length === 250);
          expect(parts.map(({ length }) => length)).toEqual([250, 250, 250, 250, 200]);
          const scores = parts.flat().map(({ score }) => score);
          expect(scores).toEqual(scores.toSorted((a, b) => a - b));
          expect(new Set(parts.flat().map(({ handle }) => handle))).toEqual(new Set(handles));
        }
        expect(await index.nearest(USER, { limit: 250 })).toEqual([]);
      });

      it('goes on where it was when those before have gone', async () => {
        const { index, now } = await start();
        for (let n = 0; n < 6; n++) await index.refresh(USER, known(newHandle()), now + LONG);
        const all = await index.nearest(USER, { limit: 10 });
        const gone = all.slice(0, 3);
        await index.remove(
          USER,
          gone.map(({ handle }) => handle),
        );
        expect(await index.nearest(USER, { limit: 10, after: gone.at(-1)! })).toEqual(all.slice(3));
      });
    });

    describe('page', () => {
      it('names nobody of a user without sessions', async () => {
        const { index } = await start();
        expect(await index.page(USER, { limit: 10 })).toEqual({ sessions: [] });
        expect(await index.page(USER, { limit: 10, after: { handle: newHandle(), score: 5 } })).toEqual({ sessions: [] });
      });

      it('names first whoever can live longest, each once on the way from page to page', async () => {
        const { index, now } = await start();
        const handles = Array.from({ length: 7 }, newHandle);
        for (const [n, handle] of handles.entries()) await index.refresh(USER, known(handle), now + LONG + n);
        expect(await pagesOf(index, 3)).toEqual([handles.slice(4).toReversed(), handles.slice(1, 4).toReversed(), handles.slice(0, 1)]);
      });

      it('names each of 1,200 once, many of which end at the same time', async () => {
        const { index, now } = await start();
        const handles = await nameMany(index, 1_200, (n) => now + LONG + (n % 3));
        const pages = await pagesOf(index, 250);
        expect(pages.map(({ length }) => length)).toEqual([250, 250, 250, 250, 200]);
        expect(pages.flat()).toHaveLength(1_200);
        expect(new Set(pages.flat())).toEqual(new Set(handles));
      });

      it('goes on where it was when the last one of the page before has gone, also among others with the same end', async () => {
        const { index, now } = await start();
        for (let n = 0; n < 6; n++) await index.refresh(USER, known(newHandle()), now + LONG);
        const all = await namesOf(index);
        const after = all[2]!;
        await index.remove(USER, [after.handle]);
        expect((await index.page(USER, { limit: 10, after })).sessions).toEqual(all.slice(3));
        expect((await index.page(USER, { limit: 2, after })).sessions).toEqual(all.slice(3, 5));
        expect(await namesOf(index)).toEqual([...all.slice(0, 2), ...all.slice(3)]);
        await index.remove(USER, [all[5]!.handle]);
        expect((await index.page(USER, { limit: 10, after: all[5]! })).sessions).toEqual([]);
      });

      it.each([
        ['later', 50],
        ['earlier', -50],
      ])('goes on where it was when the last one of the page before ends %s now', async (_what, by) => {
        const { index, now } = await start();
        for (let n = 0; n < 6; n++) await index.refresh(USER, known(newHandle()), now + LONG + Math.trunc(n / 3));
        const all = await namesOf(index);
        const after = all[3]!;
        await index.refresh(USER, known(after.handle), after.score + by);
        const rest = all.slice(4);
        const moved = { ...after, score: after.score + by };
        expect((await index.page(USER, { limit: 10, after })).sessions).toEqual(by > 0 ? rest : [...rest, moved]);
        expect(await namesOf(index)).toContainEqual(moved);
      });

      it('changes nothing, whatever it is given', async () => {
        const { index, now } = await start();
        for (let n = 0; n < 4; n++) await index.refresh(USER, known(newHandle()), now + LONG + n);
        const before = await namesOf(index);
        await index.page(USER, { limit: 1, after: { handle: newHandle(), score: now + LONG } });
        await index.page(USER, { limit: 1, after: { ...before[1]!, score: 5 } });
        expect(await namesOf(index)).toEqual(before);
      });
    });

    it('names nobody whose end is over', async () => {
      const { store, index, now } = await start();
      const [short, reserved, long] = [newHandle(), newHandle(), newHandle()];
      await index.refresh(USER, known(short), now + 40);
      const indexedAt = Number(await index.reserve(USER, reserved, { ms: 40 }));
      await index.refresh(USER, known(long), now + LONG);
      await passes(store, 60);
      expect(await handlesOf(index)).toEqual([long]);
      expect((await index.nearest(USER, { limit: 10 })).map(({ handle }) => handle)).toEqual([long]);
      expect(await index.confirm(USER, reserved, { indexedAt, endsAt: now + LONG })).toBe('lapsed');
      expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 })).toEqual(expect.any(Number));
    });

    it('forgets a user with the last one of their sessions', async () => {
      const { store, index, now } = await start();
      await index.refresh(USER, known(newHandle()), now + 20);
      await index.reserve(USER, newHandle(), { ms: 20 });
      await passes(store, 40);
      expect(await namesOf(index)).toEqual([]);
    });

    it.each(ODD_USERS)('keeps the sessions of a user called %j apart', async (userId) => {
      const { index, now } = await start();
      const [old, next, other] = [newHandle(), newHandle(), newHandle()];
      await index.refresh(userId.slice(0, -1) || 'eve', known(other), now + LONG);
      await index.refresh(`${userId}:`, known(other), now + LONG);
      await index.refresh(userId, known(old), now + LONG);
      const indexedAt = Number(await index.reserve(userId, next, { ms: LONG, limit: 1, replaces: known(old) }));
      expect(await index.confirm(userId, next, { indexedAt, endsAt: now + LONG, replaces: known(old) })).toBe(1);
      expect(await index.leave(userId, known(old))).toBe(true);
      expect(await handlesOf(index, userId)).toEqual([next]);
      expect(await index.fence(userId, { ms: LONG, reason: 'revoked' })).toBeDefined();
      expect((await index.page(`${userId}:`, { limit: 1 })).fence).toBeUndefined();
      await index.remove(userId, [next]);
      expect(await handlesOf(index, userId)).toEqual([]);
      expect(await handlesOf(index, `${userId}:`)).toEqual([other]);
    });
  });
}

function newHandle(): Handle {
  return handleOf(generateSid());
}

async function nameMany(index: SessionIndex, count: number, endsAt: (n: number) => number): Promise<Handle[]> {
  const handles = Array.from({ length: count }, newHandle);
  await Promise.all(handles.map((handle, n) => index.refresh(USER, known(handle), endsAt(n))));
  return handles;
}

async function namesOf(index: SessionIndex, userId = USER): Promise<readonly IndexedSession[]> {
  return (await index.page(userId, { limit: 1_000 })).sessions;
}

/** As a session that nobody knows since when it is the user's. */
function known(handle: Handle, indexedAt?: number): IndexedAt {
  return { handle, indexedAt };
}

/** Reserves an entry and confirms it. */
async function signIn(index: SessionIndex, endsAt: number, handle = newHandle()): Promise<IndexedAt & { readonly indexedAt: number }> {
  const indexedAt = await index.reserve(USER, handle, { ms: LONG });
  if (typeof indexedAt !== 'number') throw new Error('There is no room for it.');
  await index.confirm(USER, handle, { indexedAt, endsAt });
  return { handle, indexedAt };
}

async function handlesOf(index: SessionIndex, userId = USER): Promise<Handle[]> {
  return (await namesOf(index, userId)).map(({ handle }) => handle);
}

async function pagesOf(index: SessionIndex, limit: number): Promise<Handle[][]> {
  const pages: Handle[][] = [];
  let after: IndexedSession | undefined;
  do {
    const page = (await index.page(USER, { limit, after })).sessions;
    if (page.length > 0) pages.push(page.map(({ handle }) => handle));
    after = page.length === limit ? page.at(-1) : undefined;
  } while (after !== undefined);
  return pages;
}
