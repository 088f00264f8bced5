import { describe, expect, it } from '@jest/globals';
import fc, { type Scheduler } from 'fast-check';
import { MemorySessionStore } from '../../src/session/store/memory-session-store.js';
import type { ActiveSession } from '../../src/session/active-session.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { SessionFacts } from '../../src/session/session-record.js';
import type { Handle, Sid } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { generateSid } from '../../src/session/sid.js';
import { OPERATIONS, GUEST_OPERATIONS } from '../support/session-operations.js';
import { Visitor } from '../support/visitor.js';
import { Sessions } from '../../src/session/sessions.js';

const RUNS = { numRuns: 150, seed: 20_261 };
const TIMEOUT = 60_000;
/** Nothing here takes time but turns. */
const PATIENT = { deadline: 600_000, touchAfter: 0 };

const STORE_CALLS = ['find', 'create', 'save', 'touch', 'rotate', 'destroy', 'describe', 'revoke', 'compareAndSet'] as const;
const INDEX_CALLS = ['reserve', 'confirm', 'refresh', 'remove', 'leave', 'fence', 'page', 'nearest'] as const;

interface Outcome {
  /** With what session the request came. */
  readonly came: Handle | undefined;
  /** With what session it left. */
  readonly left: Handle | undefined;
}

/** A memory store each of whose calls begins and answers when the scheduler says so, and a look at it past that. */
class Harness {
  readonly store: MemorySessionStore;
  readonly told = new Set<Handle>();
  readonly #created = new Set<Handle>();
  readonly #describe: MemorySessionStore['describe'];
  readonly #index: { names: () => Promise<Handle[]> };

