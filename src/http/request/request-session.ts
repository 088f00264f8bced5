import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { ActiveSession, type SessionHost } from '../../session/active-session.js';
import type { AssignmentWatcher, Entries } from '../../session/entries.js';
import { LONGEST_STRETCH } from '../../session/lifetime.js';
import type { CookieAttributes, Device, SessionRecord, Terms } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import { checkCookie, type Cookie } from '../cookie/cookie.js';
import { RequestCookie } from '../cookie/request-cookie.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import { deviceOf } from './request-device.js';
import type { SessionTransport } from './session-transport.js';

/** What a session of a request begins with. */
export interface SessionOrigin {
  /** Without it one is made when first needed. */
  readonly sid?: Sid | undefined;
  /** What was loaded; without it the session is new. */
  readonly record?: SessionRecord | undefined;
  /** When that load began, by the clock of the runtime. */
  readonly at?: number | undefined;
  /** The sids of the request's other cookies. */
  readonly sidsBeside: readonly Sid[];
}

/** One session as one request uses it: the active session, its cookie, and how long it is to live. */
export class RequestSession implements SessionHost, AssignmentWatcher {
  readonly active: ActiveSession;
  readonly sidsBeside: readonly Sid[];
  /** What `req.session` is, once somebody has asked for that. */
  expressSession: ExpressSession | undefined;
  /** What `@Session()` and `sessionOf()` give, once somebody has asked for that. */
  httpSession: HttpSession | undefined;
  /** What `request.session` of Fastify's request is, once somebody has asked for that. */
  fastifySession: object | undefined;
  /** What they all hold beside the entries. */
  viewTarget: object | undefined;
  /** How many callbacks of its methods are about to be called. */
  callbacks = 0;
  #cookie: RequestCookie | undefined;
  /** With what the browser knows the cookie; `undefined` where it knows none. */
  readonly #known: Pick<SessionRecord, 'cookie'> | undefined;

  /** @param show what `req.session` is, in which an application may look for the identity */
  constructor(
    readonly transport: SessionTransport,
    private readonly show: (session: RequestSession) => ExpressSession,
    { sid, record, at, sidsBeside }: SessionOrigin,
  ) {
    this.sidsBeside = sidsBeside;
    this.active = new ActiveSession(transport.runtime.sessions, this, sid, record, at);
    this.#known = record;
    this.active.entries.watcher = this;
  }

  /** A new, empty session of the same request. */
  createNext(): RequestSession {
    return new RequestSession(this.transport, this.show, { sid: this.generateSid(), sidsBeside: this.sidsBeside });
  }

  get request(): IncomingMessage {
    return this.transport.request;
  }

  generateSid(): Sid {
    return this.transport.runtime.generateSid(this.request);
  }

  identityOf(entries: Entries): Identity | undefined {
    return this.transport.runtime.identityOf(entries, () => (entries === this.active.entries ? this.show(this) : entries.values()));
  }

  get isIdentityEntry(): boolean {
    return this.transport.runtime.isIdentityEntry;
  }

  /** Not for the application: what is set here is not noted as set by the request, and costs no proxy. */
  get cookie(): Cookie {
    return this.requestCookie.cookie;
  }

  get shownCookie(): Cookie {
    return this.requestCookie.shown;
  }

  get requestCookie(): RequestCookie {
    this.#cookie ??= new RequestCookie(this.#storedCookie(), (attributes) => this.transport.createCookie(attributes));
    return this.#cookie;
  }

  #storedCookie(): Cookie {
    const { record } = this.active;
    return this.transport.createCookie(record?.cookie, record && this.transport.runtime.sessions.msSinceSeen(record));
  }

  /** Takes a cookie object as it is, and of any other object the age. */
  setCookie(cookie: unknown): void {
    if (this.requestCookie.assign(cookie)) this.transport.runtime.warnOfCookieObject();
  }

  /** Throws when what the request has changed about the cookie makes it one that cannot be sent, and so must not be stored. */
  checkCookie(): void {
    if (this.#cookie !== undefined) checkCookie(this.cookie);
  }

  /** Takes back what the request has changed about the cookie. */
  resetCookie(): void {
    this.#cookie = undefined;
  }

  /** Whether this request has made its cookie another than the browser knows, stored or not. */
  get isCookieChanged(): boolean {
    return this.#known !== undefined && this.#cookie?.isSetOtherwise(this.#known.cookie) === true;
  }

  get areTermsChanged(): boolean {
    return this.#cookie !== undefined && this.#cookie.differsFrom(this.active.record?.cookie);
  }

  /** The idle timeout comes from `originalMaxAge`, never from `expires`, which only says what the browser was last sent. */
  terms(): Terms {
    return this.#configuredTerms() ?? this.#termsOfCookie();
  }

  /** Of a session whose cookie nobody has asked for and which has none of its own: the cookie is not made for that. */
  #configuredTerms(): Terms | undefined {
    const { maxAge, expires } = this.transport.configuredCookie;
    if (this.#cookie !== undefined || this.active.record?.cookie !== undefined || expires) return undefined;
    return new ConfiguredTerms(typeof maxAge === 'number' ? maxAge : undefined, this.#device, this);
  }

  #termsOfCookie(): Terms {
    this.checkCookie();
    const { requestCookie: cookie } = this;
    const { data } = cookie;
    return {
      idle: typeof data.originalMaxAge === 'number' ? data.originalMaxAge : undefined,
      stretch: cookie.stretch(this.transport.runtime.sessions.settings.idle, LONGEST_STRETCH),
      cookie: cookie.ownAttributes,
      wholeCookie: data,
      device: this.#device,
    };
  }

  /** The device that the request comes from, where it is to be kept. */
  get #device(): Device | undefined {
    const { sessions, settings } = this.transport.runtime;
    return deviceOf(this.request, sessions.settings.track, settings.proxy);
  }

  /** After the end it is a fault in the application, which is told once: each change would tell it again. */
  noteAssignment(name: string): void {
    if (!this.transport.hasEnded) return this.transport.watchClient();
    this.active.entries.watcher = undefined;
    // It may be stored by a call that follows at once.
    setImmediate(() => void this.#logLateChange(name));
  }

  async #logLateChange(name: string): Promise<void> {
    const { runtime } = this.transport;
    try {
      await this.active.idle();
      if (this.active.isChanged) runtime.logError(lateChange(name));
    } catch (error) {
      runtime.logError(error);
    }
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

function lateChange(name: string): SessionMisuseError {
  return new SessionMisuseError(
    `The session entry ${JSON.stringify(name)} was changed after the end of the response, and is not stored. Change it before, or call session.save(). This is logged once per request.`,
  );
}
