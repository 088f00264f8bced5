import type { IncomingMessage, ServerResponse } from 'node:http';
import { RedisSessionError, SessionMisuseError, SessionGoneError } from '../../redis-session.errors.js';
import type { ActiveSession } from '../../session/active-session.js';
import { answerWithin, askWithin, leftOf } from '../../session/deadline.js';
import { Entries } from '../../session/entries.js';
import { lookAgain } from '../../session/look-again.js';
import { isEnded, type CookieAttributes, type Device, type EndedSession, type SessionRecord } from '../../session/session-record.js';
import type { SessionStore } from '../../session/store/session-store.js';
import type { Sid } from '../../session/sid.js';
import { createCookie, type Cookie } from '../cookie/cookie.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import { changeProbeOf } from '../../express-session/change-probe.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { contextOf, setContext, type RequestContext } from './request-context.js';
import { deviceOf } from './request-device.js';
import { defineProperties, type SessionRequest } from './request-properties.js';
import { requestedPath } from './request-target.js';
import { RequestSession, type SessionPlace } from './request-session.js';
import { canBeAnswered, isClientGone, takesHeaders } from '../response/response-headers.js';
import type { ConfiguredCookie } from '../cookie/session-cookie.js';
import { ownerOf } from './session-proxy.js';
import type { SessionRuntime } from './session-runtime.js';

/** What holds the response back. Is told when the request begins to have something to store. */
export interface SessionWatch {
  watchClient(): void;
  /** Whether a byte of the answer was handed over, so that what is said of the cookie is settled. */
  readonly hasBegun: boolean;
  readonly isHeadOut: boolean;
  readonly hasEnded: boolean;
}

const NO_SIDS: readonly Sid[] = [];
/** In ms. For so long the guard takes what was loaded for what is. */
const STALE_AFTER = 1_000;

type ExchangeState = 'open' | 'unset' | 'destroyed' | 'failed';

/** One request and its response, and the session between them. */
export class SessionExchange implements SessionPlace, RequestContext {
  /** What the request came with; its session object is made when first asked for. */
  #loaded: Loaded | undefined;
  /** Of the request's cookies. */
  #sids = NO_SIDS;
  #current: RequestSession | undefined;
  #lastState: ExchangeState = 'open';
  #failure: unknown;
  #endedReason: string | undefined;
  /** When the store was last asked, by the clock of this process. */
  #askedAt = 0;
  /** Whether the session has ended since it was loaded, or is no longer its user's. */
  #isGone = false;
  #replaced = false;
  #installed = false;
  #dropped: Cookie | undefined;
  /** Whether express-session is looking, which must not see the session itself. */
  changeProbe = false;
  /** In ms. How long this request has waited for its session to be loaded. */
  #waited = 0;
  #isAsked = false;
  #configuredCookie: ConfiguredCookie | undefined;
  /** Asked to see to it that what is in the session is stored should the client go before the end. */
  watch: SessionWatch | undefined;

  constructor(
    readonly runtime: SessionRuntime,
    readonly request: SessionRequest,
    readonly response: ServerResponse,
    /** What `req.sessionStore` is. */
    readonly sessionStore?: object,
  ) {
    setContext(request, this);
  }

  /** `undefined` when no session middleware ran for this request. */
  static of(request: IncomingMessage): SessionExchange | undefined {
    return contextOf(request);
  }

  /** `delete req.session` says what `req.session = null` does. */
  get #state(): ExchangeState {
    if (this.#installed && this.#lastState === 'open' && !Object.hasOwn(this.request, 'session')) this.#lastState = 'unset';
    return this.#lastState;
  }

