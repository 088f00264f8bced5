import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import type { ExpressSession } from './http-session.js';
import { statusOf } from './open-session.js';
import { stateOf, type RequestState } from './request-state.js';
import { expressSessionIn, sidIn } from './session-access.js';
import { sessionOfView } from './session-proxy.js';

/** What the middlewares put on a request. */
export interface SessionRequest extends IncomingMessage {
  session?: ExpressSession | null | undefined;
  sessionID?: string | undefined;
  sessionStore?: object | undefined;
}

/** A property of all requests that have a session. */
export type SessionProperty = PropertyDescriptor & ThisType<SessionRequest>;

/** `req.session`. */
export const SESSION: SessionProperty = {
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
  try {
    return expressSessionIn(state);
  } catch (error) {
    if (state.transport.canBeAnswered) throw error;
    return undefined;
  }
}

function assignSession(state: RequestState, value: unknown): void {
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
export function defineProperties(request: SessionRequest, sessionStore: object | undefined, session = SESSION): void {
  Object.defineProperty(request, 'session', session);
  Object.defineProperty(request, 'sessionID', SESSION_ID);
  request.sessionStore = sessionStore;
}
