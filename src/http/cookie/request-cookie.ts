import { SessionMisuseError } from '../../redis-session.errors.js';
import { LONGEST_TIME } from '../../session/lifetime.js';
import type { CookieAttributes } from '../../session/session-record.js';
import { clockOf, createCookie, restartMaxAge, type Cookie } from './cookie.js';

const KEPT_ATTRIBUTES = ['originalMaxAge', 'secure', 'httpOnly', 'domain', 'path', 'sameSite', 'priority', 'partitioned'] as const;
const AGE = 'originalMaxAge';
/** Names under which a cookie's age is set. */
const AGES = new Set<string>([AGE, 'maxAge', 'expires']);

/** Under which name the cookie that an application has tells whose it is. A `WeakMap` keeps its requests alive until the next full collection. */
const REQUEST_COOKIE = Symbol('request cookie');

type KeptAttribute = (typeof KEPT_ATTRIBUTES)[number];

const NOTHING_SET: ReadonlySet<KeptAttribute> = new Set();

/** The cookie of a session while one request uses it: what it is, and which of its attributes this request has set. */
export class RequestCookie {
  #shown: Cookie | undefined;
  #set: ReadonlySet<KeptAttribute> = NOTHING_SET;
  /** Who has last set the age in this request; `undefined` for nobody. */
  #ageSetBy: 'handler' | 'object' | 'login' | undefined;

  /**
   * @param cookie as it is by configuration and by what is stored
   * @param configured makes one by configuration, with these attributes otherwise
   */
  constructor(
    readonly cookie: Cookie,
    private readonly configured: (attributes?: CookieAttributes) => Cookie,
  ) {}

  /** The same cookie for the application: what it sets there is noted as set by this request. */
  get shown(): Cookie {
    this.#shown ??= new Proxy(this.cookie, new CookieTraps(this));
    return this.#shown;
  }

