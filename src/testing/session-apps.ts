import type { IncomingMessage, ServerResponse } from 'node:http';
import { runtimesOf } from '../http/request/runtime-owners.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { isThenable } from '../session/thenable.js';

/**
 * Whose sessions a test works with: a Nest application, after `app.init()` or `app.listen()`; an application of Express; an instance of Fastify, once it is
 * ready; or what `sessionMiddleware()` or `nodeSessions()` has returned.
 *
 * @publicApi
 */
export type SessionApp =
  | { getHttpAdapter(): object }
  | { readonly server: object; ready(): unknown }
  | { loadSession(request: IncomingMessage): unknown; commitSession(request: IncomingMessage, response: ServerResponse): unknown }
  | ((request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => unknown);

/** Of a Nest application what tells how far it is. */
interface NestApp {
  getHttpAdapter(): object;
  readonly isInitialized?: boolean;
}

/** Of an application of Express what tells of its middleware: its router, under the name of version 4 or 5. */
interface ExpressApp {
  readonly _router?: ExpressRouter;
  readonly router?: ExpressRouter;
}

interface ExpressRouter {
  readonly stack?: readonly { readonly handle?: unknown }[];
}

/**
 * The sessions that an application serves, by their cookies. Throws where there are none, with the cure.
 *
 * @param method who asks
 */
export function sessionsServedBy(app: SessionApp, method: string): readonly SessionRuntime[] {
  const runtimes = findRuntimes(app, method);
  return runtimes.filter((runtime, index) => !runtimes.slice(0, index).some((other) => other.isSameAs(runtime)));
}

/** Those of that cookie, where there are several. */
export function sessionsOfCookie(app: SessionApp, name: string | undefined, method: string): SessionRuntime {
  const runtimes = sessionsServedBy(app, method);
  const named = name === undefined ? runtimes : runtimes.filter(({ settings }) => settings.name === name);
  const [runtime] = named;
  if (runtime !== undefined && named.length === 1) return runtime;
  const names = runtimes.map(({ settings }) => JSON.stringify(settings.name)).join(', ');
  if (name === undefined)
    throw new SessionMisuseError(
      `${method}() needs the name of a cookie: this application has several kinds of sessions, with the cookies ${names}. Say which with "cookieName".`,
    );
  throw new SessionMisuseError(
    runtime === undefined
      ? `${method}() was given a "cookieName" that this application does not have. Its sessions have the cookies ${names}.`
      : `${method}() cannot tell the sessions of this application apart: several have the cookie ${JSON.stringify(name)}. Give each a "session.name" of its own.`,
  );
}

function findRuntimes(app: SessionApp, method: string): readonly SessionRuntime[] {
  const given: unknown = app;
  // An instance of Fastify is a promise of itself until it is ready.
  if (isThenable(given) && !('server' in given))
    throw new SessionMisuseError(`${method}() needs the application, and was given a promise of it. Await it first.`);
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) throw noApp(method);
  if ('getHttpAdapter' in given && typeof given.getHttpAdapter === 'function') return runtimesOfNest(given as NestApp, method);
  if ('select' in given) throw noHttpApp(method);
  const owner = 'server' in given && typeof given.server === 'object' && given.server !== null ? given.server : given;
  const found = [...runtimesOf(owner), ...runtimesMountedOn(given)];
  if (found.length === 0) throw noSessions(method);
  return found;
}

function runtimesOfNest(app: NestApp, method: string): readonly SessionRuntime[] {
  const found = runtimesOf(app.getHttpAdapter());
  if (found.length > 0) return found;
  if (app.isInitialized === false)
    throw new SessionMisuseError(`${method}() needs an application that has been initialized. Await app.init() or app.listen() first.`);
  throw new SessionMisuseError(
    `${method}() needs an application with sessions, and this one has none. Import RedisSessionModule.forRoot({ … }) or forRootAsync({ … }) in one of its modules.`,
  );
}

/** By the middleware that is mounted on an application of Express itself. */
function runtimesMountedOn(app: object): readonly SessionRuntime[] {
  // In Express 4, asking for `router` throws.
  const { _router: four } = app as ExpressApp;
  const { stack = [] } = four ?? (app as ExpressApp).router ?? {};
  return stack.flatMap(({ handle }) => (typeof handle === 'function' ? runtimesOf(handle) : []));
}

function noApp(method: string): SessionMisuseError {
  return new SessionMisuseError(
    `${method}() needs your application. Give it the Nest application, the Express application, the Fastify instance, or what sessionMiddleware() or nodeSessions() has returned.`,
  );
}

function noHttpApp(method: string): SessionMisuseError {
  return new SessionMisuseError(
    `${method}() needs an application that serves requests, and was given a module. Write const app = module.createNestApplication(); await app.init(). A service alone is tested with createTestSession().`,
  );
}

function noSessions(method: string): SessionMisuseError {
  return new SessionMisuseError(
    `${method}() finds no sessions in this application. On Fastify, register fastifySession and await app.ready() first; on Express, mount sessionMiddleware() on the application, or give the middleware itself.`,
  );
}
