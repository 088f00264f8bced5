import type { IncomingMessage, ServerResponse } from 'node:http';
import { sessionStoreOf } from './express-session/express-store-facade.js';
import { refusedFor, requestRefusal } from './http/csrf/csrf-check.js';
import { csrfOptionProblems, resolveCsrfOption, type CsrfOptions } from './http/csrf/csrf-options.js';
import { refuseCrossOrigin } from './http/csrf/csrf.middleware.js';
import { builtinSessionMiddleware } from './http/request/builtin-session.middleware.js';
import { commitExplicitly, loadExplicitly } from './http/request/explicit-session.js';
import type { HttpSession } from './http/request/http-session.js';
import { keepRuntime } from './http/request/runtime-owners.js';
import type { Http2SessionHandler, NodeRequest, NodeResponse, SessionHandler } from './http/request/session-handler.js';
import { sessionOf } from './http/request/session-of.js';
import type { SessionOptions } from './http/request/session-options.js';
import { proxyOptionProblems, resolveProxyOption } from './http/request/trusted-proxies.js';
import { RedisSessionConfigError } from './redis-session.errors.js';
import { openRuntime, ungrouped, type SessionMiddlewareOptions } from './redis-session.without-nest.js';

/**
 * The session middleware without Nest: a plain `(req, res, next)`.
 *
 * ```ts
 * app.use(sessionMiddleware({ secret, store: new RedisSessionStore(redis, { prefix: 'shop:sess:' }) }));
 * ```
 *
 * With `csrf`, a request that a page of another site may have sent is refused here, before its session is loaded; handlers mounted before
 * this middleware are exempt.
 *
 * Throws `RedisSessionConfigError` when the options are wrong. A request that cannot be answered because of its session gets an error with
 * `statusCode` and `headers`, as the error handlers of Express and connect understand them.
 *
 * @publicApi
 */
export function sessionMiddleware(options: SessionMiddlewareOptions): SessionHandler & Http2SessionHandler {
  const runtime = openRuntime(options);
  const serve = builtinSessionMiddleware(runtime, sessionStoreOf(runtime));
  const refuse = refuseCrossOrigin(runtime.settings, runtime.header);
  const both: SessionHandler = (request, response, next) =>
    refuse(request, response, (error) => {
      if (error === undefined) serve(request, response, next);
      else next(error);
    });
  // A request and a response of HTTP/2 have all that is used of those of HTTP/1.
  const handler = (runtime.settings.csrf.everywhere ? both : serve) as SessionHandler & Http2SessionHandler;
  keepRuntime(handler, runtime);
  return handler;
}

/**
 * Sessions by two calls, for servers without middleware. Nothing of the request's response is patched.
 *
 * @publicApi
 */
export interface NodeSessions {
  /**
   * Loads the session of a request, which is then also `sessionOf(request)` and `request.session`. A second call gives you the same.
   *
   * Rejects with `SessionStoreUnavailableError` if the session couldn't be loaded. The request can go on without it, and `commitSession()`
   * does nothing then. With `csrf`, rejects with `CrossOriginError` if a page of another site may have sent the request.
   */
  loadSession(this: void, request: NodeRequest): Promise<HttpSession>;
  /**
   * Stores what the request has changed, and sets the session's headers (`Set-Cookie`, `Cache-Control`, `Vary`) on the response. Await it
   * before you write the head. What you change afterwards is not stored, unless you call it again or a method of the session stores it.
   *
   * Rejects if the session couldn't be stored, and leaves the response as it was: answer with the error's `statusCode` (503 if Redis doesn't
   * answer; 500 if it has none) and `headers`. Does nothing for a request whose session wasn't loaded.
   */
  commitSession(this: void, request: NodeRequest, response: NodeResponse): Promise<void>;
}

/**
 * Sessions by two calls, for servers without middleware.
 *
 * ```ts
 * const { loadSession, commitSession } = nodeSessions({ secret, store: new RedisSessionStore(redis) });
 * createServer(async (request, response) => {
 *   const session = await loadSession(request);
 *   await session.login({ id: 'ada' });
 *   await commitSession(request, response);
 *   response.end();
 * });
 * ```
 *
 * Throws `RedisSessionConfigError` when the options are wrong.
 *
 * @publicApi
 */
export function nodeSessions(options: SessionMiddlewareOptions): NodeSessions {
  const runtime = openRuntime(options);
  const { settings } = runtime;
  const sessionStore = sessionStoreOf(runtime);
  const sessions: NodeSessions = {
    // A request and a response of HTTP/2 have all that is used of those of HTTP/1.
    loadSession: async (request) => {
      const refusal = settings.csrf.everywhere ? requestRefusal(request as IncomingMessage, settings, runtime.header) : undefined;
      if (refusal !== undefined) throw refusedFor(refusal);
      await loadExplicitly(runtime, request as IncomingMessage, sessionStore);
      return sessionOf(request);
    },
    commitSession: (request, response) => commitExplicitly(request as IncomingMessage, response as ServerResponse),
  };
  keepRuntime(sessions, runtime);
  return sessions;
}

/**
 * Refuses requests that a page of another site may have sent, as `CsrfGuard` does, where there are no guards: before what is mounted on
 * the web framework itself, in Nest or without it. They get an error with `statusCode` 403 and a `reason`.
 *
 * ```ts
 * app.use('/queues', csrfMiddleware(), queuesRouter);
 * ```
 *
 * Throws `RedisSessionConfigError` when the options are wrong.
 *
 * @param proxy as `proxy` of the session options: whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed
 * @publicApi
 */
export function csrfMiddleware({ proxy, ...options }: CsrfOptions & Pick<SessionOptions, 'proxy'> = {}): SessionHandler &
  Http2SessionHandler {
  const problems = [...csrfOptionProblems(options).map(ungrouped('session.csrf')), ...proxyOptionProblems(proxy).map(ungrouped('session'))];
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  return refuseCrossOrigin({ csrf: resolveCsrfOption(options), proxy: resolveProxyOption(proxy) }) as SessionHandler & Http2SessionHandler;
}
