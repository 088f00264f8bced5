import type { SessionOptions } from 'express-session';
import type { Candidate, Storage } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, SECRET } from './plain-session.js';

const OPTIONS: SessionOptions = {
  name: COOKIE_NAME,
  secret: SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: IDLE_MS },
};

export const memoryStore: Candidate = expressSession({
  name: 'memory-store',
  title: 'express-session + MemoryStore',
  extra: true,
  storeOf: () => Promise.resolve({}),
});

/** What people run today. */
export const connectRedis: Candidate = expressSession({
  name: 'connect-redis',
  title: 'express-session + connect-redis',
  storeOf: (storage) => connectRedisStore(storage, false),
});

export const connectRedisPipelined: Candidate = expressSession({
  name: 'connect-redis-pipelined',
  title: 'the same, auto-pipelining',
  extra: true,
  storeOf: (storage) => connectRedisStore(storage, true),
});

async function connectRedisStore({ redisUrl, prefix }: Storage, enableAutoPipelining: boolean): Promise<Pick<SessionOptions, 'store'>> {
  const [{ RedisStore }, { Redis }] = await Promise.all([import('connect-redis'), import('ioredis')]);
  return { store: new RedisStore({ client: new Redis(redisUrl, { enableAutoPipelining }), prefix }) };
}

function expressSession({
  storeOf,
  ...description
}: Pick<Candidate, 'name' | 'title' | 'extra'> & { storeOf: (storage: Storage) => Promise<Pick<SessionOptions, 'store'>> }): Candidate {
  return {
    ...description,
    wire: async (storage) => {
      const { default: middleware } = await import('express-session');
      const options = { ...OPTIONS, ...(await storeOf(storage)) };
      return { access: PLAIN_ACCESS, mount: (app) => app.use(middleware(options)) };
    },
  };
}
