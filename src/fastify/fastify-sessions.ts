import type { FastifyInstance, FastifyRequest, onRequestHookHandler, onSendHookHandler } from 'fastify';
import { RedisSessionConfigError } from '../redis-session.errors.js';
import { builtinSessionMiddleware } from '../http/request/builtin-session.middleware.js';
import { assignSession, whileAnswerable } from '../http/request/http-transport.js';
import { clientOf, keepClient } from '../http/request/request-client.js';
import { stateOf } from '../http/request/request-state.js';
import { sessionViewIn } from '../http/request/session-access.js';
import type { SessionHandler } from '../http/request/session-handler.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { fastifySessionOf, type FastifySession } from './fastify-session.js';
import { FastifyTransport } from './fastify-transport.js';

const SESSION = 'session';

/** The code of Fastify's error for a second decorator of a name. */
const ALREADY_PRESENT = 'FST_ERR_DEC_ALREADY_PRESENT';

/** Marks the instances whose requests have our `session`, by whichever of several modules. */
const DECORATED = Symbol('requests are decorated with a session');

/** The sessions of one runtime, on a Fastify instance: loaded in `onRequest`, committed in `onSend`. */
export class FastifySessions {
  readonly #serve: SessionHandler;
  readonly #serveBuffered: SessionHandler;

  constructor(
    private readonly runtime: SessionRuntime,
    sessionStore: object,
  ) {
    this.#serve = builtinSessionMiddleware(runtime, sessionStore, FastifyTransport);
    this.#serveBuffered = builtinSessionMiddleware(runtime, sessionStore);
  }

  /** Gives the requests of an instance their `session`, and commits what {@link handle} loads. Fastify gives a hook to plugins that were loaded before, too. */
  install(instance: FastifyInstance): void {
    if (this.runtime.settings.middleware === 'express-session')
      throw new RedisSessionConfigError([
        '"session.middleware" must not be "express-session" on Fastify, which has no place for that package. Leave it out, or create the application with @nestjs/platform-express.',
      ]);
    decorateRequests(instance);
    instance.addHook('onSend', this.#onSend);
  }

  /**
   * Loads the session of Node's own request. When no hook has said which Fastify request it is, it may have been none of Fastify's: the response is
   * buffered, as on Express.
   */
  readonly handle: SessionHandler = (request, response, next) => {
    if (clientOf(request) === undefined) this.#serveBuffered(request, response, next);
    else this.#serve(request, response, next);
  };

  /** Lets Node's request know Fastify's, and loads the session. */
  readonly onRequest: onRequestHookHandler = (request, reply, done) => {
    identifyRequest(request);
    this.handle(request.raw, reply.raw, done as (error?: unknown) => void);
  };

  readonly #onSend: onSendHookHandler = (request, reply, payload, done) => {
    const transport = stateOf(request)?.transport;
    if (!(transport instanceof FastifyTransport) || transport.runtime !== this.runtime) return done(null, payload);
    const sent = transport.send(reply, payload);
    // Fastify catches what is wrong with a payload in a promise, and in a call of `done` that comes at once, not in one that comes later.
    if (sent instanceof Promise) return sent;
    done(null, sent);
  };
}

/** Lets Node's request know Fastify's. */
export function identifyRequest(request: FastifyRequest): void {
  keepClient(request.raw, request);
}

function decorateRequests(instance: FastifyInstance): void {
  if (DECORATED in instance) return;
  if (instance.hasRequestDecorator(SESSION)) throw alreadyDecorated();
  instance.decorateRequest(SESSION, {
    getter(this: FastifyRequest) {
      // A route has one, unless it was destroyed, or is of a path that the cookie does not cover.
      return readSession(this) as FastifySession;
    },
    setter(this: FastifyRequest, value: unknown) {
      const state = stateOf(this);
      if (state !== undefined) assignSession(state, value);
    },
  });
  Object.defineProperty(instance, DECORATED, { value: true });
  sayWhoElse(instance);
}

/** `null` when the session was destroyed, as with @fastify/session; `undefined` where no session was loaded. */
function readSession(request: FastifyRequest): FastifySession | null | undefined {
  const state = stateOf(request);
  return state && whileAnswerable(state, () => sessionViewIn(state, fastifySessionOf) ?? null);
}

/**
 * Fastify's own error for a second decorator does not say what to do about it. And it is thrown in a plugin, where most often nobody catches it: it
 * would end the process. The start fails instead.
 */
function sayWhoElse(instance: FastifyInstance): void {
  const { decorateRequest } = instance;
  let isTaken = false;
  const withWords = function (this: FastifyInstance, ...args: Parameters<typeof decorateRequest>): FastifyInstance {
    try {
      return decorateRequest.apply(this, args);
    } catch (error) {
      if (args[0] !== SESSION || (error as { code?: unknown }).code !== ALREADY_PRESENT) throw error;
      isTaken = true;
      return this;
    }
  };
  instance.decorateRequest = withWords as typeof decorateRequest;
  instance.addHook('onReady', (done) => done(isTaken ? alreadyDecorated() : undefined));
}

function alreadyDecorated(): RedisSessionConfigError {
  return new RedisSessionConfigError([
    'Only one plugin may give Fastify\'s requests a "session", and another one does, such as @fastify/session or @fastify/secure-session. Remove that plugin, or give its session another name: @fastify/secure-session has "sessionName" for that.',
  ]);
}
