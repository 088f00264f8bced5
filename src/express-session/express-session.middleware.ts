import type { ServerResponse } from 'node:http';
import type expressSession from 'express-session';
import { isTouchDue } from '../http/request/commit-session.js';
import { decideCookie } from '../http/request/cookie-decision.js';
import { RequestCookieFacts } from '../http/request/cookie-facts.js';
import { continueWithSession, goOn, hasSession, type SessionRequest } from '../http/request/http-transport.js';
import { failLoad, loadSession, rotateWhenDue } from '../http/request/load-session.js';
import { isSecureRequest } from '../http/request/request-security.js';
import { currentSession } from '../http/request/session-access.js';
import type { RequestState } from '../http/request/request-state.js';
import type { Next, SessionHandler } from '../http/request/session-handler.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { takesHeaders } from '../http/response/response-headers.js';
import { ExpressSessionTransport } from './express-session-transport.js';
import { ExpressStoreFacade } from './express-store-facade.js';
import { finishHead, leaveOutBadCookie, lookThroughProbe } from './response-corrections.js';

/**
 * express-session itself, over a `SessionStore`. The session is loaded before it is called, so that an outage is ours to answer: it would
 * fail the request, whether it needs a session or not.
 *
 * It writes the head of a response before it saves, so a save that fails at the end of a request can only be logged, and a cookie that is
 * set then (`session.rolling`) has the sid from before a rotation that happened elsewhere while the request was under way. For the same reason
 * the new sid of a rotation is told within the grace only.
 */
export function expressSessionMiddleware(runtime: SessionRuntime, make: typeof expressSession): SessionHandler {
  const store = new ExpressStoreFacade(runtime);
  const theirsFor = (proxy: boolean | undefined): Theirs => {
    const theirMiddleware = (rolling: boolean) => make(optionsFor(runtime, store, { rolling, proxy })) as unknown as SessionHandler;
    return { store, always: theirMiddleware(true), whenChanged: theirMiddleware(false) };
  };
  const { proxy: proxies } = runtime.settings;
  const byFramework = theirsFor(undefined);
  const [trusting, distrusting] = proxies === undefined ? [byFramework, byFramework] : [theirsFor(true), theirsFor(false)];

  return (request: SessionRequest, response, next) => {
    let transport: ExpressSessionTransport | undefined;
    try {
      transport = begin(runtime, request, response, store);
    } catch (error) {
      return next(error);
    }
    if (transport === undefined) return next();
    const { state } = transport;
    loadSession(state, () => {
      if (!isReady(state)) return continueWithSession(transport, next);
      // It trusts everybody or nobody; whom to trust is decided here.
      const theirs = isSecureRequest(request, proxies) ? trusting : distrusting;
      serve(transport, theirs, (error) => {
        const done = (failure: unknown) => (failure === undefined ? goOn(transport, next) : next(failure));
        if (takesHeaders(response)) rotateWhenDue(state, (failure) => done(error ?? failure));
        else done(error);
      });
    });
  };
}

interface Differing {
  /** Whether it sets the cookie on every response. */
  readonly rolling: boolean;
  /** Whether it believes `X-Forwarded-Proto`; `undefined` where Express decides. */
  readonly proxy: boolean | undefined;
}

function optionsFor(runtime: SessionRuntime, store: ExpressStoreFacade, { rolling, proxy }: Differing): expressSession.SessionOptions {
  const { name, secrets, resave, saveUninitialized, unset } = runtime.settings;
  return {
    store: store as unknown as expressSession.Store,
    name,
    secret: [...secrets] as string[],
    resave,
    saveUninitialized,
    unset,
    ...(proxy === undefined ? {} : { proxy }),
    rolling,
    // As a function, so that 'auto' is resolved here: express-session 1.19 does not when given one.
    cookie: (request) => runtime.cookie.configured(request) as expressSession.CookieOptions,
  };
}

/** `undefined` when the request has a session already, as when Nest mounts a middleware on overlapping paths, or the cookie is not for it. */
function begin(
  runtime: SessionRuntime,
  request: SessionRequest,
  response: ServerResponse,
  store: ExpressStoreFacade,
): ExpressSessionTransport | undefined {
  if (hasSession(request)) return undefined;
  const transport = new ExpressSessionTransport(runtime, request, response, store);
  if (!transport.isInPath) return undefined;
  runtime.warnOfUntrustedProxy(request);
  transport.state.sids = runtime.cookie.read(request);
  return transport;
}

/** A `session.genid` that fails fails whoever asks for the session. express-session would fail the request, in a way that leaves it without an answer. */
function isReady(state: RequestState): boolean {
  try {
    return currentSession(state) !== undefined;
  } catch (error) {
    failLoad(state, error);
    return false;
  }
}

interface Theirs {
  readonly store: ExpressStoreFacade;
  /** Sets the cookie on every response. */
  readonly always: SessionHandler;
  /** Sets it when the session is new or has changed. */
  readonly whenChanged: SessionHandler;
}

/** Has express-session serve the request, as if its cookie were the one of the session that was loaded, or none. Goes on once. */
function serve(transport: ExpressSessionTransport, { store, always, whenChanged }: Theirs, next: Next): void {
  const { state, request, response, runtime } = transport;
  let isServed = false;
  const restoreCookie = replaceCookie(request, state.loaded === undefined ? '' : runtime.cookie.headerOf(state.loaded.sid));
  const served = (error?: unknown) => {
    // It calls that again when the save at the end of a response failed, when it is too late to answer anything else.
    if (isServed) return error === undefined ? undefined : runtime.logError(error);
    isServed = true;
    restoreCookie();
    transport.isLooking = false;
    store.ask(undefined);
    lookThroughProbe(transport, store);
    leaveOutBadCookie(transport);
    next(error);
  };
  try {
    transport.isTouched = isTouchDue(state);
    const theirs = decideCookie(new RequestCookieFacts(state, transport.isTouched)) === 'set' ? always : whenChanged;
    finishHead(transport);
    transport.isLooking = true;
    store.ask(state);
    theirs(request, response, served);
  } catch (error) {
    // What is thrown after that is the application's, which knows what becomes of it.
    if (isServed) throw error;
    isServed = true;
    next(error);
  } finally {
    restoreCookie();
    store.ask(undefined);
  }
}

/**
 * express-session reads one cookie of the name, and takes what cookie-parser has verified with other secrets. Returns what shows it the cookies of the
 * request again.
 */
function replaceCookie({ headers }: SessionRequest, header: string): () => void {
  const { cookie } = headers;
  headers.cookie = header;
  return () => {
    if (cookie === undefined) delete headers.cookie;
    else headers.cookie = cookie;
  };
}
