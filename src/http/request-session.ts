import { SessionMisuseError } from '../redis-session.errors.js';
import { ActiveSession, afterItsEnd, type SessionHost } from '../session/active-session.js';
import { isIdentity, isSameUser } from '../session/identity.js';
import { LONGEST_TIME } from '../session/lifetime.js';
import { isPositive } from '../session/option-checks.js';
import type { Entries } from '../session/entries.js';
import type { CookieAttributes, Device, Lease, SessionRecord } from '../session/session-record.js';
import type { Sid } from '../session/sid.js';
import { checkCookie, restartMaxAge, type Cookie } from './cookie.js';
import { csrfToken, isCsrfToken } from './csrf-token.js';
import type { HttpSession, LoginOptions } from './http-session.js';
import type { Identity } from './identity.decorator.js';
import type { ConfiguredCookie } from './session-cookie.js';
import { checkWritable, type SessionOwner } from './session-members.js';
import { createHttpSession } from './session-proxy.js';
import type { SessionRuntime } from './session-runtime.js';

const SECOND = 1_000;
const KEPT_ATTRIBUTES = ['originalMaxAge', 'secure', 'httpOnly', 'domain', 'path', 'sameSite', 'priority', 'partitioned'] as const;

/** The request that a session is used by. */
export interface SessionPlace {
  readonly runtime: SessionRuntime;
  generateSid(): Sid;
  /** What the cookie is by configuration. */
  readonly configuredCookie: ConfiguredCookie;
  /** The cookie by configuration, with what this session has otherwise. `age`: how much of its `maxAge` has passed, in ms. */
  createCookie(changed?: CookieAttributes, age?: number): Cookie;
  /** The sids of the request's other cookies. */
  readonly sidsBeside: readonly Sid[];
  /** The device that the request comes from, where it is to be kept. */
  readonly device: Device | undefined;
  /** Puts a new, empty session in the place of the current one. */
  start(): void;
  /** Says that the session was destroyed. */
  drop(session: RequestSession): void;
  /** The error as the application should see it. */
  told(error: unknown): unknown;
}

/** One session as one request uses it: the active session, its cookie, and what the methods of `req.session` do. */
export class RequestSession implements SessionHost, SessionOwner {
  readonly active: ActiveSession;
  readonly object: HttpSession;
  #cookie: Cookie | undefined;

  constructor(
    private readonly place: SessionPlace,
    sid: Sid | undefined,
    record?: SessionRecord,
    loadedAt?: number,
  ) {
    this.active = new ActiveSession(place.runtime.store, this, sid, record, loadedAt);
    this.object = createHttpSession(this);
  }

  get cookie(): Cookie {
    this.#cookie ??= this.#storedCookie();
    return this.#cookie;
  }

