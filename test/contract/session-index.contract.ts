import { afterEach, describe, expect, it } from '@jest/globals';
import type { IndexedSession, SessionIndex } from '../../src/session/session-index.js';
import type { SessionStore } from '../../src/session/session-store.js';
import { generateSid, handleOf, type Handle } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store-options.js';
import { until } from '../support/until.js';
import { passes, type OpenStore } from './session-store.contract.js';

const USER = 'ada';
const LONG = 60_000;
const ODD_USERS = ['a:b', '*', '{}', '{a}', ' a b\t', 'a\nb\0c', 'ключ🍪', 'x'.repeat(1_024), '__proto__', 'constructor', '0', 'user:ada'];

interface Opened {
  readonly store: SessionStore;
  readonly index: SessionIndex;
  /** By the store's clock, in whole ms. */
  readonly now: number;
}

/** What the comments of `SessionIndex` promise, a case for each sentence. `open` gives a store whose index names nobody. */
export function describeSessionIndex(name: string, open: (options?: StoreOptions) => Promise<OpenStore>): void {
  describe(`SessionIndex: ${name}`, () => {
    const checks: (() => Promise<void>)[] = [];

    async function start(): Promise<Opened> {
      const { store, check } = await open();
      if (check !== undefined) checks.push(check);
      return { store, index: store.index!, now: Math.ceil(await store.now()) };
    }

    afterEach(async () => {
      for (const check of checks.splice(0)) await check();
    });

    describe('reserve', () => {
      it('keeps a place for a session that may not be there yet', async () => {
        const { index } = await start();
        const handle = newHandle();
        expect(await index.reserve(USER, handle, { ms: LONG })).toBe('reserved');
        expect(await namesOf(index)).toEqual([{ handle, score: expect.any(Number), isReserved: true }]);
      });

      it('keeps it for as long as asked', async () => {
        const { index, now } = await start();
        await index.renew(USER, newHandle(), now + LONG);
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: 30 });
        await until(async () => (await namesOf(index)).length === 1, 'the place has lapsed');
        expect(await index.settle(USER, handle, now + LONG)).toBeUndefined();
        expect(await namesOf(index)).toHaveLength(1);
      });

      it('is full when as many others are named as may be, be they settled, reserved or claimed', async () => {
        const { index, now } = await start();
        const [settled, reserved, claimed] = [newHandle(), newHandle(), newHandle()];
        await index.renew(USER, claimed, now + LONG);
        await index.claim(USER, { skip: 0, size: 10 });
        await index.renew(USER, settled, now + LONG);
        await index.reserve(USER, reserved, { ms: LONG, limit: 3 });
        const before = await namesOf(index);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 3 })).toBe('full');
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 1 })).toBe('full');
        expect(await namesOf(index)).toEqual(before);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 4 })).toBe('reserved');
        expect(await index.reserve(USER, newHandle(), { ms: LONG })).toBe('reserved');
      });

      it('does not count those who have ended', async () => {
        const { index, now } = await start();
        await index.renew(USER, newHandle(), now + LONG);
        await index.renew(USER, newHandle(), now + 30);
        await until(async () => (await index.reserve(USER, newHandle(), { ms: LONG, limit: 2 })) === 'reserved', 'there is a place');
      });

      it('counts neither the session that is replaced, nor its own place', async () => {
        const { index, now } = await start();
        const [old, other, next] = [newHandle(), newHandle(), newHandle()];
        await index.renew(USER, old, now + LONG);
        await index.renew(USER, other, now + LONG);
        expect(await index.reserve(USER, next, { ms: LONG, limit: 2 })).toBe('full');
        expect(await index.reserve(USER, next, { ms: LONG, limit: 2, replaces: newHandle() })).toBe('full');
        expect(await index.reserve(USER, next, { ms: LONG, limit: 1, replaces: old })).toBe('full');
        expect(await index.reserve(USER, next, { ms: LONG, limit: 2, replaces: old })).toBe('reserved');
        expect(await index.reserve(USER, next, { ms: LONG, limit: 2, replaces: old })).toBe('reserved');
        expect(await index.reserve(USER, other, { ms: LONG, limit: 3 })).toBe('reserved');
        expect(await index.reserve(USER, newHandle(), { ms: LONG, limit: 3 })).toBe('full');
        expect(await namesOf(index)).toHaveLength(3);
      });

      it('lets as many of 20 at once in as there may be', async () => {
        const { index } = await start();
        const answers = await Promise.all(Array.from({ length: 20 }, () => index.reserve(USER, newHandle(), { ms: LONG, limit: 5 })));
        expect(answers.filter((answer) => answer === 'reserved')).toHaveLength(5);
        expect(await namesOf(index)).toHaveLength(5);
      });

      it('answers that it has ended when the session to replace is claimed, and reserves nothing', async () => {
        const { index, now } = await start();
        const [claimed, free] = [newHandle(), newHandle()];
        await index.renew(USER, claimed, now + LONG);
        await index.renew(USER, free, now + LONG);
        await index.claim(USER, { skip: 0, size: 10, except: free });
        const before = await namesOf(index);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: claimed })).toBe('ended');
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: claimed, limit: 1 })).toBe('ended');
        expect(await namesOf(index)).toEqual(before);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: free })).toBe('reserved');
        expect(await index.reserve('eve', newHandle(), { ms: LONG, replaces: claimed })).toBe('reserved');
      });

      it('answers that it has ended when the session itself is claimed, which stays so', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.renew(USER, handle, now + LONG);
        await index.claim(USER, { skip: 0, size: 10 });
        const before = await namesOf(index);
        expect(await index.reserve(USER, handle, { ms: LONG })).toBe('ended');
        expect(await namesOf(index)).toEqual(before);
        expect(await index.settle(USER, handle, now + LONG)).toBeUndefined();
      });

      it("leaves the name of a session that is the user's already, also when nobody settles it", async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        await index.renew(USER, handle, now + LONG);
        expect(await index.reserve(USER, handle, { ms: 10 })).toBe('reserved');
        await passes(store, 20);
        expect(await namesOf(index)).toEqual([{ handle, score: now + LONG, isReserved: false }]);
        expect(await index.settle(USER, handle, now + LONG + 1)).toBe(1);
      });

      it('keeps a place that is reserved again for as long as asked the last time', async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: 20 });
        await index.reserve(USER, handle, { ms: LONG });
        await passes(store, 30);
        expect(await index.settle(USER, handle, now + LONG)).toBe(1);
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
        expect(await index.reserve(USER, handle, { ms: LONG, limit: 1 })).toBe('reserved');
        expect(await namesOf(index)).toMatchObject([{ handle, isReserved: true }]);
        expect(await index.settle(USER, handle, now + LONG)).toBe(1);
      });
    });

    describe('settle', () => {
      it('takes the place for good, and answers with how many are named', async () => {
        const { index, now } = await start();
        const [first, second] = [newHandle(), newHandle()];
        await index.reserve(USER, first, { ms: LONG });
        expect(await index.settle(USER, first, now + LONG)).toBe(1);
        await index.reserve(USER, second, { ms: LONG });
        await index.reserve(USER, newHandle(), { ms: LONG / 2 });
        expect(await index.settle(USER, second, now + LONG + 5)).toBe(3);
        expect((await namesOf(index)).slice(0, 2)).toEqual([
          { handle: second, score: now + LONG + 5, isReserved: false },
          { handle: first, score: now + LONG, isReserved: false },
        ]);
      });

      it('does not count those who have ended', async () => {
        const { store, index, now } = await start();
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: LONG });
        await index.renew(USER, newHandle(), now + 10);
        await passes(store, 30);
        expect(await index.settle(USER, handle, now + LONG)).toBe(1);
      });

      it('drops the name of the session that was replaced', async () => {
        const { index, now } = await start();
        const [old, next] = [newHandle(), newHandle()];
        await index.renew(USER, old, now + LONG);
        await index.reserve(USER, next, { ms: LONG, replaces: old });
        expect(await index.settle(USER, next, now + LONG, old)).toBe(1);
        expect(await index.settle(USER, next, now + LONG, old)).toBe(1);
        expect(await handlesOf(index)).toEqual([next]);
      });

      it('answers with nothing when no place was reserved, and changes nothing', async () => {
        const { index, now } = await start();
        const old = newHandle();
        await index.renew(USER, old, now + LONG);
        expect(await index.settle(USER, newHandle(), now + LONG, old)).toBeUndefined();
        expect(await index.settle('eve', old, now + LONG)).toBeUndefined();
        expect(await handlesOf(index)).toEqual([old]);
        expect(await handlesOf(index, 'eve')).toEqual([]);
      });

      it.each([false, true])(
        'answers with nothing when the place was taken away meanwhile (also when repeated: %s)',
        async (isRepeated) => {
          const { index, now } = await start();
          const [old, next] = [newHandle(), newHandle()];
          await index.renew(USER, old, now + LONG);
          await index.reserve(USER, next, { ms: LONG, replaces: old });
          await index.claim(USER, { skip: 0, size: 10 });
          if (isRepeated) await index.settle(USER, next, now + LONG, old);
          expect(await index.settle(USER, next, now + LONG, old)).toBeUndefined();
          expect(await handlesOf(index)).toEqual([old]);
        },
      );

      it('answers with nothing when the session was claimed after it was settled', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.reserve(USER, handle, { ms: LONG });
        await index.settle(USER, handle, now + LONG);
        await index.claim(USER, { skip: 0, size: 10 });
        expect(await index.settle(USER, handle, now + LONG)).toBeUndefined();
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: handle })).toBe('ended');
      });

      it('takes an end with a fraction, as sums with now() have, for no mark', async () => {
        const { index, now } = await start();
        for (const fraction of [0.5, 0.75]) {
          const handle = newHandle();
          await index.reserve(USER, handle, { ms: LONG });
          expect(await index.settle(USER, handle, now + LONG + fraction)).toBeDefined();
          await index.renew(USER, newHandle(), now + LONG + fraction);
          expect(await index.reserve(USER, newHandle(), { ms: 1, replaces: handle })).toBe('reserved');
        }
        expect((await namesOf(index)).filter(({ isReserved, score }) => isReserved && score > now + 5_000)).toEqual([]);
      });
    });

    describe('renew', () => {
      it('names a session again whose name was lost', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.renew(USER, handle, now + LONG);
        expect(await namesOf(index)).toEqual([{ handle, score: now + LONG, isReserved: false }]);
      });

      it('moves the end, later or earlier, and changes nothing more when repeated', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        for (const endsAt of [now + LONG, now + 2 * LONG, now + LONG - 1, now + LONG - 1]) {
          await index.renew(USER, handle, endsAt);
          expect(await namesOf(index)).toEqual([{ handle, score: endsAt, isReserved: false }]);
        }
      });

      it('names a session again whose claim is over', async () => {
        const { store, index, now } = await start();
        const [handle, other] = [newHandle(), newHandle()];
        await index.renew(USER, handle, now + 30);
        await index.claim(USER, { skip: 0, size: 10 });
        await index.renew(USER, other, now + 2 * LONG);
        await passes(store, 40);
        await index.renew(USER, handle, now + LONG);
        expect(await handlesOf(index)).toEqual([other, handle]);
      });

      it('leaves a claimed session claimed', async () => {
        const { index, now } = await start();
        const handle = newHandle();
        await index.renew(USER, handle, now + LONG);
        await index.claim(USER, { skip: 0, size: 10 });
        const before = await namesOf(index);
        await index.renew(USER, handle, now + 2 * LONG);
        expect(await namesOf(index)).toEqual(before);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: handle })).toBe('ended');
      });
    });

    describe('remove', () => {
      it('drops the names of those sessions, and no other', async () => {
        const { index, now } = await start();
        const handles = Array.from({ length: 4 }, newHandle);
        for (const handle of handles) await index.renew(USER, handle, now + LONG);
        await index.renew('eve', handles[0]!, now + LONG);
        await index.remove(USER, [handles[0]!, newHandle(), handles[2]!]);
        await index.remove(USER, [handles[0]!, handles[2]!]);
        await index.remove(USER, []);
        await index.remove('nobody', [newHandle()]);
        expect(new Set(await handlesOf(index))).toEqual(new Set([handles[1], handles[3]]));
        expect(await handlesOf(index, 'eve')).toEqual([handles[0]]);
        await index.remove(USER, handles);
        expect(await handlesOf(index)).toEqual([]);
      });

      it('drops a claimed or reserved name too', async () => {
        const { index, now } = await start();
        const [claimed, reserved] = [newHandle(), newHandle()];
        await index.renew(USER, claimed, now + LONG);
        await index.claim(USER, { skip: 0, size: 10 });
        await index.reserve(USER, reserved, { ms: LONG });
        await index.remove(USER, [claimed, reserved]);
        expect(await handlesOf(index)).toEqual([]);
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: claimed })).toBe('reserved');
      });
    });

    describe('claim', () => {
      it('claims sessions once, but for one, and takes reserved places away', async () => {
        const { index, now } = await start();
        const [first, second, except, reserved] = [newHandle(), newHandle(), newHandle(), newHandle()];
        await index.renew(USER, first, now + LONG);
        await index.renew(USER, except, now + LONG + 1);
        await index.renew(USER, second, now + LONG + 2);
        await index.reserve(USER, reserved, { ms: 2 * LONG });
        const range = { skip: 0, size: 10, except };
        // The session of a place that it took away may be there already.
        expect(await index.claim(USER, range)).toEqual({ handles: [first, second, reserved], claimed: 3, hasMore: false });
        expect(await handlesOf(index)).toEqual([second, except, first]);
        expect(await index.claim(USER, range)).toEqual({ handles: [first, second], claimed: 0, hasMore: false });
        expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: except })).toBe('reserved');
      });

      it('goes through the parts in the order of the index', async () => {
        const { index, now } = await start();
        const handles = Array.from({ length: 5 }, newHandle);
        for (const [n, handle] of handles.entries()) await index.renew(USER, handle, now + LONG + n);
        expect(await index.claim(USER, { skip: 0, size: 2 })).toEqual({ handles: handles.slice(0, 2), claimed: 2, hasMore: true });
        expect(await index.claim(USER, { skip: 2, size: 2 })).toEqual({ handles: handles.slice(2, 4), claimed: 2, hasMore: true });
        expect(await index.claim(USER, { skip: 4, size: 2 })).toEqual({ handles: handles.slice(4), claimed: 1, hasMore: false });
        expect(await index.claim(USER, { skip: 6, size: 2 })).toEqual({ handles: [], claimed: 0, hasMore: false });
        expect(await index.claim(USER, { skip: 1, size: 2 })).toEqual({ handles: handles.slice(1, 3), claimed: 0, hasMore: true });
      });

      it('passes over none of 1,200 with the same end', async () => {
        const { index, now } = await start();
        const handles = await nameMany(index, 1_200, () => now + LONG);
        const claims = [];
        for (let skip = 0; skip < 1_500; skip += 500) claims.push(await index.claim(USER, { skip, size: 500 }));
        expect(claims.map(({ claimed, hasMore }) => [claimed, hasMore])).toEqual([
          [500, true],
          [500, true],
          [200, false],
        ]);
        expect(new Set(claims.flatMap((claim) => claim.handles))).toEqual(new Set(handles));
        expect(await index.claim(USER, { skip: 0, size: 1_000 })).toMatchObject({ claimed: 0, hasMore: true });
      });

      it("claims nothing of a user without sessions, or another's", async () => {
        const { index, now } = await start();
        await index.renew(USER, newHandle(), now + LONG);
        expect(await index.claim('eve', { skip: 0, size: 10 })).toEqual({ handles: [], claimed: 0, hasMore: false });
        expect((await index.claim(USER, { skip: 0, size: 10 })).claimed).toBe(1);
      });

      it('leaves no sign-in that survives, whichever of the two comes first', async () => {
        const { index, now } = await start();
        const old = newHandle();
        await index.renew(USER, old, now + LONG);
        const nexts = Array.from({ length: 10 }, newHandle);
        const reservations = nexts.map((next) => index.reserve(USER, next, { ms: LONG, replaces: old }));
        const claim = index.claim(USER, { skip: 0, size: 100 });
        const late = nexts.map((next) => index.reserve(USER, next, { ms: LONG, replaces: old }));
        expect(await Promise.all(reservations)).toEqual(nexts.map(() => 'reserved'));
        const { handles, claimed } = await claim;
        expect(claimed).toBe(11);
        expect(new Set(handles)).toEqual(new Set([old, ...nexts]));
        expect(await Promise.all(late)).toEqual(nexts.map(() => 'ended'));
        expect(await Promise.all(nexts.map((next) => index.settle(USER, next, now + LONG, old)))).toEqual(nexts.map(() => undefined));
        expect(await handlesOf(index)).toEqual([old]);
      });
    });

    describe('page', () => {
      it('names nobody of a user without sessions', async () => {
        const { index } = await start();
        expect(await index.page(USER, { limit: 10 })).toEqual([]);
        expect(await index.page(USER, { limit: 10, after: { handle: newHandle(), score: 5 } })).toEqual([]);
      });

      it('names first whoever can live longest, each once on the way from page to page', async () => {
        const { index, now } = await start();
        const handles = Array.from({ length: 7 }, newHandle);
        for (const [n, handle] of handles.entries()) await index.renew(USER, handle, now + LONG + n);
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
        for (let n = 0; n < 6; n++) await index.renew(USER, newHandle(), now + LONG);
        const all = await namesOf(index);
        const after = all[2]!;
        await index.remove(USER, [after.handle]);
        expect(await index.page(USER, { limit: 10, after })).toEqual(all.slice(3));
        expect(await index.page(USER, { limit: 2, after })).toEqual(all.slice(3, 5));
        expect(await namesOf(index)).toEqual([...all.slice(0, 2), ...all.slice(3)]);
        await index.remove(USER, [all[5]!.handle]);
        expect(await index.page(USER, { limit: 10, after: all[5]! })).toEqual([]);
      });

      it.each([
        ['later', 50],
        ['earlier', -50],
      ])('goes on where it was when the last one of the page before ends %s now', async (_what, by) => {
        const { index, now } = await start();
        for (let n = 0; n < 6; n++) await index.renew(USER, newHandle(), now + LONG + Math.trunc(n / 3));
        const all = await namesOf(index);
        const after = all[3]!;
        await index.renew(USER, after.handle, after.score + by);
        const rest = all.slice(4);
        const moved = { ...after, score: after.score + by };
        expect(await index.page(USER, { limit: 10, after })).toEqual(by > 0 ? rest : [...rest, moved]);
        expect(await namesOf(index)).toContainEqual(moved);
      });

      it('goes on where it was when all were claimed in between', async () => {
        const { index, now } = await start();
        for (let n = 0; n < 6; n++) await index.renew(USER, newHandle(), now + LONG + n);
        const all = await namesOf(index);
        await index.claim(USER, { skip: 0, size: 10 });
        const rest = await index.page(USER, { limit: 10, after: all[2]! });
        expect(rest.map(({ handle }) => handle)).toEqual(expect.arrayContaining(all.slice(3).map(({ handle }) => handle)));
      });
    });

    it('names nobody whose end is over', async () => {
      const { store, index, now } = await start();
      const [short, reserved, claimed, long] = [newHandle(), newHandle(), newHandle(), newHandle()];
      await index.renew(USER, claimed, now + 40);
      await index.claim(USER, { skip: 0, size: 10 });
      await index.renew(USER, short, now + 40);
      await index.reserve(USER, reserved, { ms: 40 });
      await index.renew(USER, long, now + LONG);
      await passes(store, 60);
      expect(await index.claim(USER, { skip: 0, size: 1, except: long })).toEqual({ handles: [], claimed: 0, hasMore: true });
      expect(await handlesOf(index)).toEqual([long]);
      expect(await index.settle(USER, short, now + LONG)).toBeUndefined();
      expect(await index.reserve(USER, newHandle(), { ms: LONG, replaces: claimed, limit: 2 })).toBe('reserved');
      await index.renew(USER, claimed, now + LONG);
      expect(await handlesOf(index)).toContain(claimed);
    });

    it('settles no place that has lapsed', async () => {
      const { store, index, now } = await start();
      const handle = newHandle();
      await index.renew(USER, newHandle(), now + LONG);
      await index.reserve(USER, handle, { ms: 5 });
      await passes(store, 20);
      expect(await index.settle(USER, handle, now + LONG)).toBeUndefined();
      expect(await namesOf(index)).toHaveLength(1);
    });

    it('forgets a user with the last one of their sessions', async () => {
      const { store, index, now } = await start();
      await index.renew(USER, newHandle(), now + 20);
      await index.reserve(USER, newHandle(), { ms: 20 });
      await passes(store, 40);
      expect(await namesOf(index)).toEqual([]);
    });

    it.each(ODD_USERS)('keeps the sessions of a user called %j apart', async (userId) => {
      const { index, now } = await start();
      const [old, next, other] = [newHandle(), newHandle(), newHandle()];
      await index.renew(userId.slice(0, -1) || 'eve', other, now + LONG);
      await index.renew(`${userId}:`, other, now + LONG);
      await index.renew(userId, old, now + LONG);
      expect(await index.reserve(userId, next, { ms: LONG, limit: 1, replaces: old })).toBe('reserved');
      expect(await index.settle(userId, next, now + LONG, old)).toBe(1);
      expect(await handlesOf(index, userId)).toEqual([next]);
      expect((await index.claim(userId, { skip: 0, size: 10 })).handles).toEqual([next]);
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
  await Promise.all(handles.map((handle, n) => index.renew(USER, handle, endsAt(n))));
  return handles;
}

async function namesOf(index: SessionIndex, userId = USER): Promise<readonly IndexedSession[]> {
  return index.page(userId, { limit: 1_000 });
}

async function handlesOf(index: SessionIndex, userId = USER): Promise<Handle[]> {
  return (await namesOf(index, userId)).map(({ handle }) => handle);
}

async function pagesOf(index: SessionIndex, limit: number): Promise<Handle[][]> {
  const pages: Handle[][] = [];
  let after: IndexedSession | undefined;
  do {
    const page = await index.page(USER, { limit, after });
    if (page.length > 0) pages.push(page.map(({ handle }) => handle));
    after = page.length === limit ? page.at(-1) : undefined;
  } while (after !== undefined);
  return pages;
}