  constructor(
    readonly scheduler: Scheduler,
    options: StoreOptions = {},
  ) {
    this.store = new MemorySessionStore({ ...PATIENT, ...options });
    this.#describe = this.store.describe.bind(this.store);
    const page = this.store.index.page.bind(this.store.index);
    this.#index = { names: async () => (await page('ada', { limit: 500 })).sessions.map(({ handle }) => handle) };
    Sessions.of(this.store).events.on('created', ({ handle }) => this.#created.add(handle));
  }

  /** From now on the scheduler decides. */
  begin(): void {
    schedule(this.scheduler, this.store, STORE_CALLS);
    schedule(this.scheduler, this.store.index, INDEX_CALLS);
  }

  names(): Promise<Handle[]> {
    return this.#index.names();
  }

  /** Sessions of that user that are alive. */
  async alive(userId = 'ada'): Promise<Handle[]> {
    const facts = await this.#describe([...this.#created]);
    const isTheirs = (one: SessionFacts | undefined): one is SessionFacts => one?.userId === userId;
    return facts.filter(isTheirs).map(({ handle }) => handle);
  }

  /** A request of that browser. What it is refused with does not matter here. */
  async request(visitor: Visitor, operation: (session: ActiveSession) => unknown): Promise<Outcome> {
    const tab = visitor.clone();
    let came: Handle | undefined;
    const before = tab.sid;
    try {
      await tab.request(async (session) => {
        came = session.record?.userId === 'ada' ? session.handle : undefined;
        await operation(session);
      });
    } catch {
      tab.sid = before;
    }
    const left = tab.sid === before ? undefined : tab.sid && tab.handle;
    if (tab.sid !== undefined) this.told.add(tab.handle);
    return { came, left };
  }
}

function schedule(scheduler: Scheduler, target: object, names: readonly string[]): void {
  for (const name of names) {
    const call = (Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>).bind(target);
    Object.defineProperty(target, name, {
      value: async (...args: unknown[]) => {
        await scheduler.schedule(Promise.resolve(), `${name} begins`);
        const answer = await call(...args);
        await scheduler.schedule(Promise.resolve(), `${name} answers`);
        return answer;
      },
    });
  }
}

const sids = fc.constantFrom<() => Sid>(generateSid, () => `custom ${generateSid()}` as Sid);
const operations = fc.array(fc.record({ browser: fc.nat(2), operation: fc.constantFrom(...Object.values(OPERATIONS)) }), { maxLength: 6 });
const guestOperations = fc.array(fc.record({ browser: fc.nat(1), operation: fc.constantFrom(...Object.values(GUEST_OPERATIONS)) }), {
  maxLength: 3,
});

describe('a race', () => {
  it.each(['revokeAll', 'revokeOthers'] as const)(
    'with %s leaves nothing alive that was there before it, or that was made of it',
    async (call) => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), sids, operations, guestOperations, async (scheduler, genid, requests, guestRequests) => {
          const harness = new Harness(scheduler);
          const visitors = await Promise.all([0, 1, 2].map(() => new Visitor(harness.store, undefined, genid).signIn()));
          const guests = [0, 1].map(() => new Visitor(harness.store, undefined, genid));
          await guests[0]!.request(({ entries }) => entries.set('cart', ['tea']));
          for (const visitor of visitors) harness.told.add(visitor.handle);
          const [spared] = visitors;
          const manager = new SessionManager(harness.store);
          harness.begin();

          let before: readonly Handle[] = [];
          let after: readonly Handle[] = [];
          const revoke = async () => {
            await scheduler.schedule(Promise.resolve(), 'the call begins');
            before = (await harness.alive()).filter((handle) => call === 'revokeAll' || handle !== spared!.handle);
            // Whose session has gone meanwhile is refused, and ends nothing.
            const answer = await (call === 'revokeAll' ? manager.revokeAll('ada') : manager.revokeOthers('ada', spared!.handle)).catch(
              () => undefined,
            );
            if (answer === undefined) before = [];
            after = await harness.alive();
          };
          const outcomes = await scheduler.waitFor(
            Promise.all([
              revoke(),
              ...requests.map(({ browser, operation }) => harness.request(visitors[browser]!, operation)),
              ...guestRequests.map(({ browser, operation }) => harness.request(guests[browser]!, operation)),
            ]),
          );
          await scheduler.waitIdle();

          expect(after.filter((handle) => before.includes(handle))).toEqual([]);
          const alive = await harness.alive();
          expect(alive.filter((handle) => before.includes(handle))).toEqual([]);
          for (const outcome of outcomes)
            if (outcome?.came !== undefined && before.includes(outcome.came)) expect(alive).not.toContain(outcome.left);
          await expectNames(harness, manager);
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );

  it.each(['evict-oldest', 'evict-least-recent', 'reject'] as const)(
    'of sign-ins with maxSessionsPerUser leaves no more than that, with %s',
    async (policy) => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.integer({ min: 1, max: 3 }),
          operations,
          guestOperations,
          async (scheduler, limit, requests, guestRequests) => {
            const harness = new Harness(scheduler, { maxSessionsPerUser: { limit, policy } });
            const signIns = Array.from({ length: 3 }, () => new Visitor(harness.store));
            const visitors: Visitor[] = [];
            for (let n = 0; n < Math.min(limit, 2); n++) visitors.push(await new Visitor(harness.store).signIn());
            for (const visitor of visitors) harness.told.add(visitor.handle);
            harness.begin();
            await scheduler.waitFor(
              Promise.all([
                ...signIns.map((visitor) => harness.request(visitor, OPERATIONS.login)),
                ...requests.map(({ browser, operation }) => harness.request(visitors[browser % visitors.length]!, operation)),
                ...guestRequests.map(({ operation }) => harness.request(new Visitor(harness.store), operation)),
              ]),
            );
            await scheduler.waitIdle();
            expect((await harness.alive()).length).toBeLessThanOrEqual(limit);
            await expectNames(harness, new SessionManager(harness.store));
          },
        ),
        RUNS,
      );
    },
    TIMEOUT,
  );

  it(
    'of sign-ins that are refused beyond the limit lets exactly as many in',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 4 }), async (scheduler, limit, dead) => {
          const harness = new Harness(scheduler, { maxSessionsPerUser: { limit, policy: 'reject' } });
          for (let n = 0; n < Math.min(dead, limit); n++) await harness.store.destroy((await new Visitor(harness.store).signIn()).sid!);
          harness.begin();
          const outcomes = await scheduler.waitFor(
            Promise.all(Array.from({ length: 6 }, () => harness.request(new Visitor(harness.store), OPERATIONS.login))),
          );
          await scheduler.waitIdle();
          const signedIn = outcomes.flatMap(({ left }) => left ?? []);
          expect([signedIn.length, (await harness.alive()).toSorted()]).toEqual([limit, signedIn.toSorted()]);
        }),
        RUNS,
      );
    },
    TIMEOUT,
  );
});

/** After one listing the index names all that is alive, and nothing else; and nothing is alive that nobody was told of. */
async function expectNames(harness: Harness, manager: SessionManager): Promise<void> {
  const listed = await harness.scheduler.waitFor(manager.list('ada'));
  const alive = (await harness.alive()).toSorted();
  expect(listed.sessions.map(({ handle }) => handle).toSorted()).toEqual(alive);
  expect((await harness.names()).toSorted()).toEqual(alive);
  for (const handle of [...alive, ...(await harness.alive('grace'))]) expect(harness.told).toContain(handle);
}
