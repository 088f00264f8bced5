import type { INestApplication } from '@nestjs/common';
import type { SampleIdentity } from '../app/sample-session.js';
import type { BenchRequest, Candidate } from './candidate.js';
import { COOKIE_NAME, fastifyOf } from './plain-session.js';

const COOKIE_START = `${COOKIE_NAME}=`;

/** A middleware of Express, and a hook of Fastify. */
type Load = (request: BenchRequest, response: unknown, next: (error?: Error) => void) => void;

/**
 * The least that a session in a Redis hash can cost a request: one HGETALL, one entry decoded, and for a change one HSET before the answer.
 * No signature, no secret, no expiry, no change noticed, no cookie renewed, and a session that has ended comes back by a change. Not a way
 * to have sessions; it tells how much of ours is ours.
 */
export const bareHgetall: Candidate = bare((app, load) => app.use(load));
export const bareHgetallOnFastify: Candidate = bare((app, load) => {
  fastifyOf(app).decorateRequest('session', null).addHook('onRequest', load);
});

function bare(mount: (app: INestApplication, load: Load) => void): Candidate {
  return {
    name: 'bare-hgetall',
    title: 'a bare HGETALL per request',
    extra: true,
    wire: async ({ redisUrl, prefix }) => {
      const { Redis } = await import('ioredis');
      const redis = new Redis(redisUrl, { enableAutoPipelining: true });
      const keyOf = (cookie: string) => prefix + cookie.slice(COOKIE_START.length);
      let latest = 0;
      return {
        access: {
          identity: (request) => {
            const text = hashOf(request)?.['identity'];
            return text === undefined ? undefined : (JSON.parse(text) as SampleIdentity);
          },
          signIn: async (_request, response, session) => {
            const key = String(++latest).padStart(100, '0');
            const fields = Object.entries(session).flatMap(([name, value]) => [name, JSON.stringify(value)]);
            await redis.hset(prefix + key, ...fields);
            response.header('Set-Cookie', COOKIE_START + key);
          },
          change: async (request, visit) => {
            await redis.hset(keyOf(request.headers.cookie ?? ''), 'visit', JSON.stringify(visit));
          },
          entries: (request) =>
            Object.fromEntries(Object.entries(hashOf(request) ?? {}).map(([name, text]) => [name, JSON.parse(text) as unknown])),
        },
        mount: (app) =>
          mount(app, (request, _response, next) => {
            const { cookie } = request.headers;
            if (cookie === undefined) return next();
            redis.hgetall(keyOf(cookie)).then(
              (hash) => {
                request.session = hash;
                return next();
              },
              (error: Error) => next(error),
            );
          }),
      };
    },
  };
}

function hashOf(request: BenchRequest): Record<string, string> | undefined {
  return request.session as Record<string, string> | undefined;
}
