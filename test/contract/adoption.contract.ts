import { afterEach, describe, expect, it } from '@jest/globals';
import { adoptSession, type Adoption } from '../../src/session/adoption.js';
import { Deadline } from '../../src/session/deadline.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { SessionEventMap } from '../../src/session/session-event-map.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid, newSid, type Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { Barrier } from '../support/barrier.js';
import { FAULTS, FaultyProcess } from '../support/faulty-process.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';
import { entriesOf, termsOf, type OpenStore } from './session-store.contract.js';

const REQUESTS = 20;
const DAY = 86_400_000;
/** In ms, for a machine that is busy with other things. */
const PATIENT = 60_000;
const REASON = 'password-changed';
/** In ms. */
const IDLE = 600_000;
/** Less than the five minutes that pass: what is left of such a session by then is left since it was made from a credential. */
const SHORT_IDLE = 200_000;

/** A store that several processes can share. `later` has five minutes pass, and all words that last no longer are gone. */
export type OpenAdoptingStore = (options: StoreOptions) => Promise<OpenStore & { later(): Promise<void> }>;

/** One credential: what docs/security.md promises of it, whatever else happens at the same time. */
export function describeAdoption(name: string, open: OpenAdoptingStore): void {
  describe(`sessions that are made from a credential, ${name}`, () => {
    const deadlines: Deadline[] = [];
    afterEach(() => {
      for (const deadline of deadlines.splice(0)) deadline.done();
    });

    async function start(options: StoreOptions = {}) {
      const { store, later } = await open({ deadline: PATIENT, logErrors: false, ...options });
      const sessions = sessionsOf(store);
      sessions.adoptFor(DAY);
      const sid = generateSid();
      const since = Math.floor(await sessions.now()) - 60_000;
      const made: SessionEventMap['adopted'][] = [];
      sessions.events.on('adopted', (event) => void made.push(event));
      return { sessions, manager: new SessionManager(store), sid, since, later, made };
    }

    /** A request with the credential. `process`: the one that serves it. */
    async function request(process: Sessions, sid: Sid, since: number, idle = IDLE): Promise<Adoption> {
      const deadline = new Deadline(process.settings.deadline);
      deadlines.push(deadline);
      const draft = {
        entries: entriesOf({ identity: { id: 'ada' } }),
        terms: termsOf(idle),
        userId: 'ada',
        authenticatedAt: since,
        adoptedUntil: since + DAY,
      };
      return adoptSession(process, [sid], draft, deadline);
    }

    const isServed = (adoption: Adoption) => 'record' in adoption;
    const named = async (manager: SessionManager) => (await manager.list('ada')).sessions.map(({ handle }) => handle);

    /** A process of its own over the same store, whose calls of that name wait. */
    function heldProcess(sessions: IndexedSessions, call: string, count = 1) {
      const process = new FaultyProcess(sessions.store);
      const barrier = new Barrier(count);
      process.hold(call, barrier);
      return { others: Sessions.of(process.store), barrier };
    }

    it(`${REQUESTS} requests at once make one session`, async () => {
      const { sessions, manager, sid, since } = await start();
      const { others, barrier } = heldProcess(sessions, 'create', REQUESTS);
      const made: unknown[] = [];
      others.events.on('adopted', (event) => void made.push(event));
      const requests = Promise.all(Array.from({ length: REQUESTS }, () => request(others, sid, since)));
      await barrier.full;
      barrier.open();
      const served = await requests;
      expect(served.every(isServed)).toBe(true);
      expect(new Set(served.map((one) => 'record' in one && one.record.createdAt)).size).toBe(1);
      expect(made).toEqual([{ handle: sessions.handleOf(sid), userId: 'ada' }]);
      expect(await named(manager)).toEqual([sessions.handleOf(sid)]);
    });

    it('a request that has found no session makes none once another one has made it and signed out', async () => {
      const { sessions, sid, since, later } = await start();
      const { others, barrier } = heldProcess(sessions, 'reserve');
      const slow = request(others, sid, since);
      await barrier.full;
      expect(isServed(await request(sessions, sid, since))).toBe(true);
      await sessions.destroy(sid);
      barrier.open();
      expect(await slow).toEqual({ refusedReason: undefined });
      await later();
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: undefined });
    });

    it('revokeAll() before anybody came with the credential refuses it, also five minutes later', async () => {
      const { sessions, manager, sid, since, later } = await start();
      await manager.revokeAll('ada', REASON);
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: REASON });
      await later();
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: REASON });
      expect(isServed(await request(sessions, generateSid(), Math.floor(await sessions.now()) + 1_000))).toBe(true);
    });

    it('a session that revokeAll() has met between its name and itself never comes to be, for nobody', async () => {
      const { sessions, manager, sid, since, later } = await start();
      const process = new FaultyProcess(sessions.store);
      const [created, confirmed] = [new Barrier(1), new Barrier(1)];
      process.before = async (name) => {
        if (name === 'create') await created.pass();
        if (name === 'confirm') await confirmed.pass();
      };
      const slow = request(Sessions.of(process.store), sid, since);
      await created.full;
      await manager.revokeAll('ada', REASON);
      created.open();
      // Where it were stored now, another request would find it before it is refused.
      await Promise.race([slow, confirmed.full]);
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: REASON });
      confirmed.open();
      expect(await slow).toEqual({ refusedReason: REASON });
      expect(await sessions.load(sid)).toBeUndefined();
      await later();
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: REASON });
    });

    it('a session that revokeAll() has met before it was confirmed is ended, for everybody', async () => {
      const { sessions, manager, sid, since, later } = await start();
      const { others, barrier } = heldProcess(sessions, 'confirm');
      const slow = request(others, sid, since);
      await barrier.full;
      expect(isServed(await request(sessions, sid, since))).toBe(true);
      await manager.revokeAll('ada', REASON);
      barrier.open();
      expect(await slow).toEqual({ refusedReason: REASON });
      expect(await sessions.load(sid)).toBeUndefined();
      await later();
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: REASON });
    });

    it('a session that is served is named, though the process died that made it', async () => {
      const { sessions, manager, sid, since, later } = await start();
      const process = new FaultyProcess(sessions.store);
      const dead = new Barrier(1);
      process.hold('confirm', dead);
      void request(Sessions.of(process.store), sid, since);
      await dead.full;
      expect(isServed(await request(sessions, sid, since))).toBe(true);
      await later();
      expect(isServed(await request(sessions, sid, since))).toBe(true);
      expect(await named(manager)).toEqual([sessions.handleOf(sid)]);
      expect(await manager.revokeAll('ada')).toBe(1);
      expect(await sessions.load(sid)).toBeUndefined();
    });

    it.each(FAULTS)(
      'when a command %s, whichever it is, the next request has the one session, and the end of that is the end',
      async (fault) => {
        const commands = await logOf();
        for (const place of commands.keys()) {
          const { sessions, manager, sid, since, later } = await start();
          const process = new FaultyProcess(sessions.store);
          process.failNth(place + 1, fault);
          await request(Sessions.of(process.store), sid, since).catch(() => undefined);
          const served = await request(sessions, sid, since);
          expect([place, isServed(served)]).toEqual([place, true]);
          expect([place, await named(manager)]).toEqual([place, [sessions.handleOf(sid)]]);
          await manager.revokeAll('ada', REASON);
          await process.runLate();
          expect([place, await request(sessions, sid, since)]).toEqual([place, { refusedReason: REASON }]);
          await later();
          expect([place, await request(sessions, sid, since)]).toEqual([place, { refusedReason: REASON }]);
          expect([place, await sessions.load(sid)]).toEqual([place, undefined]);
        }
      },
    );

    async function logOf(): Promise<readonly string[]> {
      const { sessions, sid, since } = await start();
      const process = new FaultyProcess(sessions.store);
      await request(Sessions.of(process.store), sid, since);
      expect(process.log).toEqual(['findAdopted', 'reserve', 'create', 'confirm']);
      return process.log;
    }

    const ENDS: Record<string, (given: { sessions: IndexedSessions; manager: SessionManager; sid: Sid }) => Promise<unknown>> = {
      'a sign-out': ({ sessions, sid }) => sessions.destroy(sid),
      'a sign-out after a rotation': async ({ sessions, sid }) => {
        const record = await sessions.load(sid);
        const next = newSid(record!.handle);
        await sessions.rotate(sid, record!, next);
        await sessions.touch(next, (await sessions.load(next))!, termsOf());
        await sessions.destroy(next);
      },
      'a revoke': ({ sessions, manager, sid }) => manager.revoke('ada', sessions.handleOf(sid)),
      'a revokeOthers of another session': async ({ manager, sessions }) => {
        const { record } = (await request(sessions, generateSid(), Math.floor(await sessions.now()) + 1_000)) as {
          record: { handle: string };
        };
        await manager.revokeOthers('ada', record.handle);
      },
    };

    it.each(Object.keys(ENDS))('%s ends the credential, for as long as it could come', async (end) => {
      const given = await start();
      const { sessions, sid, since, later } = given;
      await request(sessions, sid, since, SHORT_IDLE);
      await ENDS[end]!(given);
      expect(isServed(await request(sessions, sid, since))).toBe(false);
      await later();
      expect(isServed(await request(sessions, sid, since))).toBe(false);
      expect(await sessions.load(sid)).toBeUndefined();
    });

    it('a fence spares the session that revokeOthers() leaves alone', async () => {
      const { sessions, manager, sid, since } = await start();
      await request(sessions, sid, since);
      await manager.revokeOthers('ada', sessions.handleOf(sid));
      expect(isServed(await request(sessions, sid, since))).toBe(true);
    });

    it('the session of a user who has proved again who they are is not opened by the credential any more', async () => {
      const { sessions, sid, since } = await start();
      const { record } = (await request(sessions, sid, since)) as { record: NonNullable<Awaited<ReturnType<Sessions['load']>>> };
      const next = newSid(record.handle);
      await sessions.rotate(sid, record, next, { reauthenticated: true });
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: undefined });
      expect(await sessions.load(next)).toMatchObject({ userId: 'ada' });
    });

    it("a session that is another user's by now is not opened by the credential", async () => {
      const { sessions, sid, since } = await start();
      await request(sessions, sid, since);
      const record = (await sessions.load(sid))!;
      await sessions.save(sid, record, { set: new Map(), removed: [], userId: 'grace', indexedAt: since }, termsOf());
      expect(await request(sessions, sid, since)).toEqual({ refusedReason: undefined });
    });

    it('the same key with a later sign-in is a mistake, which is named', async () => {
      const { sessions, sid, since } = await start();
      await request(sessions, sid, since);
      await expect(request(sessions, sid, since + 1)).rejects.toThrow('must name one credential');
    });

    it.each([
      ['evict-oldest', 'evicts the one that signed in first, also where that is the new one'],
      ['reject', 'refuses the credential, and serves it once there is room'],
    ] as const)('maxSessionsPerUser counts: %s %s', async (policy, _does) => {
      const { sessions, manager, since } = await start({ maxSessionsPerUser: { limit: 2, policy } });
      const sids = [1, 2, 3, 0].map((order) => ({ order, sid: generateSid() }));
      const outcomes = [];
      for (const { sid, order } of sids) outcomes.push(isServed(await request(sessions, sid, since + order)));
      const alive = (orders: readonly number[]) =>
        sids.filter(({ order }) => orders.includes(order)).map(({ sid }) => sessions.handleOf(sid));
      if (policy === 'reject') {
        expect(outcomes).toEqual([true, true, false, false]);
        expect(new Set(await named(manager))).toEqual(new Set(alive([1, 2])));
        expect(await request(sessions, sids[2]!.sid, since + 3)).toEqual({ refusedReason: 'too-many-sessions' });
        await sessions.destroy(sids[0]!.sid);
        expect(isServed(await request(sessions, sids[2]!.sid, since + 3))).toBe(true);
      } else {
        expect(outcomes).toEqual([true, true, true, false]);
        expect(new Set(await named(manager))).toEqual(new Set(alive([2, 3])));
        expect(await request(sessions, sids[0]!.sid, since + 1)).toEqual({ refusedReason: 'evicted' });
        expect(await request(sessions, sids[3]!.sid, since)).toEqual({ refusedReason: 'evicted' });
      }
    });

    it('revokeBefore() refuses an earlier credential, with and without a session', async () => {
      const { sessions, manager, sid, since } = await start({ revokeBefore: true });
      const other = generateSid();
      await request(sessions, sid, since);
      await manager.revokeBefore('ada', since + 1, REASON);
      expect(isServed(await request(sessions, sid, since))).toBe(false);
      expect(isServed(await request(sessions, other, since))).toBe(false);
      expect(isServed(await request(sessions, generateSid(), since + 1))).toBe(true);
    });
  });
}
