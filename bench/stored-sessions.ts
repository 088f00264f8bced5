import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import { Redis } from 'ioredis';
import { RedisSessionStore, type Lease, type Sid } from '../src/index.js';
import { generateSid } from '../src/session/sid.js';
import type { SampleSession } from './app/sample-session.js';
import { IDLE_MS } from './candidates/common.js';

export interface Sample {
  readonly user: number;
  readonly session: SampleSession;
}

/** Stores sessions as their middleware would, through the store itself, and closes what it opened. */
export type Fill = (redisUrl: string, samples: readonly Sample[]) => Promise<void>;

const AT_ONCE = 500;

/** What express-session gives a cookie with `maxAge`. */
const COOKIE = { originalMaxAge: IDLE_MS, httpOnly: true, path: '/' };
export const LEASE: Lease = { idle: IDLE_MS, cookie: undefined, wholeCookie: COOKIE };

export const fillWithConnectRedis: Fill = async (redisUrl, samples) => {
  const client = new Redis(redisUrl, { enableAutoPipelining: true });
  const store = new RedisStore({ client, prefix: 'sess:' });
  const expires = new Date(Date.now() + IDLE_MS);
  await forAll(samples, async ({ session }) => {
    // As long as express-session's own: 24 random bytes.
    const sid = generateSid().slice(0, 32);
    await store.set(sid, { cookie: { ...COOKIE, expires }, ...session } as unknown as SessionData);
  });
  client.disconnect();
};

export const fillWithOurs: Fill = async (redisUrl, samples) => {
  const client = new Redis(redisUrl, { enableAutoPipelining: true });
  await createSessions(new RedisSessionStore(client), samples);
  client.disconnect();
};

/** Answers the sids, in the order of the samples. */
export async function createSessions(store: RedisSessionStore, samples: readonly Sample[]): Promise<readonly Sid[]> {
  const sids: Sid[] = samples.map(() => generateSid());
  await forAll(samples, async ({ session }, index) => {
    const entries = new Map(Object.entries(session).map(([name, value]) => [name, JSON.stringify(value)]));
    const sid = sids[index];
    if (sid !== undefined) await store.create(sid, { entries, lease: LEASE });
  });
  return sids;
}

async function forAll<T>(items: readonly T[], each: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      const item = items[index];
      if (item !== undefined) await each(item, index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
