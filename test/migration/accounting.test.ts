import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Random } from '../../faults/load/random.js';
import { startRelease } from '../../faults/migration/applications.js';
import { Fleet } from '../../faults/migration/fleet.js';
import { brokenPromises, emptyAccount, type MoveAccount } from '../../faults/migration/move-account.js';
import { JOURNEY, move } from '../../faults/migration/move.js';
import { RELEASES, type Release, type ReleaseOrder } from '../../faults/migration/release.js';
import { User } from '../../faults/migration/user.js';
import { keysWithoutTtl } from '../support/keys-without-ttl.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const USERS = 3;
/** What each user does at least while one process is replaced. */
const ACTS = 4;
/** In ms. A machine that is busy with other things must not make a request miss its deadline. */
const PATIENCE = 60_000;
const DAY = 86_400_000;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterEach(() => redis.client().flushall());
afterAll(() => redis.stop());

interface Journey {
  readonly journey: readonly Release[];
  readonly middleware?: ReleaseOrder['middleware'];
  readonly beforeCheck?: (users: readonly User[]) => Promise<void>;
}

async function accountOf({ journey, middleware = 'builtin', beforeCheck }: Journey): Promise<MoveAccount> {
  const account = emptyAccount();
  const connection = `${redis.url}?commandTimeout=${PATIENCE}`;
  const fleet = new Fleet((release) => startRelease({ release, middleware, redis: connection, deadline: PATIENCE }));
  const user = (number: number) => new User(`user-${number}`, fleet, new Random(number), new Random(-number), account);
  const users = Array.from({ length: USERS }, (_, index) => user(index + 1));
  try {
    await move({
      journey,
      fleet,
      users,
      absent: [user(USERS + 1), user(USERS + 2)],
      stage: () => (acts) => acts < ACTS,
      afterEach: async () => {
        account.keysWithoutTtl += (await keysWithoutTtl(redis.client())).length;
      },
      beforeCheck: async () => beforeCheck?.(users),
    });
  } finally {
    await fleet.stop();
  }
  return account;
}

describe('the account of a rolling deploy of the old application', () => {
  const journey: readonly Release[] = ['old', 'old'];
  const sessions = () => redis.client().keys('sess:*');

  /** What was done to sessions that the application did not do, before the deploy and after it. */
  const tampered = (tamper: (key: string) => Promise<unknown>) =>
    accountOf({
      journey,
      beforeCheck: async () => {
        for (const key of await sessions()) await tamper(key);
      },
    });

  test('finds nothing amiss, and counts apart what instances overwrite of each other', async () => {
    const account = await accountOf({ journey });
    expect(brokenPromises(account)).toEqual([]);
    expect(account.writes).toBeGreaterThan(0);
    expect(account.ends.old).toBeGreaterThan(0);
  });

  test('sees browsers that are signed out', async () => {
    const account = await tampered((key) => redis.client().del(key));
    expect(account.signedOut).toBeGreaterThan(0);
  });

  test('sees acknowledged writes that are lost', async () => {
    const account = await tampered(async (key) => {
      const { cookie, shopper } = JSON.parse((await redis.client().get(key)) ?? '') as Record<string, unknown>;
      await redis.client().set(key, JSON.stringify({ cookie, shopper }), 'KEEPTTL');
    });
    expect(account.lostWrites.old).toBeGreaterThan(0);
  });

  test('sees sessions that live again after they were ended', async () => {
    const account = await accountOf({
      journey,
      beforeCheck: async ([user]) => {
        await user?.arrive();
        const stored = new Map<string, string>();
        for (const key of await sessions()) stored.set(key, (await redis.client().get(key)) ?? '');
        await user?.leave();
        for (const [key, value] of stored) await redis.client().set(key, value, 'PX', DAY, 'NX');
      },
    });
    expect(account.undoneEnds.old).toBeGreaterThan(0);
  });

  test('sees keys without TTL', async () => {
    const account = await tampered((key) => redis.client().persist(key));
    expect(account.keysWithoutTtl).toBeGreaterThan(0);
  });
});

describe.each(['builtin', 'express-session'] as const)('with the middleware %s', (middleware) => {
  test('a move to hashes, back, and on again signs nobody out, loses nothing that was acknowledged, and leaves ended what was ended', async () => {
    const account = await accountOf({ journey: JOURNEY, middleware });
    expect(brokenPromises(account)).toEqual([]);
    for (const release of RELEASES) expect(account.ends[release]).toBeGreaterThan(0);
  });
});
