import type { ServerResponse } from 'node:http';
import expressSession from 'express-session';
import { putCookie, setsCookie, takeOffCookie } from '../http/cookie/response-cookies.js';
import { isTouchDue } from '../http/request/commit-session.js';
import { decideCookie, type CookieFacts } from '../http/request/cookie-decision.js';
import { RequestCookieFacts } from '../http/request/cookie-facts.js';
import { exposeSession, HttpTransport } from '../http/request/http-transport.js';
import { failLoad, loadSession, rotateWhenDue } from '../http/request/load-session.js';
import { currentSession, usedSession } from '../http/request/open-session.js';
import { hasSession, readSession, SESSION, type SessionProperty, type SessionRequest } from '../http/request/request-properties.js';
import { keepState, RequestState, stateOf } from '../http/request/request-state.js';
import type { Next, SessionHandler } from '../http/request/session-handler.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { cookieHeader } from '../http/request/tell-cookie.js';
import { addVary, takesHeaders } from '../http/response/response-headers.js';
import type { SecretState } from '../session/session-record.js';
import { changeProbeOf, isChangedFor } from './change-probe.js';
import { ExpressStoreFacade } from './express-store-facade.js';

/**
 * express-session itself, over a `SessionStore`. The session is loaded before it is called, so that an outage is ours to answer: it would
 * fail the request, whether it needs a session or not.
 *
 * It writes the head of a response before it saves, so a save that fails at the end of a request can only be logged, and a cookie that is
 * set then (`session.rolling`) has the sid from before a rotation that happened elsewhere while the request was under way. For the same reason
 * the new sid of a rotation is told within the grace only.
 */
export function expressSessionMiddleware(runtime: SessionRuntime): SessionHandler {
  const store = new ExpressStoreFacade(runtime);
  const theirs = { store, always: theirMiddleware(runtime, store, true), whenChanged: theirMiddleware(runtime, store, false) };

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
      if (!isReady(state)) return exposeSession(transport, next);
      serve(transport, theirs, (error) => {
        if (takesHeaders(response)) rotateWhenDue(state, (failure) => next(error ?? failure));
        else next(error);
      });
    });
  };
}