  #storedCookie(): Cookie {
    const { record } = this.active;
    return this.place.createCookie(record?.cookie, record && this.place.runtime.store.msSinceSeen(record));
  }

  setCookie(cookie: Cookie | CookieAttributes): void {
    this.#cookie = 'serialize' in cookie ? cookie : this.place.createCookie(cookie);
  }

  /** Throws when what the request has changed about the cookie makes it one that cannot be sent, and so must not be stored. */
  checkCookie(): void {
    if (this.#cookie !== undefined) checkCookie(this.#cookie);
  }

  /** Takes back what the request has changed about the cookie. */
  resetCookie(): void {
    this.#cookie = undefined;
  }

  generateSid(): Sid {
    return this.place.generateSid();
  }

  identityOf(entries: Entries): Identity | undefined {
    const session = () => (entries === this.active.entries ? this.object : (entries.values() as unknown as HttpSession));
    return this.place.runtime.identityOf(entries, session);
  }

  get isIdentityEntry(): boolean {
    return this.place.runtime.isIdentityEntry;
  }

  get sidsBeside(): readonly Sid[] {
    return this.place.sidsBeside;
  }

  /** The idle timeout comes from `originalMaxAge`, never from `expires`, which only tells when the browser was last told. */
  lease(): Lease {
    return this.#configuredLease() ?? this.#leaseOfCookie();
  }

  /** Of a session whose cookie nobody has asked for and which has none of its own: the cookie is not made for that. */
  #configuredLease(): Lease | undefined {
    const { maxAge, expires } = this.place.configuredCookie;
    if (this.#cookie !== undefined || this.active.record?.cookie !== undefined || expires) return undefined;
    return new ConfiguredLease(typeof maxAge === 'number' ? maxAge : undefined, this.place.device, this);
  }

  #leaseOfCookie(): Lease {
    this.checkCookie();
    const { data } = this.cookie;
    return {
      idle: typeof data.originalMaxAge === 'number' ? data.originalMaxAge : undefined,
      cookie: difference(data, this.place.createCookie().data),
      wholeCookie: data,
      device: this.place.device,
    };
  }

  get isLeaseChanged(): boolean {
    if (this.#cookie === undefined) return false;
    return difference(this.#cookie.data, this.place.createCookie(this.active.record?.cookie).data) !== undefined;
  }

  touch(): HttpSession {
    restartMaxAge(this.cookie);
    return this.object;
  }

  /** With `resave`, each save starts the idle timeout anew, and express-session calls this at the end of each request. */
  save(): Promise<void> {
    return this.active.save({ touch: this.place.runtime.settings.resave });
  }

  async reload(): Promise<void> {
    if (!(await this.active.reload())) throw new SessionMisuseError('The session cannot be reloaded: it has ended, or was never stored.');
    this.resetCookie();
  }

  async regenerate(): Promise<void> {
    await this.active.supersede();
    this.place.start();
  }

  async destroy(): Promise<void> {
    await this.active.destroy();
    this.place.drop(this);
  }

  async login(identity: Identity, { keep = [], ttl, absoluteTtl }: LoginOptions = {}): Promise<void> {
    checkSeconds('ttl', ttl);
    if (absoluteTtl !== false) checkSeconds('absoluteTtl', absoluteTtl);
    const before = this.cookie;
    this.#cookie = this.#cookieFor(identity, ttl);
    try {
      await this.active.login(identity, keep, typeof absoluteTtl === 'number' ? absoluteTtl * SECOND : absoluteTtl);
    } catch (error) {
      this.#cookie = before;
      throw error;
    }
    restartMaxAge(this.cookie);
  }

  /** The idle timeout of one session is that of its cookie: a browser that drops the cookie has ended the session, whatever the store says. */
  #cookieFor(identity: Identity, ttl: number | undefined): Cookie {
    const cookie = this.#isChosenByAnother(identity) ? this.place.createCookie() : this.cookie;
    if (ttl === undefined) return cookie;
    return this.place.createCookie({ ...cookie.data, originalMaxAge: Math.min(ttl * SECOND, LONGEST_TIME) });
  }

  /** Whether somebody else has signed in before, and what is kept of the cookie was for them: who signs in now did not ask to be remembered. */
  #isChosenByAnother(identity: Identity): boolean {
    const current = this.identityOf(this.active.entries);
    return current !== undefined && isIdentity(identity) && !isSameUser(current, identity) && !this.isLeaseChanged;
  }

  async reauthenticate(): Promise<void> {
    await this.active.reauthenticate();
  }

  async increment(name: string, by: number): Promise<number> {
    checkWritable(this, name);
    return this.active.increment(name, by);
  }

  async rotate(): Promise<void> {
    await this.active.rotate();
  }

  csrfToken(): string {
    if (this.active.isDestroyed) throw afterItsEnd('it has no CSRF token');
    // Otherwise the next request would come without this session, and the token with it would be of no use.
    this.active.retain();
    return csrfToken(this.active.handle, this.place.runtime.settings.secrets);
  }

  verifyCsrfToken(token: unknown): boolean {
    return !this.active.isDestroyed && isCsrfToken(token, this.active.handle, this.place.runtime.settings.secrets);
  }

  told(error: unknown): unknown {
    return this.place.told(error);
  }

  logError(error: unknown): void {
    this.place.runtime.logError(error);
  }
}

/** Makes the cookie only when asked for it. A class, since V8 gives each object literal with a getter a hidden class of its own. */
class ConfiguredLease implements Lease {
  readonly cookie = undefined;

  constructor(
    readonly idle: number | undefined,
    readonly device: Device | undefined,
    private readonly session: Pick<RequestSession, 'cookie'>,
  ) {}

  get wholeCookie(): CookieAttributes {
    return this.session.cookie.data;
  }
}

function checkSeconds(name: string, seconds: number | undefined): void {
  if (seconds !== undefined && !isPositive(seconds))
    throw new SessionMisuseError(
      `session.login() needs a positive finite number of seconds for ${JSON.stringify(name)}. Leave it out for the configured time.`,
    );
}

/** Attributes that the application changed for this session. */
function difference(actual: CookieAttributes, configured: CookieAttributes): CookieAttributes | undefined {
  const changed = KEPT_ATTRIBUTES.filter((name) => meaningOf(name, actual) !== meaningOf(name, configured));
  return changed.length === 0 ? undefined : Object.fromEntries(changed.map((name) => [name, meaningOf(name, actual) ?? null]));
}

/** What an attribute comes to. express-session's cookie takes 1 for `true`, '' for none, and a thousand years; the stored form does not. */
function meaningOf(name: (typeof KEPT_ATTRIBUTES)[number], attributes: CookieAttributes): unknown {
  const value = attributes[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (name === 'secure' || name === 'httpOnly' || name === 'partitioned') return Boolean(value);
  return name === 'originalMaxAge' && typeof value === 'number' ? Math.min(value, LONGEST_TIME) : value;
}
