import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../src/index.js';
import type { Terms } from '../src/session/session-record.js';
import type { Sid } from '../src/session/sid.js';
import { Sessions } from '../src/session/sessions.js';
import { generateSid } from '../src/session/sid.js';
import { userId, type SampleSession } from './app/sample-session.js';
import { IDLE_MS } from './candidates/plain-session.js';

/** The session of a user, by number. */
export type Sample = (user: number) => SampleSession;

/** Stores the sessions of users 0 to `count` as their middleware would, through the store itself. */
export type Fill = (client: Redis, count: number, sample: Sample) => Promise<void>;

const AT_ONCE = 500;

/** What express-session gives a cookie with `maxAge`. */
const COOKIE = { originalMaxAge: IDLE_MS, httpOnly: true, path: '/' };
export const TERMS: Terms = { idle: IDLE_MS, cookie: undefined, wholeCookie: COOKIE };

export const fillWithConnectRedis: Fill = async (client, count, sample) => {
  const store = new RedisStore({ client, prefix: 'sess:' });
  const expires = new Date(Date.now() + IDLE_MS);
  await forAll(count, async (user) => {
    // As long as express-session's own: 24 random bytes.
    const sid = generateSid().slice(0, 32);
    await store.set(sid, { cookie: { ...COOKIE, expires }, ...sample(user) } as Partial<SessionData> as SessionData);
  });
};

export const fillWithOurs: Fill = async (client, count, sample) => {
  await createSessions(Sessions.of(new RedisSessionStore(client)), count, sample);
};

/** And names each session in its user's index, as a sign-in does. */
export const fillWithOursIndexed: Fill = async (client, count, sample) => {
  const store = new RedisSessionStore(client);
  const sessions = Sessions.of(store);
  const sids = await createSessions(sessions, count, sample);
  const endsAt = (await sessions.now()) + IDLE_MS;
  await forAll(count, async (user) => {
    const handle = sessions.handleOf(sids[user] ?? generateSid());
    await store.index.refresh(userId(user), { handle, indexedAt: Date.now() }, Math.ceil(endsAt));
  });
};

/** Answers the sids, in the order of the users. */
export async function createSessions(sessions: Sessions, count: number, sample: Sample): Promise<readonly Sid[]> {
  const sids: Sid[] = [];
  await forAll(count, async (user) => {
    const entries = new Map(Object.entries(sample(user)).map(([name, value]) => [name, JSON.stringify(value)]));
    const sid = generateSid();
    sids[user] = sid;
    // As a sign-in does, which has its entry in the index a moment before.
    await sessions.create(sid, { entries, terms: TERMS, userId: userId(user), indexedAt: Date.now() - 2 });
  });
  return sids;
}

async function forAll(count: number, each: (user: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
