import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { MemorySessionStore, RedisSessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import {
  confirmed,
  firstSecret,
  MOST_OTHERS,
  newestSecret,
  replaceAll,
  rotate,
  withoutGrace,
  type Secrets,
} from '../../src/session/rotation.js';
import { matchSecret, secretAfter } from '../../src/session/secret-check.js';
import type { SecretState, SessionRecord } from '../../src/session/session-record.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid, newSid, secretHashOf } from '../../src/session/sid.js';
import type { RotateOptions } from '../../src/session/store/session-store.js';
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

/** More rotations than secrets are remembered: none of which is presented, or each of which is at once. */
const FULL = [() => 0, (index: number) => index].map((byOf) =>
  Array.from({ length: MOST_OTHERS + 2 }, (_, index): Step => ({ by: byOf(index), do: 'rotate', isEarly: false })),
);

const TERMS = { idle: 600_000, cookie: undefined, wholeCookie: {} };

/** A session whose secrets are replaced, whoever decides on that. `undefined`: it has ended, or the secret is not good. */
interface RotatedSession {
  /** Which secret that sid has. */
  load(sid: Sid): Promise<SecretState | undefined>;
  touch(sid: Sid): Promise<SecretState | undefined>;
  changeUser(sid: Sid): Promise<SecretState | undefined>;
  rotate(
    sid: Sid,
    next: Sid,
    options: Pick<RotateOptions, 'reauthenticated' | 'age'>,
  ): Promise<readonly [isRotated: boolean, SecretState] | undefined>;
}

/** By the pure functions alone. */
class DecidedSession implements RotatedSession {
  #secrets: Secrets;

  constructor(
    first: Sid,
    private readonly grace: number,
  ) {
    this.#secrets = firstSecret(secretHashOf(first));
  }

  async load(sid: Sid) {
    return matchSecret(secretHashOf(sid), this.#secrets, Date.now());
  }

  async touch(sid: Sid) {
    this.#secrets = confirmed(this.#secrets, secretHashOf(sid), this.grace, Date.now());
    return secretAfter(sid, newestSecret(this.#secrets));
  }

  async changeUser(sid: Sid) {
    const secret = await this.touch(sid);
    this.#secrets = withoutGrace(this.#secrets);
    return secret;
  }

  async rotate(sid: Sid, next: Sid, { reauthenticated, age }: Pick<RotateOptions, 'reauthenticated' | 'age'>) {
    const presented = secretHashOf(sid);
    const request = { presented, own: presented, next: secretHashOf(next), age, grace: this.grace, now: Date.now() };
    const { outcome, secrets } = (reauthenticated ? replaceAll : rotate)(this.#secrets, request);
    if (outcome === 'ended') return undefined;
    if (outcome === 'unchanged') return [false, secretAfter(sid, newestSecret(secrets))] as const;
    this.#secrets = secrets;
    return [true, 'current'] as const;
  }
}

async function inStore(store: Sessions, first: Sid): Promise<RotatedSession> {
  await store.create(first, { entries: new Map(), terms: TERMS, userId: 'ada' });
  const recordOf = async (sid: Sid) => (await store.load(sid)) as SessionRecord;
  const toEve = { set: new Map<string, string>(), removed: [], userId: 'eve' };
  return {
    load: async (sid) => (await store.load(sid))?.secret,
    touch: async (sid) => (await store.touch(sid, await recordOf(sid), TERMS))?.secret,
    changeUser: async (sid) => (await store.save(sid, await recordOf(sid), toEve, TERMS))?.secret,
    rotate: async (sid, next, options) => {
      const rotation = await store.rotate(sid, await recordOf(sid), next, options);
      return rotation && ([rotation.rotated, rotation.record.secret] as const);
    },
  };
}

/** What each step answers, and with which secrets the session can be opened after it. */
async function run(session: RotatedSession, steps: readonly Step[], sids: readonly Sid[]): Promise<unknown[]> {
  const told = sids.slice(0, 1);
  const outcomes: unknown[] = [];
  for (const { by, do: operation, isEarly } of steps) {
    const sid = told[by % told.length]!;
    const next = sids[told.length];
    if ((await session.load(sid)) === undefined || next === undefined) continue;
    if (operation === 'touch') outcomes.push(await session.touch(sid));
    if (operation === 'change user') outcomes.push(await session.changeUser(sid));
    if (operation === 'rotate' || operation === 'reauthenticate') {
      const reauthenticated = operation === 'reauthenticate';
      const rotation = await session.rotate(sid, next, { reauthenticated, age: isEarly ? 10 * 60_000 : 0 });
      if (rotation?.[0] === true) told.push(next);
      outcomes.push(rotation);
    }
    outcomes.push(await Promise.all(told.map((each) => session.load(each))));
  }
  return outcomes;
}

it.each([0, 300])(
  'the script and the memory store decide on rotations as the pure decision does, with a grace of %d s',
  async (rotationGrace) => {
    const client = server.client();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const first = generateSid();
        const sids = [first, ...steps.map(() => newSid(first.slice(0, 22) as never))];
        const [decided, inMemory, inRedis] = await Promise.all([
          run(new DecidedSession(first, rotationGrace * 1_000), steps, sids),
          run(await inStore(Sessions.of(new MemorySessionStore({ rotationGrace })), first), steps, sids),
          run(await inStore(Sessions.of(new RedisSessionStore(client, { rotationGrace, deadline: 20_000 })), first), steps, sids),
        ]);
        expect(inMemory).toEqual(decided);
        expect(inRedis).toEqual(decided);
      }),
      { numRuns: 60, examples: FULL.map((steps) => [steps]) },
    );
  },
);
