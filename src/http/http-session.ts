import type expressSession from 'express-session';
import { SessionMisuseError, SessionSerializationError } from '../redis-session.errors.js';
import { IDENTITY_ENTRY, type Identity } from '../session/identity.js';
import type { CookieAttributes } from '../session/session-record.js';
import type { Handle } from '../session/sid.js';
import type { RequestSession } from './request-session.js';
import { isMember, memberOf } from './session-members.js';

/** Called once, with the error or nothing. */
export type SessionCallback = (error?: unknown) => void;

/** @publicApi */
export interface LoginOptions {
  /** Entries that survive the sign-in: their names, or `true` for all. Those of another user never do. @default [] */
  keep?: readonly string[] | true | undefined;
}

/**
 * What a session has besides its entries. Every method without a callback returns a promise; one that nobody awaits is logged when it
 * fails, and harms nobody.
 *
 * @publicApi
 */
export interface SessionMembers {
  /** The sid: whoever has it has the session. Never log it; `handle` is its public name. */
  readonly id: string;
  /** The public name of the session, for logs and lists. */
  readonly handle: Handle;
  /** True until the session is first stored. */
  readonly isNew: boolean;
  /** By Redis' clock; `undefined` until the session is first stored. */
  readonly createdAt: Date | undefined;
  /** When the idle timeout last started anew; `undefined` until the session is first stored. */
  readonly lastSeenAt: Date | undefined;
  /** When the session ends if no other request comes; `undefined` until it is first stored. */
  readonly expiresAt: Date | undefined;
  /** Who is signed in. Changed only by `login` and `logout`. */
  readonly identity?: Identity;
  /** The cookie of this session, as express-session has it. Setting its `maxAge` sets the idle timeout too. */
  cookie: expressSession.Cookie;

  /** Stores what changed so far, before the end of the request does. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /** Drops changes that are not stored and reads the session again. Rejects when it has ended. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  /** Ends this session and puts a new, empty one on the request. */
  regenerate(): Promise<void>;
  regenerate(callback: SessionCallback): this;
  /** Ends this session and drops the cookie. The object stays readable. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  /** Moves the expiry of the cookie to `originalMaxAge` from now. */
  touch(): this;
  /** The same as `touch`, under express-session's other name. */
  resetMaxAge(): this;

  /**
   * Signs in. The session gets a new sid, stored before this resolves; the old one is dead by then. Visitor data is dropped unless
   * named in `keep`. Rejects with code `SESSION_GONE` when a signed-in session has ended meanwhile.
   *
   * @see OWASP ASVS 5.0, 7.2.4
   */
  login(identity: Identity, options?: LoginOptions): Promise<void>;
  /** Signs out: ends this session and drops the cookie. */
  logout(): Promise<void>;
  /** Gives the session a new sid and keeps all else; the old one stays good for a short time (`store.rotationGrace`). */
  rotate(): Promise<void>;
}

/**
 * `req.session`: plain properties, typed by declaration merging on express-session's `SessionData`, and {@link SessionMembers}.
 *
 * @publicApi
 */
export type HttpSession = SessionMembers & Omit<Partial<expressSession.SessionData>, keyof SessionMembers>;

declare module 'express-session' {
  interface SessionData {
    /** Who is signed in. Changed only by `login` and `logout`. */
    readonly identity?: Identity;
  }
  interface Session extends Omit<
    SessionMembers,
    'id' | 'cookie' | 'identity' | 'save' | 'reload' | 'regenerate' | 'destroy' | 'touch' | 'resetMaxAge'
  > {
    save(): Promise<void>;
    reload(): Promise<void>;
    regenerate(): Promise<void>;
    destroy(): Promise<void>;
  }
}

const COOKIE = 'cookie';

const owners = new WeakMap<object, RequestSession>();

/** The object that handlers work with: entries as plain enumerable properties, members out of sight of JSON, spread and `for…in`. */
export function createHttpSession(owner: RequestSession): HttpSession {
  // The target holds nothing but what has symbols for names; its prototype gives what every object has.
  const session = new Proxy({}, new HttpSessionTraps(owner)) as HttpSession;
  owners.set(session, owner);
  return session;
}

/** `undefined` for a session object that is not ours. */
export function ownerOf(session: object): RequestSession | undefined {
  return owners.get(session);
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
  constructor(private readonly owner: RequestSession) {}

  get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'symbol') return Reflect.get(target, name, receiver);
    if (name === COOKIE) return this.owner.cookie;
    if (isMember(name)) return memberOf(this.owner, name);
    const { entries } = this.owner.active;
    return entries.has(name) ? entries.get(name) : Reflect.get(target, name, receiver);
  }

  set(target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return Reflect.set(target, name, value);
    if (name === COOKIE) {
      this.owner.setCookie(value as CookieAttributes);
      return true;
    }
    this.#mayWrite(name);
    this.owner.active.entries.set(name, value);
    return true;
  }

  deleteProperty(target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return Reflect.deleteProperty(target, name);
    this.#mayWrite(name);
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
    // express-session wraps `save` and `reload` of each session to know what was saved; here the session itself knows.
    if (typeof descriptor.value === 'function' && isMember(name)) return true;
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

  #mayWrite(name: string): void {
    const quoted = JSON.stringify(name);
    if (this.owner.active.isDestroyed)
      throw new SessionMisuseError(
        `The session was destroyed, so its entry ${quoted} cannot be changed. Use the new session on the request.`,
      );
    if (name === '__proto__') throw new SessionSerializationError('A session entry cannot be called "__proto__". Choose another name.');
    if (name === IDENTITY_ENTRY)
      throw new SessionMisuseError(
        '"identity" is changed only by session.login() and session.logout(). Call one of them, or choose another name.',
      );
    if (isMember(name)) throw new SessionMisuseError(`The session has a member ${quoted}, which cannot be changed. Choose another name.`);
  }
}
