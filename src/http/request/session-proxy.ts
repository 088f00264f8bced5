import { inspect } from 'node:util';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { ACTIVE_SESSION } from '../../session/active-session.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import { answerCall, checkEntryName, EXPRESS_NAMES, isMember, memberOf, type SessionOwner } from './session-members.js';

const COOKIE = 'cookie';

/** Under which name a session object tells whose it is. Nobody else has the symbol, and a `WeakMap` costs the collector of garbage more. */
const OWNER = Symbol('owner');

/**
 * The prototype of a session: express-session's methods with that package's lengths, by which libraries tell whether a method takes a callback.
 * Without one they return a promise.
 */
class Session {
  save(callback?: (error?: unknown) => void): unknown {
    const owner = ownerBehind(this);
    return answerCall(owner, owner.save(), callback, this);
  }

  reload(callback?: (error?: unknown) => void): unknown {
    const owner = ownerBehind(this);
    return answerCall(owner, owner.reload(), callback, this);
  }

  regenerate(callback?: (error?: unknown) => void): unknown {
    const owner = ownerBehind(this);
    return answerCall(owner, owner.regenerate(), callback, this);
  }

  destroy(callback?: (error?: unknown) => void): unknown {
    const owner = ownerBehind(this);
    return answerCall(owner, owner.destroy(), callback, this);
  }

  touch(): this {
    ownerBehind(this).touch();
    return this;
  }

  resetMaxAge(): this {
    ownerBehind(this).touch();
    return this;
  }

  /** `console.log` would look past the proxy and see nothing. */
  [inspect.custom](): object {
    return Object.assign({}, this);
  }
}

/** Those that are a session's own there, and out of sight. */
const HIDDEN_NAMES = ['req', 'id'];

/** What both views of one session hold beside its entries: what has symbols for names. The prototype gives what every session has. */
export function createTarget(): object {
  return Object.create(Session.prototype) as object;
}

/** `req.session`: express-session's names, and every other one is an entry. */
export function createExpressSession(owner: SessionOwner, target: object): ExpressSession {
  return new Proxy(target, new ExpressSessionTraps(owner)) as ExpressSession;
}

/** What `sessionOf()` and `@Session()` give: the same entries, and our members out of sight of JSON, spread and `for…in`. */
export function createHttpSession(owner: SessionOwner, target: object): HttpSession {
  return new Proxy(target, new HttpSessionTraps(owner)) as HttpSession;
}

/** Of an object that is one of the two views, whose it is; `undefined` for any other, one that inherits from a view too. */
export function ownerOf(session: object): SessionOwner | undefined {
  const owner = (session as { [OWNER]?: SessionOwner })[OWNER];
  return owner?.isView(session) === true ? owner : undefined;
}

/** The value of an entry, also of one that a member of ours hides, and of the cookie. */
export function readEntry(session: HttpSession, name: string): unknown {
  if (name === COOKIE) return session.cookie;
  const entries = ownerOf(session)?.active.entries;
  return entries?.has(name) === true ? entries.get(name) : undefined;
}

/** Of the session that a method was called on, or of what inherits from it. */
function ownerBehind(session: object): SessionOwner {
  const owner = (session as { [OWNER]?: SessionOwner })[OWNER];
  if (owner === undefined)
    throw new SessionMisuseError('This is a method of a session. Call it on that: req.session.save(), not a copy of its "save" alone.');
  return owner;
}

class ExpressSessionTraps implements ProxyHandler<object> {
  // Private at run time too: `util.inspect` with `showProxy` shows the handler, and the sid is behind it.
  readonly #owner: SessionOwner;

  constructor(owner: SessionOwner) {
    this.#owner = owner;
  }

  protected get owner(): SessionOwner {
    return this.#owner;
  }

  get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'symbol') return name === OWNER ? this.#owner : Reflect.get(target, name, receiver);
    if (name === COOKIE) return this.#owner.shownCookie;
    if (EXPRESS_NAMES.has(name)) {
      if (name === 'id') return this.#owner.active.sid;
      return name === 'req' ? this.#owner.request : Reflect.get(target, name, receiver);
    }
    const { entries } = this.#owner.active;
    return entries.has(name) ? entries.get(name) : Reflect.get(target, name, receiver);
  }

  set(target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return Reflect.set(target, name, value);
    if (name === COOKIE) {
      this.#owner.setCookie(value);
      return true;
    }
    this.checkWritable(name);
    this.#owner.active.entries.set(name, value);
    return true;
  }

  deleteProperty(target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return Reflect.deleteProperty(target, name);
    this.checkWritable(name);
    this.#owner.active.entries.remove(name);
    return true;
  }

  has(target: object, name: string | symbol): boolean {
    return Reflect.has(target, name) || (typeof name === 'string' && (HIDDEN_NAMES.includes(name) || this.isVisible(name)));
  }

  ownKeys(target: object): (string | symbol)[] {
    const entries = this.#owner.active.entries.names().filter((name) => name !== COOKIE && this.isVisible(name));
    return [...HIDDEN_NAMES, COOKIE, ...entries, ...Object.getOwnPropertySymbols(target)];
  }

  getOwnPropertyDescriptor(target: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol') return Reflect.getOwnPropertyDescriptor(target, name);
    const isHidden = HIDDEN_NAMES.includes(name);
    if (!isHidden && !this.isVisible(name)) return undefined;
    return { value: this.get(target, name, target), writable: !isHidden, enumerable: !isHidden, configurable: true };
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

  /** Whether JSON, spread and `for…in` show a property of that name. */
  protected isVisible(name: string): boolean {
    return name === COOKIE || (!EXPRESS_NAMES.has(name) && this.#owner.active.entries.has(name));
  }

  protected checkWritable(name: string): void {
    checkEntryName(this.#owner, name);
  }
}

class HttpSessionTraps extends ExpressSessionTraps {
  override get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (name === ACTIVE_SESSION) return this.owner.active;
    if (typeof name === 'symbol' || !isMember(name)) return super.get(target, name, receiver);
    if (this.owner.active.entries.has(name)) this.owner.tellHidden(name);
    return memberOf(this.owner, name);
  }

  override has(target: object, name: string | symbol): boolean {
    return (typeof name === 'string' && isMember(name)) || super.has(target, name);
  }

  protected override isVisible(name: string): boolean {
    return !isMember(name) && super.isVisible(name);
  }

  protected override checkWritable(name: string): void {
    super.checkWritable(name);
    if (isMember(name))
      throw new SessionMisuseError(
        `The session has a member ${JSON.stringify(name)}, which cannot be changed. Choose another name, or write the entry by req.session, where no member has that name.`,
      );
  }
}
