import type { Candidate, Storage } from './candidate.js';
import { COOKIE_NAME, fastifyOf, IDLE_MS, PLAIN_ACCESS, pluginAt, SECRET } from './plain-session.js';

const OPTIONS = {
  cookieName: COOKIE_NAME,
  secret: SECRET,
  saveUninitialized: false,
  cookie: { maxAge: IDLE_MS, secure: 'auto' },
};

/** What people run today, in its cheapest form: a session that is only read is neither stored again nor kept from expiring. */
export const fastifySession: Candidate = fastifySessionWith({
  name: 'fastify-session',
  title: '@fastify/session + connect-redis',
  rolling: false,
});

/** As it comes: every request stores the session, and sets the cookie. */
export const fastifySessionRolling: Candidate = fastifySessionWith({
  name: 'fastify-session-rolling',
  title: "the same, 'rolling: true'",
  extra: true,
  rolling: true,
});

function fastifySessionWith({ rolling, ...description }: Pick<Candidate, 'name' | 'title' | 'extra'> & { rolling: boolean }): Candidate {
  return {
    ...description,
    wire: async (storage) => {
      const [{ default: cookie }, session, store] = await Promise.all([
        import('@fastify/cookie'),
        pluginAt(import.meta.resolve('@fastify/session')),
        connectRedisStore(storage),
      ]);
      return {
        access: PLAIN_ACCESS,
        mount: (app) =>
          fastifyOf(app)
            .register(cookie)
            .register(session, { ...OPTIONS, rolling, store }),
      };
    },
  };
}

async function connectRedisStore({ redisUrl, prefix }: Storage) {
  const [{ RedisStore }, { Redis }] = await Promise.all([import('connect-redis'), import('ioredis')]);
  return new RedisStore({ client: new Redis(redisUrl), prefix });
}