  set #state(state: ExchangeState) {
    this.#lastState = state;
  }

  /** The request's session; `undefined` after it was destroyed or unset. */
  get current(): RequestSession | undefined {
    return this.#state === 'open' ? this.#opened() : undefined;
  }

  #opened(): RequestSession {
    if (this.#current === undefined) {
      this.#current =
        this.#loaded === undefined
          ? new RequestSession(this, this.#firstSid())
          : new RequestSession(this, this.#loaded.sid, this.#loaded.record, this.#loaded.at);
      this.watch?.watchClient();
    }
    return this.#current;
  }

  /** The request's session, unless nobody has asked for it yet. */
  get used(): RequestSession | undefined {
    return this.#state === 'open' ? this.#current : undefined;
  }

  /** The session that the request's cookie opened. */
  get loaded(): Loaded | undefined {
    return this.#loaded;
  }

  /** Whether there is a session, used or not. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** What `req.sessionID` is: also after the session was destroyed or unset. */
  get sid(): Sid | undefined {
    if (this.#state === 'failed' || !this.#installed) return undefined;
    this.#ask();
    return (this.current ?? this.#current)?.active.sid ?? this.#loaded?.sid;
  }

  /** Whether the application said `req.session = null`. */
  get isUnset(): boolean {
    return this.#state === 'unset';
  }

  /** Whether a call of the session is under way that nobody may be waiting for. */
  get isBusy(): boolean {
    return this.#current?.active.isBusy === true;
  }

  /** Resolves when it has ended, and rejects when it failed. */
  async idle(): Promise<void> {
    await this.#current?.active.idle();
  }

  /** Whether anybody has asked for the session, so that the answer may depend on it. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** What express-session looks at is not in the answer. */
  #ask(): void {
    if (!this.changeProbe) this.#isAsked = true;
  }

  /** Whether the application put a new session in the place of the one that the request's cookie opened. */
  get isReplaced(): boolean {
    return this.#replaced;
  }

  /** The cookie of a session that this request has ended, for the browser to drop. */
  get dropped(): Cookie | undefined {
    return this.#dropped;
  }

  /** Whether the cookie's path covers the request, as browsers see it: `/admin` covers `/admin/x`, not `/administrator`. */
  get isInPath(): boolean {
    const { path = '/' } = this.runtime.cookie.fixedOptions ?? this.configuredCookie;
    if (path === '/') return true;
    const requested = requestedPath(this.request);
    return requested.startsWith(path) && (path.endsWith('/') || requested.length === path.length || requested[path.length] === '/');
  }

  /**
   * Loads the first session there is of these sids, within one deadline for all. Then calls `done`, outside of any promise that anybody waits
   * for, with the error when the store did not answer.
   */
  load(sids: readonly Sid[], done: (error?: unknown) => void): void {
    const [first] = sids;
    if (first === undefined) return done();
    this.#sids = sids;
    const { store } = this.runtime;
    const at = performance.now();
    this.#askedAt = at;
    const answered = (sid: Sid | undefined, found: Found) => {
      this.#waited += performance.now() - at;
      store.settings.failures.worked();
      // Of a store of an application's own: nobody would catch what that throws below.
      if (found !== undefined && !isFound(found)) return failed(noAnswer(store));
      if (isEnded(found)) this.#endedReason = found.endedReason;
      else if (sid !== undefined && found !== undefined) this.#loaded = { sid, record: found, at };
      done();
    };
    const failed = (error: unknown) => {
      this.runtime.logError(error);
      done(error);
    };
    // One session is what nearly every request has, and is spared the promises that several take.
    if (sids.length === 1)
      askWithin(store.settings.deadline, () => store.find(first), { onAnswer: (found) => answered(first, found), onError: failed });
    else
      askWithin(store.settings.deadline, () => findFirst(store, sids), {
        onAnswer: ({ sid, found }) => answered(sid, found),
        onError: failed,
      });
  }

  /**
   * Gives a session that has had its secret for long (`store.rotateAfter`) a new one, before anybody uses it, and calls `done`. Not one whose sid is of a
   * custom `genid`: that would have to move, away from under the other requests of its browser.
   */
  renewSecret(done: () => void): void {
    const { store } = this.runtime;
    const isDue = this.#loaded !== undefined && store.canRotate(this.#loaded.sid) && store.isRotationDue(this.#loaded.record);
    if (isDue && takesHeaders(this.response)) void this.#rotateFirst(done);
    else done();
  }

  async #rotateFirst(done: () => void): Promise<void> {
    const at = performance.now();
    try {
      await this.current?.active.rotate({ ms: this.timeLeft });
    } catch (error) {
      // It has ended since it was loaded, so nobody is to be served as its user.
      if (error instanceof SessionGoneError) this.#current = this.#loaded = undefined;
      else this.runtime.logError(error);
    }
    this.#waited += performance.now() - at;
    done();
  }

  /** In ms. How long the request may still wait for the store at its end: load and commit share one deadline. */
  get timeLeft(): number {
    return leftOf(this.runtime.store.settings.deadline, this.#waited);
  }

  get hasBegun(): boolean {
    return this.watch?.hasBegun ?? (this.response.headersSent && !this.changeProbe);
  }

  get isHeadOut(): boolean {
    return this.watch?.isHeadOut ?? this.response.headersSent;
  }

  get hasEnded(): boolean {
    return this.watch?.hasEnded ?? this.response.writableEnded;
  }

  get canBegin(): boolean {
    // express-session tells of a new session in the head, and stores it at the end.
    return !this.hasBegun || (this.watch === undefined && this.runtime.cookie.isIn(this.response));
  }

  get isAtItsEnd(): boolean {
    return this.changeProbe;
  }

  /** The session could not be loaded. The request may not need it, so it goes on; whoever asks for the session gets the error. */
  fail(error: unknown): void {
    this.#state = 'failed';
    this.#failure = error;
    this.install();
  }

  /** Lets the request have its session. The cookie of one that somebody else has ended is of no use any more. */
  install(): void {
    if (this.#endedReason !== undefined && this.#loaded === undefined && this.#state === 'open') this.forget(this.createCookie());
    defineProperties(this.request, this.sessionStore);
    this.#installed = true;
  }

  /** What `req.session` is. It throws only while that can be answered: nobody catches what an access log throws, and the process would end. */
  get property(): ExpressSession | null | undefined {
    try {
      return this.session;
    } catch (error) {
      if (canBeAnswered(this.request, this.response)) throw error;
      return undefined;
    }
  }

  set property(value: unknown) {
    this.#ask();
    if (this.#state === 'failed') return;
    if (value === null || value === undefined) {
      this.#state = 'unset';
      this.watch?.watchClient();
    } else if (typeof value !== 'object' || this.#current === undefined || ownerOf(value) !== this.#current)
      throw new SessionMisuseError('req.session cannot be replaced by another object. Assign its entries, or call session.regenerate().');
  }

  /** For those who may not go on without it. */
  get session(): ExpressSession | null | undefined {
    if (!this.#installed) return undefined;
    this.#ask();
    if (this.#state === 'failed') throw this.told(this.#failure);
    if (this.#state === 'unset') return null;
    const { current } = this;
    return current === undefined || !this.changeProbe ? current?.expressSession : (changeProbeOf(current) as ExpressSession);
  }

  /** What `sessionOf()` and `@Session()` give: the session, also when this request has ended it. */
  get httpSession(): HttpSession | undefined {
    if (!this.#installed) return undefined;
    this.#ask();
    if (this.#state === 'failed') throw this.told(this.#failure);
    return this.#opened().httpSession;
  }

  /** The session, for those who only look, and need no reason why there is none. */
  get peeked(): HttpSession | undefined {
    try {
      return this.httpSession;
    } catch {
      return undefined; // Whoever needs the session is told why there is none.
    }
  }

  get identity(): Identity | undefined {
    const { session, current } = this;
    return session === null || this.#isGone || current === undefined ? undefined : current.identityOf(current.active.entries);
  }

  get endedReason(): string | undefined {
    return this.#loaded === undefined || this.#isGone ? this.#endedReason : undefined;
  }

  /** Asks by handle: a request whose secret was replaced meanwhile came with a good one. One under way that this request began says more than the store. */
  confirm(): boolean | Promise<boolean> {
    const active = this.used?.active;
    if (this.#isGone) return false;
    if (active?.record === undefined || active.isBusy || performance.now() - this.#askedAt <= STALE_AFTER) return true;
    return this.#confirm(active, active.record);
  }

  async #confirm({ sid }: ActiveSession, record: SessionRecord): Promise<boolean> {
    const { store } = this.runtime;
    const askedAt = performance.now();
    const isSameUser = (found: SessionRecord) => this.#userIn(found) === this.#userIn(record);
    const found = await answerWithin(store.settings.deadline, lookAgain(store, sid, record, isSameUser)).catch((error: unknown) => {
      throw this.told(error);
    });
    this.#askedAt = askedAt;
    if (found === true) return true;
    this.#isGone = true;
    this.#endedReason = found.endedReason;
    return false;
  }

  #userIn({ entries: encoded }: SessionRecord): string | undefined {
    const entries = new Entries(encoded, this.runtime.store.settings.serializer, () => undefined);
    const identity = this.runtime.identityOf(entries, () => entries.values());
    return identity && String(identity.id);
  }

  get authenticatedAt(): number | undefined {
    return this.current?.active.record?.authenticatedAt;
  }

  async now(): Promise<number> {
    const { store } = this.runtime;
    return answerWithin(store.settings.deadline, store.now()).catch((error: unknown) => {
      throw this.told(error);
    });
  }

  takesNewSid(isSettled: boolean): boolean {
    if (this.runtime.settings.middleware === 'express-session') {
      this.runtime.warnOfKeptSid();
      return false;
    }
    // For the handshake of a WebSocket there is no response that could tell it.
    if (isSettled || this.watch === undefined || isClientGone(this.request, this.response)) throw signedInTooLate();
    return true;
  }

  get sidsBeside(): readonly Sid[] {
    const { loaded } = this;
    return loaded === undefined ? NO_SIDS : this.#sids.filter((sid) => sid !== loaded.sid);
  }

  get device(): Device | undefined {
    return deviceOf(this.request, this.runtime.store.settings.track);
  }

  start(): void {
    this.#replaced = this.#loaded !== undefined;
    this.#current = new RequestSession(this, this.generateSid());
    this.#state = 'open';
    defineProperties(this.request, this.sessionStore);
  }

  drop(session: RequestSession): void {
    // A request of another site comes without the cookie (SameSite), and its answer must not take the cookie away.
    if (this.#loaded !== undefined) this.forget(session.cookie);
    if (this.#current === session) this.#state = 'destroyed';
  }

  /** Tells the browser to drop the cookie. */
  forget(cookie: Cookie): void {
    this.#dropped = cookie;
    this.runtime.cookie.clear(this.response, cookie);
  }

  /** Ends the session that the application has unset, where `session.unset` says so. `undefined` when there is nothing to end. */
  endUnset(): Promise<void> | undefined {
    const isStored = this.#loaded !== undefined || this.#current?.active.record !== undefined;
    if (this.runtime.settings.unset === 'keep' || !isStored || this.#current?.active.isDestroyed === true) return undefined;
    return this.#opened().destroy({ ms: this.timeLeft });
  }

  told(error: unknown): unknown {
    return error instanceof RedisSessionError ? this.runtime.translate(error, this.response) : error;
  }

  generateSid(): Sid {
    return this.runtime.generateSid(this.request);
  }

  /** What fails in the application's own way to make a sid fails whoever asks for the session; ours does not, so it can wait. */
  #firstSid(): Sid | undefined {
    return this.runtime.settings.genid === undefined ? undefined : this.generateSid();
  }

  createCookie(changed?: CookieAttributes, age?: number): Cookie {
    return createCookie({ ...this.configuredCookie, ...changed }, age);
  }

  get configuredCookie(): ConfiguredCookie {
    this.#configuredCookie ??= this.runtime.cookie.configured(this.request);
    return this.#configuredCookie;
  }
}

function signedInTooLate(): SessionMisuseError {
  return new SessionMisuseError(
    'An identity was put into a session after the response had begun, or its client had gone. The new sid that such a session gets cannot be told any more, so none of the changes was stored. Assign the identity before the response, and call session.login() where you can.',
  );
}

/** What the request's cookie has opened. */
interface Loaded {
  readonly sid: Sid;
  readonly record: SessionRecord;
  /** When the load began, ms of `performance.now()`. */
  readonly at: number;
}

type Found = SessionRecord | EndedSession | undefined;

function isFound(found: unknown): found is SessionRecord | EndedSession {
  if (typeof found !== 'object' || found === null) return false;
  return 'endedReason' in found || typeof (found as Partial<SessionRecord>).entries?.get === 'function';
}

function noAnswer(store: SessionStore): SessionMisuseError {
  return new SessionMisuseError(
    `The store ${store.constructor.name} has answered find() with what is no session. It must answer with a SessionRecord, or undefined for "not found".`,
  );
}

/** The first of several sessions that there is, else the first that somebody has ended. */
async function findFirst(store: SessionStore, sids: readonly Sid[]): Promise<{ sid: Sid | undefined; found: Found }> {
  let ended: EndedSession | undefined;
  for (const sid of sids) {
    const found = (await store.find(sid)) ?? undefined;
    if (found !== undefined && !(isFound(found) && isEnded(found))) return { sid, found };
    ended ??= found;
  }
  return { sid: undefined, found: ended };
}
