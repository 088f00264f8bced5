import type { ServerResponse } from 'node:http';
import expressSession from 'express-session';
import { ExpressStoreFacade } from './express-store-facade.js';
import { addVary } from '../http/response/response-headers.js';
import { isTouchDue, rollsCookie } from '../http/request/rolling-cookie.js';
import { Passage } from '../http/request/passage.js';
import { hasSession, type SessionRequest } from '../http/request/request-properties.js';
import type { RequestSession } from '../http/request/request-session.js';
import { SessionExchange } from '../http/request/session-exchange.js';
import { isChangedFor } from './change-probe.js';
import type { SessionHandler } from '../http/request/session-handler.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';

/**
 * express-session itself, over a `SessionStore`. The session is loaded before it is called, so that an outage is ours to answer: it would
 * fail the request, whether it needs a session or not.
 *
 * It writes the head of a response before it saves, so a save that fails at the end of a request can only be logged, and a cookie that is
 * renewed then (`session.rolling`) has the sid from before a rotation that happened elsewhere while the request was under way. For the same reason
 * the new sid of a rotation is told within the grace only.
 */
export function expressSessionMiddleware(runtime: SessionRuntime): SessionHandler {
  const store = new ExpressStoreFacade(runtime);
  const { name, secrets, resave, saveUninitialized, unset, proxy } = runtime.settings;
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
  const late = (error: unknown) => runtime.logError(error);

  return (request: SessionRequest, response, next) => {
    const { attempt, go } = new Passage(next, late);

    const handle = (exchange: SessionExchange) => {
      const { loaded } = exchange;
      const serve = rollsCookie(exchange, loaded !== undefined && isTouchDue(exchange, loaded.record)) ? always : whenChanged;
      if (loaded === undefined && !canStart(exchange)) return go();
      finishHead(exchange);
      const restoreCookies = showCookie(request, loaded === undefined ? '' : runtime.cookie.headerOf(loaded.sid));
      const served = new Passage((error) => {
        restoreCookies();
        exchange.changeProbe = false;
        store.arrive(undefined);
        useChangeProbe(exchange, store);
        leaveOutBadCookie(exchange);
        exchange.renewSecret(() => go(error));
      }, late);
      exchange.changeProbe = true;
      store.arrive(exchange);
      // It calls that again when the save at the end of a response failed, when it is too late to answer anything else.
      try {
        serve(request, response, served.go);
      } finally {
        restoreCookies();
        store.arrive(undefined);
      }
    };

    attempt(() => {
      // Nest may mount a middleware on overlapping paths.
      if (hasSession(request)) return go();
      const exchange = new SessionExchange(runtime, request, response, store);
      if (!exchange.isInPath) return go();
      runtime.checkProxy(request);
      const sids = runtime.cookie.read(request);
      if (sids.length === 0) return handle(exchange);
      exchange.load(sids, (error) =>
        attempt(() => {
          if (error === undefined) return handle(exchange);
          exchange.fail(error);
          go();
        }),
      );
    });
  };
}

/**
 * express-session reads one cookie of the name, and takes what cookie-parser has verified with other secrets. It is to see the one that was loaded, or
 * none. Returns what shows the others again.
 */
function showCookie({ headers }: SessionRequest, header: string): () => void {
  const { cookie } = headers;
  headers.cookie = header;
  return () => {
    if (cookie === undefined) delete headers.cookie;
    else headers.cookie = cookie;
  };
}

/** A `session.genid` that fails fails whoever asks for the session. express-session would fail the request, in a way that leaves it without an answer. */
function canStart(exchange: SessionExchange): boolean {
  try {
    return exchange.current !== undefined;
  } catch (error) {
    exchange.fail(error);
    return false;
  }
}

/** Before a head leaves that express-session has written. It does not know all that there is to be told. */
function finishHead(exchange: SessionExchange): void {
  const { runtime, request, response, loaded } = exchange;
  around(response, 'writeHead', (writeHead) => {
    if (loaded !== undefined) keepNewestCookie(exchange);
    // The cookie of a session that somebody else has ended is dropped, unless this request begins another one: one header, not both.
    else if (exchange.endedReason !== undefined) runtime.cookie.keepLast(response);
    if (isNew(exchange)) runtime.cookie.withholds(request, exchange.used.cookie);
    if (exchange.isAsked) addVary(response, 'Cookie');
    return writeHead();
  });
}

/** Whether express-session tells a sid that the browser does not have yet. Without a word, it does not where the cookie is for https only. */
function isNew(exchange: SessionExchange): exchange is SessionExchange & { readonly used: RequestSession } {
  const { runtime, loaded, used } = exchange;
  return used !== undefined && used.active.sid !== loaded?.sid && (runtime.settings.saveUninitialized || isChangedFor(used));
}

/**
 * The browser has, or is about to get, a newer cookie: that of a rotation, or of a sign-in that ended this session while the request was
 * under way. The one of this request must not take its place. Nobody can be asked any more, so that of a rotation long ago is not sent at all.
 */
function keepNewestCookie({ runtime, request, response, used }: SessionExchange): void {
  if (used === undefined) return;
  const { active, cookie, isCookieChanged } = used;
  // The secret that it came with stays good as long as nobody presents the new one.
  const isOld = active.isLost || active.isRotationReplaceable || active.record?.secret === 'previous';
  if (isOld) runtime.cookie.retract(response);
  // express-session tells of no change that takes the expiry away.
  else if (isCookieChanged && !cookie.expires) runtime.cookie.set(request, response, active.sid, cookie);
}

/**
 * express-session would throw in the midst of `res.end`, after which no answer is ever sent. It begins to save before it writes the head, so this
 * looks first at both.
 */
function leaveOutBadCookie(exchange: SessionExchange): void {
  for (const name of ['writeHead', 'end'] as const)
    around(exchange.response, name, (call) => {
      try {
        exchange.used?.checkCookie();
      } catch (error) {
        exchange.runtime.logError(error);
        exchange.used?.resetCookie();
      }
      return call();
    });
}

/** Lets express-session see the stand-in where it looks at the session again: before the head of the response, and at its end. */
function useChangeProbe(exchange: SessionExchange, store: ExpressStoreFacade): void {
  for (const name of ['writeHead', 'end'] as const)
    around(exchange.response, name, (call) => {
      const before = exchange.changeProbe;
      exchange.changeProbe = true;
      store.leave(exchange);
      try {
        return call();
      } finally {
        store.leave(undefined);
        exchange.changeProbe = before;
      }
    });
}

function around(response: ServerResponse, name: 'writeHead' | 'end', wrapper: (call: () => ServerResponse) => ServerResponse): void {
  const method = response[name] as (...args: unknown[]) => ServerResponse;
  response[name] = function (this: ServerResponse, ...args: unknown[]) {
    return wrapper(() => Reflect.apply<ServerResponse, unknown[], ServerResponse>(method, this, args));
  };
}
