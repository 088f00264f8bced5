import type { IncomingMessage } from 'node:http';
import type { Sid } from '../session/sid.js';
import type { HttpSession } from './http-session.js';
import { contextOf } from './request-context.js';
import { sharedPrototypeOf } from './shared-prototype.js';

/** What the middlewares put on a request. */
export interface SessionRequest extends IncomingMessage {
  session?: HttpSession | null | undefined;
  sessionID?: string | undefined;
  sessionStore?: object | undefined;
}

/** What the properties are answered from. */
interface RequestProperties {
  /** What `req.session` is. */
  property: unknown;
  readonly sid: Sid | undefined;
  readonly sessionStore?: object | undefined;
  readonly isInstalled: boolean;
  readonly isInPath: boolean;
}

function sessionOf(request: IncomingMessage): RequestProperties | undefined {
  return contextOf(request);
}

const SESSION_PROPERTY: PropertyDescriptor & ThisType<SessionRequest> = {
  configurable: true,
  enumerable: false,
  get() {
    return sessionOf(this)?.property;
  },
  set(value: unknown) {
    const exchange = sessionOf(this);
    if (exchange?.isInstalled === true) exchange.property = value;
    else replaceProperty(this, 'session', value);
  },
};

const REQUEST_PROPERTIES: PropertyDescriptorMap & ThisType<SessionRequest> = {
  session: SESSION_PROPERTY,
  sessionID: replaceable('sessionID', (request) => sessionOf(request)?.sid),
  sessionStore: replaceable('sessionStore', (request) => {
    const found = sessionOf(request);
    return found?.isInstalled === true ? found.sessionStore : undefined;
  }),
};

/** A property that takes any other value, as a plain one would. */
function replaceable(name: string, get: (request: SessionRequest) => unknown): PropertyDescriptor & ThisType<SessionRequest> {
  return {
    configurable: true,
    enumerable: false,
    get() {
      return get(this);
    },
    set(value: unknown) {
      replaceProperty(this, name, value);
    },
  };
}

const REQUEST_PROPERTY_NAMES = Object.keys(REQUEST_PROPERTIES);

/** Prototypes that have the properties. */
const extended = new WeakSet<object>();

/** Whether somebody gave the request a session already. Asking for ours would make one, or throw when it could not be loaded. */
export function hasSession(request: SessionRequest): boolean {
  if (sessionOf(request)?.isInPath === true) return true;
  const prototype = sharedPrototypeOf(request);
  // Where the property of the prototype is ours, only one of the request itself can be somebody else's.
  if (prototype !== undefined && extended.has(prototype) && !Object.hasOwn(request, 'session')) return false;
  return Boolean(request.session);
}

/**
 * Where requests have a prototype that is there to be extended, the properties go there, once: on each request they cost more than all else
 * that an anonymous one needs (docs/performance.md). Answers whether `session` is the request's own, so that its deletion can be seen.
 *
 * @param isOwn whether it must be
 */
export function defineProperties(request: SessionRequest, isOwn: boolean): boolean {
  const prototype = sharedPrototypeOf(request);
  if (prototype === undefined || REQUEST_PROPERTY_NAMES.some((name) => Object.hasOwn(request, name))) {
    Object.defineProperties(request, REQUEST_PROPERTIES);
    return true;
  }
  if (!extended.has(prototype)) {
    Object.defineProperties(prototype, REQUEST_PROPERTIES);
    extended.add(prototype);
  }
  if (isOwn) Object.defineProperty(request, 'session', SESSION_PROPERTY);
  return isOwn;
}

/** What an assignment does where there is no accessor. */
function replaceProperty(request: object, name: string, value: unknown): void {
  Object.defineProperty(request, name, { configurable: true, enumerable: true, writable: true, value });
}
