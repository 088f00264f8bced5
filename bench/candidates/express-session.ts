import { RedisStore } from 'connect-redis';
import expressSession from 'express-session';
import { Redis } from 'ioredis';
import type { Candidate } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, SECRET } from './common.js';

const OPTIONS: expressSession.SessionOptions = {
  name: COOKIE_NAME,
  secret: SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: IDLE_MS },
};

export const memoryStore: Candidate = {
  name: 'memory-store',
  title: 'express-session + MemoryStore',
  access: PLAIN_ACCESS,
  mount: (app) => {
    app.use(expressSession(OPTIONS));
  },
};

/** What people run today. */
export const connectRedis = withConnectRedis({ name: 'connect-redis', title: 'express-session + connect-redis' });

export const connectRedisPipelined = withConnectRedis({
  name: 'connect-redis-pipelined',
  title: 'the same, auto-pipelining',
  enableAutoPipelining: true,
});

function withConnectRedis({
  name,
  title,
  enableAutoPipelining = false,
}: {
  name: string;
  title: string;
  enableAutoPipelining?: boolean;
}): Candidate {
  return {
    name,
    title,
    access: PLAIN_ACCESS,
    mount: (app, redisUrl) => {
      const store = new RedisStore({ client: new Redis(redisUrl, { enableAutoPipelining }), prefix: `${name}:` });
      app.use(expressSession({ ...OPTIONS, store }));
    },
  };
}
