import { inspect } from 'node:util';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { ACTIVE_SESSION } from '../../session/active-session.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import type { RequestSession } from './request-session.js';
import { destroySession, regenerateSession, reloadSession, saveSession } from './session-calls.js';
import { answerCall, checkEntryName, EXPRESS_NAMES, isMember, memberOf } from './session-members.js';

const COOKIE = 'cookie';

/** Under which name a view tells of which session it is. Nobody else has the symbol, and a `WeakMap` costs the collector of garbage more. */
const SESSION_OF_VIEW = Symbol('session behind a view');

/**
 * The prototype of a session: express-session's methods with that package's lengths, by which libraries tell whether a method takes a callback.
 * Without one they return a promise.
 */
class SessionPrototype {
  save(callback?: (error?: unknown) => void): unknown {
    const session = sessionBehind(this);
    return answerCall(session, saveSession(session), callback, this);
  }

  reload(callback?: (error?: unknown) => void): unknown {
    const session = sessionBehind(this);
    return answerCall(session, reloadSession(session), callback, this);
  }

  regenerate(callback?: (error?: unknown) => void): unknown {
    const session = sessionBehind(this);
    return answerCall(session, regenerateSession(session), callback, this);
  }

  destroy(callback?: (error?: unknown) => void): unknown {
    const session = sessionBehind(this);
    return answerCall(session, destroySession(session), callback, this);
  }

  touch(): this {
    sessionBehind(this).requestCookie.restartMaxAge();
    return this;
  }

  resetMaxAge(): this {
    sessionBehind(this).requestCookie.restartMaxAge();
    return this;
  }

  /** `console.log` would look past the proxy and see nothing. */
  [inspect.custom](): object {
    return Object.assign({}, this);
  }
}

/** Those that are a session's own there, and out of sight. */
const HIDDEN_NAMES: readonly string[] = ['req', 'id'];

/** `req.session`: express-session's names, and every other one is an entry. Most requests ask for one of the two views only. */
export function expressSessionOf(session: RequestSession): ExpressSession {
  session.expressSession ??= new Proxy(targetOf(session), new ExpressSessionTraps(session)) as ExpressSession;
  return session.expressSession;
}

/** What `sessionOf()` and `@Session()` give: the same entries, and our members out of sight of JSON, spread and `for…in`. */
export function httpSessionOf(session: RequestSession): HttpSession {
  session.httpSession ??= new Proxy(targetOf(session), new HttpSessionTraps(session)) as HttpSession;
  return session.httpSession;
}

/** What both views of one session hold beside its entries: what has symbols for names. The prototype gives what every session has. */
export function targetOf(session: RequestSession): object {
  session.viewTarget ??= Object.create(SessionPrototype.prototype) as object;
  return session.viewTarget;
}

/** The session of which an object is one of the views; `undefined` for any other, one that inherits from a view too. */
export function sessionOfView(view: object): RequestSession | undefined {
  const session = (view as { [SESSION_OF_VIEW]?: RequestSession })[SESSION_OF_VIEW];
  return session !== undefined && (view === session.expressSession || view === session.httpSession || view === session.fastifySession)
    ? session
    : undefined;
}

/** The value of an entry, also of one that a member of ours hides, and of the cookie. */
export function readEntry(view: HttpSession, name: string): unknown {
  if (name === COOKIE) return view.cookie;
  const entries = sessionOfView(view)?.active.entries;
  return entries?.has(name) === true ? entries.get(name) : undefined;
}

/** The session that a method was called on, or on what inherits from it. */
function sessionBehind(view: object): RequestSession {
  const session = (view as { [SESSION_OF_VIEW]?: RequestSession })[SESSION_OF_VIEW];
  if (session === undefined)
    throw new SessionMisuseError('This is a method of a session. Call it on that: req.session.save(), not a copy of its "save" alone.');
  return session;
}

export class ExpressSessionTraps implements ProxyHandler<object> {
  // Private at run time too: `util.inspect` with `showProxy` shows the handler, and the sid is behind it.
  readonly #session: RequestSession;

  constructor(session: RequestSession) {
    this.#session = session;
  }

  protected get session(): RequestSession {
    return this.#session;
  }

  get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (typeof name === 'symbol') return name === SESSION_OF_VIEW ? this.#session : Reflect.get(target, name, receiver);
    if (name === COOKIE) return this.#session.shownCookie;
    if (EXPRESS_NAMES.has(name)) {
      if (name === 'id') return this.#session.active.sid;
      return name === 'req' ? this.#session.request : Reflect.get(target, name, receiver);
    }
    const { entries } = this.#session.active;
    return entries.has(name) ? entries.get(name) : Reflect.get(target, name, receiver);
  }

  set(target: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') return Reflect.set(target, name, value);
    if (name === COOKIE) {
      this.#session.setCookie(value);
      return true;
    }
    this.checkWritable(name);
    this.#session.active.entries.set(name, value);
    return true;
  }

  deleteProperty(target: object, name: string | symbol): boolean {
    if (typeof name === 'symbol') return Reflect.deleteProperty(target, name);
    this.checkWritable(name);
    this.#session.active.entries.remove(name);
    return true;
  }

  has(target: object, name: string | symbol): boolean {
    return Reflect.has(target, name) || (typeof name === 'string' && (this.hiddenNames.includes(name) || this.isVisible(name)));
  }

  ownKeys(target: object): (string | symbol)[] {
    const entries = this.#session.active.entries.names().filter((name) => name !== COOKIE && this.isVisible(name));
    return [...this.hiddenNames, COOKIE, ...entries, ...Object.getOwnPropertySymbols(target)];
  }

  getOwnPropertyDescriptor(target: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol') return Reflect.getOwnPropertyDescriptor(target, name);
    const isHidden = this.hiddenNames.includes(name);
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

  /** The names of properties of its own that JSON, spread and `for…in` do not show. */
  protected get hiddenNames(): readonly string[] {
    return HIDDEN_NAMES;
  }

  /** Whether JSON, spread and `for…in` show a property of that name. */
  protected isVisible(name: string): boolean {
    return name === COOKIE || (!EXPRESS_NAMES.has(name) && this.#session.active.entries.has(name));
  }

  protected checkWritable(name: string): void {
    checkEntryName(this.#session, name);
  }
}

class HttpSessionTraps extends ExpressSessionTraps {
  override get(target: object, name: string | symbol, receiver: unknown): unknown {
    if (name === ACTIVE_SESSION) return this.session.active;
    if (typeof name === 'symbol' || !isMember(name)) return super.get(target, name, receiver);
    if (this.session.active.entries.has(name)) this.session.transport.runtime.warnOfHiddenEntry(name);
    return memberOf(this.session, name);
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
