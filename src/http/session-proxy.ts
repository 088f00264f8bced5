import { inspect } from 'node:util';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { HttpSession } from './http-session.js';
import { checkWritable, isMember, memberOf, type SessionOwner } from './session-members.js';

const COOKIE = 'cookie';

/** Of every session object. `console.log` would look past the proxy and see nothing. */
const PROTOTYPE = Object.create(Object.prototype, {
  [inspect.custom]: {
    value(this: HttpSession) {
      return { ...this };
    },
  },
}) as object;

/** Under which name a session object tells whose it is. Nobody else has the symbol, and a `WeakMap` costs the collector of garbage more. */
const OWNER = Symbol('owner');

/** The object that handlers work with: entries as plain enumerable properties, members out of sight of JSON, spread and `for…in`. */
export function createHttpSession(owner: SessionOwner): HttpSession {
  // The target holds nothing but what has symbols for names; its prototype gives what every object has.
  return new Proxy(Object.create(PROTOTYPE) as object, new HttpSessionTraps(owner)) as HttpSession;
}

/** `undefined` for a session object that is not ours. */
export function ownerOf(session: object): SessionOwner | undefined {
  return (session as { [OWNER]?: SessionOwner })[OWNER];
}

/** The value of an entry, also of one that a member's name hides; else of the member of that name. */
export function readSession(session: HttpSession, name: string): unknown {
  const owner = ownerOf(session);
  if (owner?.active.entries.has(name) === true) return owner.active.entries.get(name);
  if (name !== COOKIE && !isMember(name)) return undefined;
  const value: unknown = Reflect.get(session, name);
  return typeof value === 'function' ? undefined : value;
}

class HttpSessionTraps implements ProxyHandler<object> {
  constructor(private readonly owner: SessionOwner) {}

  get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'symbol') return name === OWNER ? this.#ownerAs(receiver) : Reflect.get(target, name, receiver);
    if (name === COOKIE) return this.owner.cookie;
    if (isMember(name)) return memberOf(this.owner, name);
    const { entries } = this.owner.active;
    return entries.has(name) ? entries.get(name) : Reflect.get(target, name, receiver);
  }

  /** An object that inherits from the session is not the session. */
  #ownerAs(receiver: unknown): SessionOwner | undefined {
    return receiver === this.owner.object ? this.owner : undefined;
  }

  set(target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return Reflect.set(target, name, value);
    if (name === COOKIE) {
      this.owner.setCookie(value);
      return true;
    }
    checkWritable(this.owner, name);
    this.owner.active.entries.set(name, value);
    return true;
  }

  deleteProperty(target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return Reflect.deleteProperty(target, name);
    checkWritable(this.owner, name);
    this.owner.active.entries.remove(name);
    return true;
  }

  has(target: object, name: string | symbol): boolean {
    return (
      Reflect.has(target, name) || (typeof name === 'string' && (name === COOKIE || isMember(name) || this.owner.active.entries.has(name)))
    );
  }

  ownKeys(target: object): (string | symbol)[] {
    const entries = this.owner.active.entries.names().filter((name) => name !== COOKIE && !isMember(name));
    return [COOKIE, ...entries, ...Object.getOwnPropertySymbols(target)];
  }

  getOwnPropertyDescriptor(target: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol') return Reflect.getOwnPropertyDescriptor(target, name);
    const isVisible = name === COOKIE || (!isMember(name) && this.owner.active.entries.has(name));
    return isVisible ? { value: this.get(target, name, target), writable: true, enumerable: true, configurable: true } : undefined;
  }

  defineProperty(target: object, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    if (typeof name === 'symbol') return Reflect.defineProperty(target, name, descriptor);
    if (!('value' in descriptor))
      throw new SessionMisuseError(`The session property ${JSON.stringify(name)} cannot be an accessor. Assign a value.`);
    return this.set(target, name, descriptor.value);
  }

  setPrototypeOf(): boolean {
    throw new SessionMisuseError('The prototype of a session cannot be changed.');
  }

  preventExtensions(): boolean {
    throw new SessionMisuseError('A session cannot be frozen. Do not assign to it instead.');
  }
}
