import { describe, expect, it } from '@jest/globals';
import type { ActiveSession } from '../../src/session/active-session.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { FAULTS, FaultyProcess } from '../support/faulty-process.js';
import { Barrier } from '../support/barrier.js';
import { until } from '../support/until.js';
import { signedIn, Visitor } from '../support/visitor.js';
import { passes, type OpenStore } from './session-store.contract.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

/** In ms, for a machine that is busy with other things. */
const PATIENT = 20_000;
/** In ms. Whoever waits for a process that has died does so for that long. */
const IMPATIENT = 150;
const CART = ['tea'];

/** Out of what session somebody signs in as "ada". */
const BEGINNINGS: Record<string, (store: IndexedSessions) => Promise<Visitor>> = {
  nothing: async (store) => new Visitor(store),
  "a visitor's session": async (store) => withCart(new Visitor(store)),
  'their own session': async (store) => withCart(await signedIn(store)),
  "another user's session": async (store) => withCart(await signedIn(store, 'grace')),
};

async function withCart(visitor: Visitor): Promise<Visitor> {
  await visitor.request(({ entries }) => entries.set('cart', CART));
  return visitor;
}

/** Nothing of a sign-in that fails ends the session before it. `open` gives a store that several processes can share. */
export function describeSignInFaults(name: string, open: (options: StoreOptions) => Promise<OpenStore>): void {
  describe(`a sign-in whose commands go wrong, ${name}`, () => {
    async function start(beginning: string) {
      const store = sessionsOf((await open({ deadline: PATIENT, logErrors: false })).store);
      const browser = await BEGINNINGS[beginning]!(store);
      await store.drain();
      const process = new FaultyProcess(store.store);
      const session = await new Visitor(process.store, browser.sid).arrive();
      process.log.length = 0;
      return { store, browser, process, session, before: browser.sid };
    }

    describe.each(Object.keys(BEGINNINGS))('out of %s', (beginning) => {
      async function commands(): Promise<readonly string[]> {
        const { store, process, session } = await start(beginning);
        await login(session);
        await store.drain();
        return [...process.log];
      }

      it.each(FAULTS)('leaves the session before or a new one when a command %s, whichever it is', async (fault) => {
        for (const [place, command] of (await commands()).entries()) {
          const { store, browser, process, session, before } = await start(beginning);
          process.failNth(place + 1, fault);
          const error = await login(session).then(
            () => void (browser.sid = session.sid),
            (reason: unknown) => reason,
          );
          await quiet(process);
          await process.runLate();
          await store.drain();
          const what = `${command} (${place + 1}) ${fault}`;
          if (error !== undefined) {
            expect([what, error]).toMatchObject([what, { code: 'SESSION_STORE_UNAVAILABLE' }]);
            if (before !== undefined) expect([what, await cartOf(store, before)]).toEqual([what, CART]);
          } else {
            const isOver = async () => before === undefined || (await store.load(before)) === undefined;
            await until(isOver, `the session before has ended: ${what}`);
          }
          await expectListed(what, store, browser);
          await expectSignsIn(what, browser);
        }
      });

      it.each(FAULTS)('leaves the session before or a new one when the answer of a command is lost and the next one %s', async (fault) => {
        for (const [place, command] of (await commands()).entries()) {
          const { store, browser, process, session, before } = await start(beginning);
          process.failNth(place + 1, 'runs, and its answer is lost');
          // An end that got no answer is tried again, and then looked at.
          const isEnd = command === 'destroy' || command === 'compareAndSet';
          process.failNth(place + (isEnd ? 3 : 2), fault);
          const error = await login(session).then(
            () => void (browser.sid = session.sid),
            (reason: unknown) => reason,
          );
          await quiet(process);
          await process.runLate();
          await store.drain();
          const what = `${command} (${place + 1}), then ${process.log[place + (isEnd ? 2 : 1)]} ${fault}`;
          if (error !== undefined && before !== undefined) expect([what, await cartOf(store, before)]).toEqual([what, CART]);
          await expectSignsIn(what, browser);
        }
      });

      it('leaves the session before when the process dies, before whichever command', async () => {
        for (const [place, command] of (await commands()).entries()) {
          const { store, browser, process, session, before } = await start(beginning);
          process.diesBefore = place + 1;
          Object.assign(store.settings, { deadline: IMPATIENT });
          await login(session).catch(() => undefined);
          Object.assign(store.settings, { deadline: PATIENT });
          const what = `dies before ${command} (${place + 1})`;
          // Everything is done but to say so: a moment that nobody can do away with.
          const isTooLate = command === 'remove';
          if (before !== undefined && !isTooLate) expect([what, await cartOf(store, before)]).toEqual([what, CART]);
          await expectSignsIn(what, browser);
        }
      });
    });

    it('leaves as many sessions as may be when another one counts both the session before and the new one', async () => {
      const store = sessionsOf((await open({ deadline: PATIENT, maxSessionsPerUser: 2 })).store);
      const [browser, other] = [await signedIn(store), await signedIn(store)];
      await passes(store, 2);
      const process = new FaultyProcess(store.store);
      const session = await new Visitor(process.store, browser.sid).arrive();
      process.log.length = 0;
      const barrier = new Barrier(1);
      process.hold('destroy', barrier);
      const signedInAgain = login(session);
      await barrier.full;
      await passes(store, 2);
      const third = await signedIn(store);
      barrier.open();
      await signedInAgain;
      const alive = await Promise.all([session.sid, other.sid!, third.sid!].map(async (sid) => (await store.load(sid)) !== undefined));
      // The other one signed in first.
      expect(alive).toEqual([true, false, true]);
    });

    it('leaves the session before when its process was suspended for so long that its entry has run out', async () => {
      const { store, browser, process, session } = await start('their own session');
      process.before = async (command) => {
        if (command !== 'confirm') return;
        const { sessions } = await store.index.page('ada', { limit: 10 });
        await store.index.remove(
          'ada',
          sessions.flatMap(({ handle, isReserved }) => (isReserved ? [handle] : [])),
        );
      };
      await expect(login(session)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      expect(await cartOf(store, browser.sid!)).toEqual(CART);
      await expectListed('its entry has run out', store, browser);
    });

    describe('revokeAll', () => {
      async function many(count: number, options: StoreOptions = {}) {
        const store = sessionsOf((await open({ deadline: PATIENT, logErrors: false, ...options })).store);
        const browsers = await Promise.all(Array.from({ length: count }, () => signedIn(store)));
        await store.drain();
        return { store, browsers, process: new FaultyProcess(store.store), manager: new SessionManager(store.store) };
      }

      /** Every session that was there before, and is there still. */
      const leftOf = async (store: IndexedSessions, sids: readonly Sid[]) => {
        const found = await Promise.all(sids.map((sid) => store.load(sid)));
        return found.filter((record) => record !== undefined).length;
      };

      async function revokeAllDying(store: IndexedSessions, process: FaultyProcess, diesBefore: number): Promise<void> {
        process.diesBefore = diesBefore;
        Object.assign(store.settings, { deadline: 2_000 });
        void new SessionManager(process.store).revokeAll('ada', 'account-closed').catch(() => undefined);
        await until(() => process.log.length >= diesBefore, 'the process dies');
        Object.assign(store.settings, { deadline: PATIENT });
      }

      it.each([2, 3, 5])('that dies before its command %d locks nobody out', async (diesBefore) => {
        const { store, browsers, process } = await many(5);
        await revokeAllDying(store, process, diesBefore);
        const sids = browsers.map(({ sid }) => sid!);
        expect(await leftOf(store, sids)).toBeGreaterThan(0);
        for (const browser of browsers) {
          await browser.signIn().catch(() => browser.signIn());
          expect(await browser.whoami()).toEqual({ id: 'ada' });
        }
        expect([await leftOf(store, sids), await new SessionManager(store.store).count('ada')]).toEqual([0, 5]);
      });

      it('that dies before it ends a session has it ended by the next touch that is due', async () => {
        const { store, browsers, process } = await many(3, { touchAfter: 0 });
        await revokeAllDying(store, process, 2);
        for (const { sid } of browsers) {
          await new Visitor(store, sid).request((session) => session.touch());
          await until(async () => (await store.load(sid!)) === undefined, 'the session has ended');
          expect(await store.find(sid!)).toEqual({ endedReason: 'account-closed' });
        }
      });

      it.each(FAULTS)('finds a session that a touch was to end whose command to end it %s', async (fault) => {
        const { store, browsers, process, manager } = await many(1, { touchAfter: 0 });
        await store.index.fence('ada', { ms: PATIENT, reason: 'account-closed' });
        process.fail('revoke', fault);
        await (await new Visitor(process.store, browsers[0]!.sid).arrive()).touch();
        await quiet(process);
        expect(await manager.revokeAll('ada')).toBe(fault === 'runs, and its answer is lost' ? 0 : 1);
        await process.runLate();
        expect(await leftOf(store, [browsers[0]!.sid!])).toBe(0);
      });

      it('that dies before it ends a session has it ended by whoever lists the sessions', async () => {
        const { store, browsers, process, manager } = await many(3);
        await revokeAllDying(store, process, 2);
        expect(await manager.list('ada')).toEqual({ sessions: [] });
        for (const { sid } of browsers) expect(await store.find(sid!)).toEqual({ endedReason: 'account-closed' });
      });

      it('needs as many parts as there are sessions at its start, whatever signs in meanwhile', async () => {
        const { store, browsers, process } = await many(520);
        let signIns = 0;
        process.before = async (command) => {
          if (process.log.length > 1 && command !== 'revoke' && command !== 'remove' && signIns++ < 20) await signedIn(store);
        };
        expect(await new SessionManager(process.store).revokeAll('ada')).toBe(520);
        const sids = browsers.map(({ sid }) => sid!);
        expect(await leftOf(store, sids)).toBe(0);
        // One that makes them all old, and two parts of 500.
        expect(process.log.filter((command) => command !== 'revoke' && command !== 'remove')).toHaveLength(3);
        expect(await new SessionManager(store.store).count('ada')).toBe(signIns);
      });
    });
  });
}

function login(session: ActiveSession): Promise<void> {
  return session.login({ id: 'ada' }, ['cart']);
}

async function quiet(process: FaultyProcess): Promise<void> {
  let calls = -1;
  await until(() => {
    const isQuiet = process.log.length === calls;
    calls = process.log.length;
    return isQuiet;
  }, 'the process does nothing more');
}

/** The lists of both users show the session that the browser has, and none that nobody has. */
async function expectListed(what: string, store: IndexedSessions, browser: Visitor): Promise<void> {
  const manager = new SessionManager(store.store);
  const listed = async (userId: string) => (await manager.list(userId)).sessions.map(({ handle }) => handle);
  const record = browser.sid === undefined ? undefined : await store.load(browser.sid);
  const expected = (userId: string) => (record?.userId === userId ? [browser.handle] : []);
  for (const userId of ['ada', 'grace'])
    await until(
      async () => (await listed(userId)).join() === expected(userId).join(),
      `${userId} finds their own sessions in the list: ${what}`,
    );
}

async function expectSignsIn(what: string, browser: Visitor): Promise<void> {
  await browser.signIn();
  expect([what, await browser.whoami()]).toEqual([what, { id: 'ada' }]);
}

async function cartOf(store: IndexedSessions, sid: Sid): Promise<unknown> {
  const text = (await store.load(sid))?.entries.get('cart');
  return text === undefined ? undefined : JSON.parse(text);
}
