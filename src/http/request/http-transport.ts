import type { IncomingMessage, ServerResponse } from 'node:http';
import { RedisSessionError, SessionMisuseError } from '../../redis-session.errors.js';
import { errorResponseOf } from '../response/error-response.js';
import { giveWhenRefused } from '../response/refusal-headers.js';
import { canBeAnswered } from '../response/response-headers.js';
import type { ExpressSession } from './http-session.js';
import { runInContextOf } from './request-context.js';
import { stateOf, type RequestState } from './request-state.js';
import { expressSessionIn, sidIn, statusOf } from './session-access.js';
import type { Next } from './session-handler.js';
import { sessionOfView } from './session-proxy.js';
import type { SessionRuntime } from './session-runtime.js';
import { SessionTransport } from './session-transport.js';

/** In the absolute form, what stands before the path. A server must take that form too (RFC 9112, section 3.2.2). */
const BEFORE_PATH = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

/** What the middlewares put on a request. */
export interface SessionRequest extends IncomingMessage {
  session?: ExpressSession | null | undefined;
  sessionID?: string | undefined;
  sessionStore?: object | undefined;
}

/** A property of all requests that have a session. */
export type SessionProperty = PropertyDescriptor & ThisType<SessionRequest>;

/** `req.session`. */
export const SESSION_PROPERTY: SessionProperty = {
  configurable: true,
  enumerable: true,
  get() {
    const state = stateOf(this);
    return state && readSession(state);
  },
  set(value: unknown) {
    const state = stateOf(this);
    if (state !== undefined) assignSession(state, value);
  },
};

const SESSION_ID: SessionProperty = {
  configurable: true,
  enumerable: true,
  get() {
    const state = stateOf(this);
    return state && sidIn(state);
  },
  /** Takes any other value, as a plain property would. */
  set(value: unknown) {
    Object.defineProperty(this, 'sessionID', { configurable: true, enumerable: true, writable: true, value });
  },
};

/** Throws only while that can be answered: nobody catches what an access log throws, and the process would end. */
export function readSession(state: RequestState): ExpressSession | null | undefined {
  return whileAnswerable(state, () => expressSessionIn(state));
}

export function whileAnswerable<View>(state: RequestState, read: () => View): View | undefined {
  try {
    return read();
  } catch (error) {
    if (state.transport.canBeAnswered) throw error;
    return undefined;
  }
}

export function assignSession(state: RequestState, value: unknown): void {
  state.isAsked = true;
  if (statusOf(state) === 'failed') return;
  if (value === null || value === undefined) {
    state.status = 'unset';
    state.transport.watchClient();
  } else if (typeof value !== 'object' || state.current === undefined || sessionOfView(value) !== state.current)
    throw new SessionMisuseError('req.session cannot be replaced by another object. Assign its entries, or call session.regenerate().');
}

/** Whether somebody gave the request a session already. Asking for ours would make one, or throw when it could not be loaded. */
export function hasSession(request: SessionRequest): boolean {
  const state = stateOf(request);
  if (state !== undefined && state.status !== 'pending') return true;
  try {
    return Boolean(request.session);
  } catch {
    return true; // That of another version of this package could not be loaded, and says so to whoever needs it.
  }
}

/**
 * Gives a request what express-session would. The properties are its own, so that nothing that requests share is changed; their functions
 * are not, since closures for each request cost 2 us (docs/performance.md).
 */
function defineProperties(request: SessionRequest, sessionStore: object | undefined, session = SESSION_PROPERTY): void {
  Object.defineProperty(request, 'session', session);
  Object.defineProperty(request, 'sessionID', SESSION_ID);
  request.sessionStore = sessionStore;
}

/** A request, as Node has it. */
export abstract class RequestTransport extends SessionTransport {
  constructor(
    runtime: SessionRuntime,
    override readonly request: SessionRequest,
    /** What `req.sessionStore` is. */
    private readonly sessionStore: object | undefined,
    private readonly property = SESSION_PROPERTY,
  ) {
    super(runtime, request);
  }

  /** Whether the cookie is for this request at all. */
  get isInPath(): boolean {
    const { path = '/' } = this.runtime.cookie.fixedOptions ?? this.configuredCookie;
    return isInPath(this.request, path);
  }

  expose(): void {
    defineProperties(this.request, this.sessionStore, this.property);
    this.isExposed = true;
  }
}

/** A request and its response. */
export abstract class HttpTransport extends RequestTransport {
  constructor(
    runtime: SessionRuntime,
    request: SessionRequest,
    readonly response: ServerResponse,
    sessionStore: object | undefined,
    property?: SessionProperty,
  ) {
    super(runtime, request, sessionStore, property);
  }

  get canBeAnswered(): boolean {
    return canBeAnswered(this.request, this.response);
  }

  protected translate(error: unknown): unknown {
    if (!(error instanceof RedisSessionError)) return error;
    const translated = this.runtime.translate(error);
    // Not by whoever answers with it, so that they are there with the application's own filters too.
    if (translated !== error) this.giveWhenRefused(errorResponseOf(error)?.headers ?? {});
    return translated;
  }

  /** Gives the response those headers when it turns out to be a refusal. */
  protected giveWhenRefused(headers: Readonly<Record<string, string>>): void {
    giveWhenRefused(this.response, headers);
  }
}

export function signedInTooLate(): SessionMisuseError {
  return new SessionMisuseError(
    'An identity was put into a session after the response had begun, or its client had gone. The new id that such a session gets can no longer be sent, so none of the changes was stored. Assign the identity before the response, and call session.login() where you can.',
  );
}

/** Goes on with the session on the request, unless there is an error. What `next` throws is the application's, which knows what becomes of it. */
export function continueWithSession(transport: SessionTransport, next: Next, failure?: unknown): void {
  if (failure !== undefined) return next(failure);
  try {
    transport.expose();
  } catch (error) {
    return next(error);
  }
  goOn(transport, next);
}

/** The handlers' turn, in the context of the request where the application has asked for contexts. */
export function goOn({ runtime, request }: SessionTransport, next: () => void): void {
  if (runtime.hasContext) runInContextOf(request, next);
  else next();
}

/** Whether a cookie's path covers the request, as browsers see it: `/admin` covers `/admin/x`, not `/administrator` (RFC 6265, section 5.1.4). */
function isInPath(request: IncomingMessage, path: string): boolean {
  if (path === '/') return true;
  const requested = requestedPath(request);
  return requested.startsWith(path) && (path.endsWith('/') || requested.length === path.length || requested[path.length] === '/');
}

/** The path that was asked for, as the browser knows it: before any mount point, without query and fragment. */
function requestedPath(request: IncomingMessage): string {
  const { originalUrl = request.url ?? '/' } = request as { originalUrl?: string };
  const [target = ''] = originalUrl.split(/[?#]/, 1);
  return target.startsWith('/') ? target : target.replace(BEFORE_PATH, '') || '/';
}
