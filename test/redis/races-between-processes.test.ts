import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import type { ActiveSession } from '../../src/session/active-session.js';
import { SessionManager } from '../../src/session/session-manager.js';
import type { Handle } from '../../src/session/sid.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { PATIENT } from '../support/connections.js';
import { OPERATIONS, GUEST_OPERATIONS } from '../support/session-operations.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { Visitor } from '../support/visitor.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

const RUNS = { numRuns: 40, seed: 20_262 };
/** Every touch is due. Nobody gives up, however slow the machine is. */
const OPTIONS = { touchAfter: 0, deadline: 20_000 };
const BROWSERS = 4;

let server: RedisServer;
/** As many processes of one application, each with its own connection. */
let processes: OpenRedis<OwnClient>[];
let runs = 0;

beforeAll(async () => {
  server = await startRedis();
  processes = await Promise.all([0, 1, 2].map(() => openRedis({ ...server.options, ...PATIENT }, () => undefined)));
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.close(1_000)));
  await server.stop();
});

function open(options: StoreOptions = {}): readonly RedisSessionStore[] {
  const prefix = `run${++runs}:`;
  return processes.map(({ client }) => new RedisSessionStore(client, { prefix, ...OPTIONS, ...options }));
}

interface Request {
  readonly browser: number;
  readonly process: number;
  readonly operation: (session: ActiveSession) => unknown;
  /** How many turns of the event loop it waits before it begins. */
  readonly turns: number;
}

const request = (operations: Record<string, (session: ActiveSession) => unknown>): fc.Arbitrary<Request> =>
  fc.record({
    browser: fc.nat(BROWSERS - 1),
    process: fc.nat(2),
    operation: fc.constantFrom(...Object.values(operations)),
    turns: fc.nat(12),
  });
const requests = fc.array(request(OPERATIONS), { minLength: 4, maxLength: 12 });
const guestRequests = fc.array(request(GUEST_OPERATIONS), { minLength: 1, maxLength: 6 });

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The session of the user with which the request came, and the one with which it left. What it is refused with does not matter here. */
async function perform(stores: readonly RedisSessionStore[], visitor: Visitor, { process, operation, turns: wait }: Request) {
  const tab = new Visitor(stores[process]!, visitor.sid);
  await turns(wait);
  let came: Handle | undefined;
  const done = await tab
    .request(async (session) => {
      came = session.record?.userId === 'ada' ? session.handle : undefined;
      await operation(session);
    })
    .then(
      () => true,
      () => false,
    );
  return { came, left: done && tab.sid !== undefined && tab.sid !== visitor.sid ? tab.handle : undefined };
}

/** The handles of all sessions of the user that are alive, whatever the index says. */
async function aliveOf(store: RedisSessionStore): Promise<Handle[]> {
  const { prefix } = store.settings;
  const keys = (await server.client().keys(`${prefix}*`)).filter((key) => !key.slice(prefix.length).includes(':'));
  const facts = await store.describe(keys.map((key) => key.slice(prefix.length) as Handle));
  return facts.flatMap((one) => (one?.userId === 'ada' ? [one.handle] : [])).toSorted();
}

/** After one listing the index names all that is alive, and nothing else. */
async function expectNames(store: RedisSessionStore): Promise<void> {
  await new SessionManager(store).list('ada', { limit: 500 });
  const names = (await store.index.page('ada', { limit: 500 })).sessions.map(({ handle }) => handle).toSorted();
  expect(names).toEqual(await aliveOf(store));
}

describe('on a real Redis, in several processes, a race', () => {
  it.each(['revokeAll', 'revokeOthers'] as const)(
    'with %s leaves nothing alive that was there before it, or that was made of it',
    async (call) => {
      await fc.assert(
        fc.asyncProperty(requests, guestRequests, fc.nat(12), async (operations, guestOperations, wait) => {
          const stores = open();
          const [store] = stores as [RedisSessionStore];
          const visitors: Visitor[] = [];
          for (let n = 0; n < BROWSERS; n++) visitors.push(await new Visitor(store).signIn());
          const guests = Array.from({ length: BROWSERS }, () => new Visitor(store));
          await guests[0]!.request(({ entries }) => entries.set('cart', ['tea']));
          const before = visitors.map(({ handle }) => handle).slice(call === 'revokeAll' ? 0 : 1);

          let isDone = true;
          const revoke = async () => {
            await turns(wait);
            const manager = new SessionManager(store);
            const answer = call === 'revokeAll' ? manager.revokeAll('ada') : manager.revokeOthers('ada', visitors[0]!.handle);
            await answer.catch(() => (isDone = false));
            if (isDone) expect((await aliveOf(store)).filter((handle) => before.includes(handle))).toEqual([]);
          };
          const [, ...outcomes] = await Promise.all([
            revoke(),
            ...operations.map((operation) => perform(stores, visitors[operation.browser]!, operation)),
            ...guestOperations.map((operation) => perform(stores, guests[operation.browser]!, operation)),
          ]);
          await Promise.all(stores.map((one) => one.drain()));

          if (isDone) {
            const alive = await aliveOf(store);
            // Sessions that were there all along; those that were made meanwhile may have been made before or after it.
            for (const { came, left } of outcomes)
              if (came !== undefined && before.includes(came) && left !== undefined) expect(alive).not.toContain(left);
          }
          await until(
            () =>
              expectNames(store).then(
                () => true,
                () => false,
              ),
            'the index names what is alive, and nothing else',
          );
          await expectNames(store);
          await assertEveryKeyEnds([server.client()]);
        }),
        RUNS,
      );
    },
  );

  it.each(['evict-oldest', 'evict-least-recent', 'reject'] as const)('of sign-ins leaves no more than may be, with %s', async (policy) => {
    await fc.assert(
      fc.asyncProperty(guestRequests, requests, fc.integer({ min: 1, max: 3 }), async (guestOperations, operations, limit) => {
        const stores = open({ maxSessionsPerUser: { limit, policy } });
        const [store] = stores as [RedisSessionStore];
        const visitor = await new Visitor(store).signIn();
        const signIns = Array.from({ length: 6 }, (_, n) => ({ browser: 0, process: n % 3, operation: OPERATIONS.login, turns: n % 4 }));
        await Promise.all([
          ...signIns.map((operation) => perform(stores, new Visitor(store), operation)),
          ...guestOperations.map((operation) => perform(stores, new Visitor(store), operation)),
          ...operations.map((operation) => perform(stores, visitor, operation)),
        ]);
        await Promise.all(stores.map((one) => one.drain()));
        await until(
          () =>
            expectNames(store).then(
              () => true,
              () => false,
            ),
          'the index names what is alive, and nothing else',
        );
        expect((await aliveOf(store)).length).toBeLessThanOrEqual(limit);
      }),
      RUNS,
    );
  });
});
