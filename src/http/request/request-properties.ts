import type { IncomingMessage } from 'node:http';
import type { Sid } from '../../session/sid.js';
import type { ExpressSession } from './http-session.js';
import { contextOf } from './request-context.js';

/** What the middlewares put on a request. */
export interface SessionRequest extends IncomingMessage {
  session?: ExpressSession | null | undefined;
  sessionID?: string | undefined;
  sessionStore?: object | undefined;
}

/** What the properties are answered from. */
interface RequestProperties {
  /** What `req.session` is. */
  property: unknown;
  readonly sid: Sid | undefined;
  readonly sessionStore?: object | undefined;
  readonly isInPath: boolean;
}

function sessionOf(request: IncomingMessage): RequestProperties | undefined {
  return contextOf(request);
}

const SESSION: PropertyDescriptor & ThisType<SessionRequest> = {
  configurable: true,
  enumerable: true,
  get() {
    return sessionOf(this)?.property;
  },
  set(value: unknown) {
    const exchange = sessionOf(this);
    if (exchange !== undefined) exchange.property = value;
  },
};

const SESSION_ID: PropertyDescriptor & ThisType<SessionRequest> = {
  configurable: true,
  enumerable: true,
  get() {
    return sessionOf(this)?.sid;
  },
  /** Takes any other value, as a plain property would. */
  set(value: unknown) {
    Object.defineProperty(this, 'sessionID', { configurable: true, enumerable: true, writable: true, value });
  },
};

/** Whether somebody gave the request a session already. Asking for ours would make one, or throw when it could not be loaded. */
export function hasSession(request: SessionRequest): boolean {
  if (sessionOf(request)?.isInPath === true) return true;
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
export function defineProperties(request: SessionRequest, sessionStore: object | undefined): void {
  Object.defineProperty(request, 'session', SESSION);
  Object.defineProperty(request, 'sessionID', SESSION_ID);
  request.sessionStore = sessionStore;
}