/** @param rolling whether it sets the cookie on every response */
function theirMiddleware(runtime: SessionRuntime, store: ExpressStoreFacade, rolling: boolean): SessionHandler {
  const { name, secrets, resave, saveUninitialized, unset, proxy } = runtime.settings;
  return expressSession({
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
  }) as unknown as SessionHandler;
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

/** Before a head leaves that express-session has written. It does not know all that there is to be told. */
function finishHead(transport: ExpressSessionTransport): void {
  around(transport.response, 'writeHead', (writeHead) => {
    correctCookie(transport);
    if (transport.wasAsked) addVary(transport.response, 'Cookie');
    return writeHead();
  });
}

/** What express-session leaves open: it sets a cookie for a sid that it does not find newest, never clears one, and does not tell that an expiry was taken off. */
function correctCookie({ state, response, runtime, isTouched }: ExpressSessionTransport): void {
  const { name } = runtime.cookie;
  const facts = new FactsBeforeSave(state, isTouched);
  const action = decideCookie(facts);
  const isSet = setsCookie(response, name);
  if (action === 'nothing' && isSet && state.loaded !== undefined) takeOffCookie(response, name);
  // Of a cookie for https only it says nothing over http, of which the application is to be warned.
  const isLeftOut = action === 'set' && !isSet && (facts.isSidNew || facts.isCookieChanged);
  const header = action === 'clear' || isLeftOut ? cookieHeader(state, action) : undefined;
  if (header !== undefined) putCookie(response, name, header);
}

/** The head leaves before the session is stored, so what will be counts as if it were. */
class FactsBeforeSave extends RequestCookieFacts {
  override get left(): CookieFacts['left'] {
    const left = super.left;
    if (left !== 'unstored') return left;
    const { state } = this;
    // It takes a session with another id for a changed one.
    const isSaved = state.transport.runtime.settings.saveUninitialized || state.isReplaced || this.isWritten;
    return isSaved ? 'stored' : left;
  }

  override get isWritten(): boolean {
    const used = usedSession(this.state);
    return used !== undefined && isChangedFor(used);
  }

  /**
   * The secret that it came with stays good as long as nobody presents the new one. Nobody can be asked any more, so that of a rotation long ago is not
   * sent at all.
   */
  override get secret(): SecretState | undefined {
    return this.state.current?.active.isRotationReplaceable === true ? 'previous' : super.secret;
  }
}

/**
 * express-session would throw in the midst of `res.end`, after which no answer is ever sent. It begins to save before it writes the head, so this
 * looks first at both.
 */
function leaveOutBadCookie({ state, response, runtime }: ExpressSessionTransport): void {
  for (const name of ['writeHead', 'end'] as const)
    around(response, name, (call) => {
      const used = usedSession(state);
      try {
        used?.checkCookie();
      } catch (error) {
        runtime.logError(error);
        used?.resetCookie();
      }
      return call();
    });
}

/** Lets express-session see the change probe where it looks at the session again: before the head of the response, and at its end. */
function lookThroughProbe(transport: ExpressSessionTransport, store: ExpressStoreFacade): void {
  for (const name of ['writeHead', 'end'] as const)
    around(transport.response, name, (call) => {
      const wasLooking = transport.isLooking;
      transport.isLooking = true;
      store.end(transport.state);
      try {
        return call();
      } finally {
        store.end(undefined);
        transport.isLooking = wasLooking;
      }
    });
}

function around(response: ServerResponse, name: 'writeHead' | 'end', wrapper: (call: () => ServerResponse) => ServerResponse): void {
  const method = response[name] as (...args: unknown[]) => ServerResponse;
  response[name] = function (this: ServerResponse, ...args: unknown[]) {
    return wrapper(() => Reflect.apply<ServerResponse, unknown[], ServerResponse>(method, this, args));
  };
}

/** `req.session`: the change probe while express-session looks, else what it is with our own middleware. */
const PROBED_SESSION: SessionProperty = {
  ...SESSION,
  get() {
    const state = stateOf(this);
    if (state === undefined) return undefined;
    const session = (state.transport as ExpressSessionTransport).isLooking ? usedSession(state) : undefined;
    return session === undefined ? readSession(state) : changeProbeOf(session);
  },
};

/** One request under this middleware. */
class ExpressSessionTransport extends HttpTransport {
  readonly state = new RequestState(this);
  #isLooking = false;
  #wasAsked = false;
  /** Whether the request starts the idle timeout anew. */
  isTouched = false;

  constructor(runtime: SessionRuntime, request: SessionRequest, response: ServerResponse, store: ExpressStoreFacade) {
    super(runtime, request, response, store, PROBED_SESSION);
    keepState(request, this.state);
  }

  /** Whether express-session is looking at the session, which does not mean that the answer depends on it. */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  set isLooking(isLooking: boolean) {
    if (isLooking === this.#isLooking) return;
    this.#isLooking = isLooking;
    if (isLooking) this.#wasAsked = this.state.isAsked;
    else this.state.isAsked = this.#wasAsked;
  }

  get wasAsked(): boolean {
    return this.#isLooking ? this.#wasAsked : this.state.isAsked;
  }

  get hasBegun(): boolean {
    return this.response.headersSent;
  }

  get isHeadOut(): boolean {
    return this.response.headersSent;
  }

  get hasEnded(): boolean {
    return this.response.writableEnded;
  }

  /** It tells of a new session in the head, and stores it at the end. */
  get canBegin(): boolean {
    return !this.hasBegun || setsCookie(this.response, this.runtime.cookie.name);
  }

  takesNewSid(): boolean {
    this.runtime.warnOfKeptSid();
    return false;
  }

  watchClient(): void {
    // It saves at the end of a response, whether its client has gone or not.
  }
}
