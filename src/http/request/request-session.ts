import { SessionMisuseError } from '../../redis-session.errors.js';
import { ActiveSession, afterItsEnd, type SessionHost, type TimeLimit } from '../../session/active-session.js';
import { LONGEST_STRETCH } from '../../session/lifetime.js';
import { isPositive, kindOf } from '../../session/option-checks.js';
import type { AssignmentWatcher, Entries } from '../../session/entries.js';
import type { CookieAttributes, Device, Terms, SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import { checkCookie, type Cookie } from '../cookie/cookie.js';
import { csrfToken, isCsrfToken } from '../csrf/csrf-token.js';
import type { IncomingMessage } from 'node:http';
import type { ExpressSession, HttpSession, LoginOptions } from './http-session.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { RequestCookie } from '../cookie/request-cookie.js';
import type { ConfiguredCookie } from '../cookie/session-cookie.js';
import { checkEntryName, type SessionOwner } from './session-members.js';
import { createExpressSession, createHttpSession, createTarget } from './session-proxy.js';
import type { SessionRuntime } from './session-runtime.js';

const SECOND = 1_000;

/** The request that a session is used by. */
export interface SessionPlace {
  readonly runtime: SessionRuntime;
  readonly request: IncomingMessage;
  generateSid(): Sid;
  /** What the cookie is by configuration. */
  readonly configuredCookie: ConfiguredCookie;
  /** The cookie by configuration, with what this session has otherwise. `age`: how much of its `maxAge` has passed, in ms. */
  createCookie(changed?: CookieAttributes, age?: number): Cookie;
  /**
   * Whether the client can be told a new sid. Where it never can, says so in the log. Throws `SessionMisuseError` where it cannot any more.
   *
   * @param isSettled whether what is told is settled, as of a save after the answer has begun
   */
  takesNewSid(isSettled: boolean): boolean;
  /** The sids of the request's other cookies. */
  readonly sidsBeside: readonly Sid[];
  /** The device that the request comes from, where it is to be kept. */
  readonly device: Device | undefined;
  /** Whether its answer has begun, so that the browser cannot be told of another sid any more. */
  readonly hasBegun: boolean;
  /** Whether a session that begins now can still be told to the browser, or was. */
  readonly canBegin: boolean;
  /** Whether the head of the response is out. */
  readonly isHeadOut: boolean;
  /** Whether the application has ended its answer, so that nothing is stored any more but by a call. */
  readonly hasEnded: boolean;
  /** Whether its response is being ended, and what is saved now was not asked for by a call of its own. */
  readonly isAtItsEnd: boolean;
  /** In ms. How long it may still wait for the store then. */
  readonly timeLeft: number;
  /** Puts a new, empty session in the place of the current one. */
  start(): void;
  /** Says that the session was destroyed. */
  drop(session: RequestSession): void;
  /** The error as the application should see it. */
  told(error: unknown): unknown;
}

/** One session as one request uses it: the active session, its cookie, the two objects that handlers have of it, and what their methods do. */
export class RequestSession implements SessionHost, SessionOwner, AssignmentWatcher {
  /** How many callbacks are about to be called. */
  #callbacks = 0;
  readonly active: ActiveSession;
  #target: object | undefined;
  #expressSession: ExpressSession | undefined;
  #httpSession: HttpSession | undefined;
  #cookie: RequestCookie | undefined;
  /** With what the browser knows the cookie; `undefined` where it knows none. */
  readonly #told: Pick<SessionRecord, 'cookie'> | undefined;

  constructor(
    private readonly place: SessionPlace,
    sid: Sid | undefined,
    record?: SessionRecord,
    loadedAt?: number,
  ) {
    this.active = new ActiveSession(place.runtime.store, this, sid, record, loadedAt);
    this.#told = record;
    this.active.entries.watcher = this;
  }

  /** What `req.session` is. Most requests ask for one of the two only. */
  get expressSession(): ExpressSession {
    this.#expressSession ??= createExpressSession(this, (this.#target ??= createTarget()));
    return this.#expressSession;
  }

  get httpSession(): HttpSession {
    this.#httpSession ??= createHttpSession(this, (this.#target ??= createTarget()));
    return this.#httpSession;
  }

  isView(object: object): boolean {
    return object === this.#expressSession || object === this.#httpSession;
  }

  get request(): IncomingMessage {
    return this.place.request;
  }

  /** Not for the application: what is set here is not noted as set by the request, and costs no proxy. */
  get cookie(): Cookie {
    return this.#ownCookie.cookie;
  }

  get shownCookie(): Cookie {
    return this.#ownCookie.shown;
  }

  get #ownCookie(): RequestCookie {
    this.#cookie ??= new RequestCookie(this.#storedCookie(), (attributes) => this.place.createCookie(attributes));
    return this.#cookie;
  }

  #storedCookie(): Cookie {
    const { record } = this.active;
    return this.place.createCookie(record?.cookie, record && this.place.runtime.store.msSinceSeen(record));
  }

  setCookie(cookie: unknown): void {
    if (this.#ownCookie.assign(cookie)) this.place.runtime.warnOfCookieObject();
  }

  /** Throws when what the request has changed about the cookie makes it one that cannot be sent, and so must not be stored. */
  checkCookie(): void {
    if (this.#cookie !== undefined) checkCookie(this.cookie);
  }

  /** Takes back what the request has changed about the cookie. */
  resetCookie(): void {
    this.#cookie = undefined;
  }

  generateSid(): Sid {
    return this.place.generateSid();
  }

  identityOf(entries: Entries): Identity | undefined {
    return this.place.runtime.identityOf(entries, () => (entries === this.active.entries ? this.expressSession : entries.values()));
  }

  get isIdentityEntry(): boolean {
    return this.place.runtime.isIdentityEntry;
  }

  get sidsBeside(): readonly Sid[] {
    return this.place.sidsBeside;
  }

  /** The idle timeout comes from `originalMaxAge`, never from `expires`, which only tells when the browser was last told. */
  terms(): Terms {
    return this.#configuredTerms() ?? this.#termsOfCookie();
  }

  /** Of a session whose cookie nobody has asked for and which has none of its own: the cookie is not made for that. */
  #configuredTerms(): Terms | undefined {
    const { maxAge, expires } = this.place.configuredCookie;
    if (this.#cookie !== undefined || this.active.record?.cookie !== undefined || expires) return undefined;
    return new ConfiguredTerms(typeof maxAge === 'number' ? maxAge : undefined, this.place.device, this);
  }

  #termsOfCookie(): Terms {
    this.checkCookie();
    const cookie = this.#ownCookie;
    const { data } = cookie;
    return {
      idle: typeof data.originalMaxAge === 'number' ? data.originalMaxAge : undefined,
      stretch: cookie.stretch(this.place.runtime.store.settings.idle, LONGEST_STRETCH),
      cookie: cookie.ownAttributes,
      wholeCookie: data,
      device: this.place.device,
    };
  }

  get areTermsChanged(): boolean {
    return this.#cookie !== undefined && this.#cookie.differsFrom(this.active.record?.cookie);
  }

  /** Whether this request has made its cookie another than the browser knows, stored or not. */
  get isCookieChanged(): boolean {
    return this.#told !== undefined && this.#cookie?.isSetOtherwise(this.#told.cookie) === true;
  }

  touch(): void {
    this.#ownCookie.restartMaxAge();
  }

  /** With `resave`, each save starts the idle timeout anew, and express-session calls this at the end of each request. */
  save(): Promise<void> {
    const { isAtItsEnd, timeLeft, runtime, canBegin, hasBegun } = this.place;
    const refuseNew = canBegin ? undefined : () => tooLate('save');
    return this.active.save({
      touch: runtime.settings.resave,
      ms: isAtItsEnd ? timeLeft : undefined,
      refuseNew,
      takesNewSid: () => this.place.takesNewSid(hasBegun),
    });
  }

  async reload(): Promise<void> {
    if (!(await this.active.reload())) throw new SessionMisuseError('The session cannot be reloaded: it has ended, or was never stored.');
    this.resetCookie();
  }

  async regenerate(): Promise<void> {
    if (this.place.hasBegun) throw tooLate('regenerate');
    await this.active.supersede();
    this.place.start();
  }

  /** @param limit of a call that the application has not made */
  async destroy(limit?: TimeLimit): Promise<void> {
    await this.active.destroy(limit);
    // Whoever was called back before goes on with `req.session`, and must find it.
    if (this.#callbacks > 0) await new Promise((resolve) => void setImmediate(resolve));
    this.place.drop(this);
  }

  async login(identity: Identity, options: LoginOptions = {}): Promise<void> {
    if (this.place.hasBegun) throw tooLate('login');
    checkLoginOptions(options);
    const { keep = [], ttl, absoluteTtl } = options;
    checkSeconds('ttl', ttl);
    if (absoluteTtl !== false) checkSeconds('absoluteTtl', absoluteTtl);
    // The idle timeout of one session is that of its cookie: a browser that drops the cookie has ended the session, whatever the store says.
    const takeBack = this.#ownCookie.beginSignIn(ttl === undefined ? undefined : ttl * SECOND);
    try {
      await this.active.login(identity, keep, typeof absoluteTtl === 'number' ? absoluteTtl * SECOND : absoluteTtl);
    } catch (error) {
      takeBack();
      throw error;
    }
    this.#ownCookie.restartMaxAge();
    // Only with express-session: ours waits with the head.
    if (this.place.isHeadOut) this.logError(lateLogin());
  }

  /** Once: what is told is a fault in the application, which each change would tell again. */
  noteAssignment(name: string): void {
    if (!this.place.hasEnded) return;
    this.active.entries.watcher = undefined;
    // It may be stored by a call that follows at once.
    setImmediate(() => void this.#tellLateChange(name));
  }

  async #tellLateChange(name: string): Promise<void> {
    try {
      await this.active.idle();
      if (this.active.isChanged) this.logError(lateChange(name));
    } catch (error) {
      this.logError(error);
    }
  }

  async reauthenticate(): Promise<void> {
    if (this.place.hasBegun) throw tooLate('reauthenticate');
    await this.active.reauthenticate();
  }

  async increment(name: string, by: number): Promise<number> {
    if (typeof name !== 'string') throw new SessionMisuseError(`session.increment() needs the name of an entry, received ${kindOf(name)}.`);
    checkEntryName(this, name);
    return this.active.increment(name, by, this.place.canBegin ? undefined : () => tooLate('increment'));
  }

  async rotate(): Promise<void> {
    if (this.place.hasBegun) throw tooLate('rotate');
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

  tellLater(callback: () => void): void {
    this.#callbacks++;
    setImmediate(() => {
      this.#callbacks--;
      callback();
    });
  }

  logError(error: unknown): void {
    this.place.runtime.logError(error);
  }

  tellHidden(name: string): void {
    this.place.runtime.tellHidden(name);
  }
}

/** Makes the cookie only when asked for it. A class, since V8 gives each object literal with a getter a hidden class of its own. */
class ConfiguredTerms implements Terms {
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

function checkLoginOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new SessionMisuseError(
      `session.login() needs its options as an object ({ keep, ttl, absoluteTtl }), received ${kindOf(options)}.`,
    );
  const { keep } = options as { keep?: unknown };
  const isList = Array.isArray(keep) && keep.every((name) => typeof name === 'string');
  if (keep !== undefined && keep !== true && !isList)
    throw new SessionMisuseError(
      `session.login() needs "keep" as a list of entry names (['cart']), or true for all, received ${kindOf(keep)}. Leave it out to keep none.`,
    );
}

/** What a call rejects with that needs a cookie, when that cannot be sent any more. */
function tooLate(method: string): SessionMisuseError {
  return new SessionMisuseError(
    `session.${method}() needs a new cookie, and the response has begun, so that none can be sent. Nothing was changed. Call it before the first byte of the response.`,
  );
}

function lateLogin(): SessionMisuseError {
  return new SessionMisuseError(
    'session.login() has ended after the head of the response had left, so its cookie was not sent: there is a signed-in session that nobody has. Await session.login() before the response.',
  );
}

function lateChange(name: string): SessionMisuseError {
  return new SessionMisuseError(
    `The session entry ${JSON.stringify(name)} was changed after the end of the response, and is not stored. Change it before, or call session.save(). Told once for each request.`,
  );
}

function checkSeconds(name: string, seconds: number | undefined): void {
  if (seconds !== undefined && !isPositive(seconds))
    throw new SessionMisuseError(
      `session.login() needs a positive finite number of seconds for ${JSON.stringify(name)}. Leave it out for the configured time.`,
    );
}
