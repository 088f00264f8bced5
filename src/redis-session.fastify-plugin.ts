import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { sessionStoreOf } from './express-session/express-store-facade.js';
import type { FastifySession } from './fastify/fastify-session.js';
import { FastifySessions, identifyRequest } from './fastify/fastify-sessions.js';
import { refuseCrossOrigin } from './http/csrf/csrf.middleware.js';
import { keepRuntime } from './http/request/runtime-owners.js';
import type { SessionRuntime } from './http/request/session-runtime.js';
import { openRuntime, type SessionMiddlewareOptions } from './redis-session.without-nest.js';
import { answerWithin } from './session/deadline.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session, with the names of `@fastify/session`; `sessionOf(request)` has `login()`, `logout()` and the rest. */
    session: FastifySession;
  }
}

/**
 * Sessions as a plugin of Fastify 5, without Nest.
 *
 * ```ts
 * await app.register(fastifySession, { secret, store: new RedisSessionStore(redis, { prefix: 'shop:sess:' }) });
 * ```
 *
 * Register it before the plugins and routes that use sessions. It loads the session in `onRequest`, and stores it in `onSend`, before the
 * reply leaves. When the instance closes it waits for writes under way; the store and its client are yours.
 *
 * Registering fails with `RedisSessionConfigError` when the options are wrong.
 *
 * @publicApi
 */
export const fastifySession: FastifyPluginCallback<SessionMiddlewareOptions> = (instance, options, done) => {
  try {
    mount(instance, openRuntime(options));
    done();
  } catch (error) {
    done(error as Error);
  }
};

// What fastify-plugin does: its instance, not a child of it, has the session.
Object.assign(fastifySession, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'nestjs-redis-session',
  [Symbol.for('plugin-meta')]: { name: 'nestjs-redis-session', fastify: '5.x' },
  default: fastifySession,
});

function mount(instance: FastifyInstance, runtime: SessionRuntime): void {
  const { settings, sessions } = runtime;
  const fastify = new FastifySessions(runtime, sessionStoreOf(runtime));
  fastify.install(instance);
  keepRuntime(instance.server, runtime);
  if (settings.csrf.everywhere) {
    const refuse = refuseCrossOrigin(settings, runtime.header);
    instance.addHook('onRequest', (request, reply, done) => {
      identifyRequest(request);
      refuse(request.raw, reply.raw, done as (error?: unknown) => void);
    });
  }
  instance.addHook('onRequest', fastify.onRequest);
  // A store that does not answer within the deadline must not keep the instance from closing.
  instance.addHook('onClose', () => {
    sessions.store.migration?.stop();
    return answerWithin(sessions.settings.deadline, sessions.drain()).catch(() => undefined);
  });
}