  /** Whose `shown` that object is; `undefined` for any other, also for what inherits from one. */
  static #of(value: object): RequestCookie | undefined {
    const found = (value as { [REQUEST_COOKIE]?: RequestCookie })[REQUEST_COOKIE];
    return found?.shown === value ? found : undefined;
  }

  get data(): CookieAttributes {
    return this.cookie.data;
  }

  restartMaxAge(): void {
    restartMaxAge(this.cookie);
  }

  /** What differs from the configuration. */
  get ownAttributes(): CookieAttributes | undefined {
    return difference(this.data, this.configured().data);
  }

  /** Whether it is another than one with these attributes. */
  differsFrom(attributes: CookieAttributes | undefined): boolean {
    return difference(this.data, this.configured(attributes).data) !== undefined;
  }

  /** Whether this request has made it another than one with these attributes. */
  isSetOtherwise(attributes: CookieAttributes | undefined): boolean {
    return this.#set.size > 0 && this.differsFrom(attributes);
  }

  /**
   * How far its age stretches the default absolute timeout, in ms; `undefined` for as far as it goes. What came in a plain object, maybe from the body of a
   * request, and what was there before this request stretch it no farther than the configuration does.
   *
   * @param idle the idle timeout by configuration
   * @param most for an age that a handler has set
   */
  stretch(idle: number, most: number): number | undefined {
    const { originalMaxAge: age } = this.data;
    if (this.#ageSetBy === 'login' || typeof age !== 'number') return undefined;
    if (this.#ageSetBy === 'handler') return Math.min(age, most);
    const { originalMaxAge: configured } = this.configured().data;
    return typeof configured === 'number' ? configured : idle;
  }

  /**
   * Takes a cookie object as it is; of another session's what this request has set. Of any other object only the age: it may come from the body of a
   * request (`Object.assign(session, body)`), which has no say in who gets the cookie.
   *
   * @returns whether something was left out
   */
  assign(value: unknown): boolean {
    if (typeof value !== 'object' || value === null)
      throw misuse('cannot be replaced by what is no cookie. Set its attributes: req.session.cookie.maxAge = 60_000');
    if (value === this.shown) return false;
    const other = RequestCookie.#of(value);
    if (other !== undefined) {
      this.#become(other.#configuredAndSet());
      this.#set = other.#set;
      this.#ageSetBy = other.#ageSetBy;
    } else if (isCookie(value)) {
      this.#become(createCookie(value.data, 0, clockOf(this.cookie)));
      this.#set = new Set(KEPT_ATTRIBUTES);
      this.#ageSetBy = 'handler';
    } else {
      this.#takeAge(value);
      return KEPT_ATTRIBUTES.some((name) => name !== AGE && name in value);
    }
    return false;
  }

  /**
   * Makes it that of a sign-in: as configured, with what this request has set. What a visitor had may have been planted. Returns what takes that back.
   *
   * @param age in ms
   */
  beginSignIn(age: number | undefined): () => void {
    const before = { ...this.cookie };
    const setBy = this.#ageSetBy;
    this.#become(this.#configuredAndSet(age === undefined ? {} : { [AGE]: Math.min(age, LONGEST_TIME) }));
    if (age !== undefined) this.#ageSetBy = 'login';
    return () => {
      this.#become(before);
      this.#ageSetBy = setBy;
    };
  }

  #configuredAndSet(others: CookieAttributes = {}): Cookie {
    return this.configured({ ...pick([...this.#set], this.data), ...others });
  }

  /** The same object: the application may have it in hand. */
  #become(attributes: object): void {
    for (const name of Object.keys(this.cookie)) Reflect.deleteProperty(this.cookie, name);
    Object.assign(this.cookie, attributes);
  }

  /** The application has set or deleted that attribute. */
  note(name: string | symbol): void {
    const kept = KEPT_ATTRIBUTES.find((one) => one === name || (one === AGE && AGES.has(String(name))));
    if (kept === undefined) return;
    this.#set = new Set([...this.#set, kept]);
    if (kept === AGE) this.#ageSetBy = 'handler';
  }

  #takeAge({ maxAge, expires }: { readonly maxAge?: unknown; readonly expires?: unknown }): void {
    if (maxAge === undefined && expires === undefined) return;
    Object.assign(this.cookie, maxAge === undefined ? { expires: dateOf(expires) } : { maxAge: ageOf(maxAge) });
    this.#set = new Set([...this.#set, AGE]);
    this.#ageSetBy = 'object';
  }
}

class CookieTraps implements ProxyHandler<Cookie> {
  // Private at run time too: `util.inspect` with `showProxy` shows the handler.
  readonly #cookie: RequestCookie;

  constructor(cookie: RequestCookie) {
    this.#cookie = cookie;
  }

  get(target: Cookie, name: string | symbol, receiver: unknown): unknown {
    return name === REQUEST_COOKIE ? this.#cookie : Reflect.get(target, name, receiver);
  }

  set(target: Cookie, name: string | symbol, value: unknown): boolean {
    this.#cookie.note(name);
    return Reflect.set(target, name, value);
  }

  deleteProperty(target: Cookie, name: string | symbol): boolean {
    this.#cookie.note(name);
    return Reflect.deleteProperty(target, name);
  }
}

/** What came as JSON has no methods. */
function isCookie(value: object): value is Cookie {
  return 'serialize' in value && typeof value.serialize === 'function' && 'data' in value;
}

function ageOf(maxAge: unknown): number | null {
  if (maxAge === null) return null;
  if (typeof maxAge !== 'number' || Number.isNaN(new Date(Date.now() + maxAge).getTime()))
    throw misuse('needs a "maxAge" in milliseconds, or null for a cookie that ends with the browser');
  return maxAge;
}

function dateOf(expires: unknown): Date | null {
  if (expires === null || expires === false) return null;
  const date = typeof expires === 'string' || expires instanceof Date ? new Date(expires) : undefined;
  if (date === undefined || Number.isNaN(date.getTime()))
    throw misuse('needs a date in "expires", or null for a cookie that ends with the browser');
  return date;
}

function misuse(rule: string): SessionMisuseError {
  return new SessionMisuseError(`req.session.cookie ${rule}.`);
}

/** Attributes that the application changed for this session. */
function difference(actual: CookieAttributes, configured: CookieAttributes): CookieAttributes | undefined {
  const changed = KEPT_ATTRIBUTES.filter((name) => meaningOf(name, actual) !== meaningOf(name, configured));
  return changed.length === 0 ? undefined : pick(changed, actual);
}

function pick(names: readonly KeptAttribute[], attributes: CookieAttributes): CookieAttributes {
  return Object.fromEntries(names.map((name) => [name, meaningOf(name, attributes) ?? null]));
}

/** What an attribute comes to. express-session's cookie takes 1 for `true`, '' for none, and a thousand years; the stored form does not. */
function meaningOf(name: KeptAttribute, attributes: CookieAttributes): unknown {
  const value = attributes[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (name === 'secure' || name === 'httpOnly' || name === 'partitioned') return Boolean(value);
  return name === AGE && typeof value === 'number' ? Math.min(value, LONGEST_TIME) : value;
}
