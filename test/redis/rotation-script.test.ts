import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { MemorySessionStore, RedisSessionStore, type SessionStore, type Sid } from '../../src/index.js';
import { generateSid, newSid } from '../../src/session/sid.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

type Step = { readonly by: number; readonly do: 'load' | 'touch' | 'rotate' | 'reauthenticate' | 'change user'; readonly isEarly: boolean };

const step: fc.Arbitrary<Step> = fc.record({
  by: fc.nat(5),
  do: fc.constantFrom('load', 'touch', 'rotate', 'rotate', 'reauthenticate', 'change user'),
  isEarly: fc.boolean(),
});

const TERMS = { idle: 600_000, cookie: undefined, wholeCookie: {} };

/** What each step answers, and with which secrets the session can be opened after it. */
async function run(store: SessionStore, steps: readonly Step[], sids: readonly Sid[]): Promise<unknown[]> {
  const [first] = sids;
  await store.create(first!, { entries: new Map(), terms: TERMS, userId: 'ada' });
  const told = [first!];
  const outcomes: unknown[] = [];
  for (const { by, do: operation, isEarly } of steps) {
    const sid = told[by % told.length]!;
    const record = await store.load(sid);
    const next = sids[told.length];
    const age = isEarly ? 10 * 60_000 : 0;
    if (record === undefined || next === undefined) continue;
    if (operation === 'touch') outcomes.push((await store.touch(sid, record, TERMS))?.secret);
    if (operation === 'change user')
      outcomes.push((await store.save(sid, record, { set: new Map(), removed: [], userId: 'eve' }, TERMS))?.secret);
    if (operation === 'rotate' || operation === 'reauthenticate') {
      const rotation = await store.rotate(sid, record, next, { reauthenticated: operation === 'reauthenticate', age });
      if (rotation?.rotated === true) told.push(next);
      outcomes.push([rotation?.rotated, rotation?.record.secret]);
    }
    outcomes.push(await Promise.all(told.map(async (each) => (await store.load(each))?.secret)));
  }
  return outcomes;
}

it.each([0, 300])('the script decides on rotations as the memory store does, with a grace of %d s', async (rotationGrace) => {
  const client = server.client();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const first = generateSid();
      const sids = [first, ...steps.map(() => newSid(first.slice(0, 22) as never))];
      const [inMemory, inRedis] = await Promise.all([
        run(new MemorySessionStore({ rotationGrace }), steps, sids),
        run(new RedisSessionStore(client, { rotationGrace, deadline: 20_000 }), steps, sids),
      ]);
      expect(inRedis).toEqual(inMemory);
    }),
    { numRuns: 60 },
  );
});
