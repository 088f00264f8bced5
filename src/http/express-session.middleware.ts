import type { ServerResponse } from 'node:http';
import expressSession from 'express-session';
import { ExpressSessionStore } from './express-session.store.js';
import { SessionExchange, type SessionRequest } from './session-exchange.js';
import type { Next, SessionHandler } from './session-handler.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * express-session itself, over a `SessionStore`. The session is loaded before it is called, so that an outage is ours to answer: it would
 * fail the request, whether it needs a session or not.
 *
 * It writes the head of a response before it saves, so a save that fails at the end of a request can only be logged.
 */
export function expressSessionMiddleware(runtime: SessionRuntime): SessionHandler {
  const store = new ExpressSessionStore(runtime);
  const { name, secrets, resave, saveUninitialized, unset, proxy, rolling } = runtime.settings;
  const withRolling = (always: boolean) =>
    expressSession({
      store,
      name,
      secret: [...secrets] as string[],
      resave,
      saveUninitialized,
      unset,
      ...(proxy === undefined ? {} : { proxy }),
      rolling: always,
      // As a function, so that 'auto' is resolved here: express-session 1.19 does not when given one.
      cookie: (request) => runtime.cookie.configured(request) as expressSession.CookieOptions,
    }) as unknown as SessionHandler;
  const always = withRolling(true);
  const whenChanged = withRolling(false);

  return (request: SessionRequest, response, next) => {
    // Nest may mount a middleware on overlapping paths. Asking only for the session would throw when it could not be loaded.
    if (SessionExchange.of(request) !== undefined || request.session) return next();
    const exchange = new SessionExchange(runtime, request, response);
    if (!exchange.isInPath) return next();
    runtime.checkProxy(request);
    const sid = runtime.cookie.read(request);

    const handle = () => {
      const { loaded } = exchange;
      const isTouchDue = loaded !== undefined && runtime.store.isTouchDue(loaded.record);
      const isRenewal = rolling === 'touch' && isTouchDue && exchange.current?.cookie.expires instanceof Date;
      const serve = rolling === true || isRenewal ? always : whenChanged;
      if (loaded?.record.secret === 'previous') keepNewerCookie(exchange);
      if (sid !== undefined) store.arrive(exchange);
      serve(request, response, once(next, runtime));
    };
    if (sid === undefined) return handle();
    exchange
      .load(sid)
      .then(handle, (error: unknown) => {
        exchange.fail(error);
        next();
      })
      .catch(next);
  };
}

/** express-session calls `next` again when the save at the end of a response failed. It is too late to answer anything else. */
function once(next: Next, runtime: SessionRuntime): Next {
  let called = false;
  return (error) => {
    if (called) return runtime.logError(error);
    called = true;
    next(error);
  };
}

/** The browser has, or is about to get, the cookie of a rotation. The one of this request must not take its place. */
function keepNewerCookie(exchange: SessionExchange): void {
  const { runtime, response, loaded } = exchange;
  const writeHead = response.writeHead;
  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    if (exchange.used?.active.sid === loaded?.sid) runtime.cookie.retract(this);
    return Reflect.apply(writeHead, this, args) as ServerResponse;
  } as typeof writeHead;
}
