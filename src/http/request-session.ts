import { SessionMisuseError } from '../redis-session.errors.js';
import { ActiveSession, type SessionHost } from '../session/active-session.js';
import type { Entries } from '../session/entries.js';
import type { Identity } from '../session/identity.js';
import type { CookieAttributes, Lease, SessionRecord } from '../session/session-record.js';
import type { Sid } from '../session/sid.js';
import { createHttpSession, type HttpSession, type LoginOptions } from './http-session.js';
import type { Cookie } from './session-cookie.js';
import type { SessionExchange } from './session-exchange.js';

const KEPT_ATTRIBUTES = ['originalMaxAge', 'secure', 'httpOnly', 'domain', 'path', 'sameSite', 'priority', 'partitioned'] as const;

/** One session as one request uses it: the active session, its cookie, and what the methods of `req.session` do. */
export class RequestSession implements SessionHost {
  readonly active: ActiveSession;
  readonly object: HttpSession;
  #cookie: Cookie | undefined;

  constructor(
    readonly exchange: SessionExchange,
    sid: Sid,
    record?: SessionRecord,
  ) {
    this.active = new ActiveSession(exchange.runtime.store, this, sid, record);
    this.object = createHttpSession(this);
  }

  get cookie(): Cookie {
    this.#cookie ??= this.exchange.createCookie(this.active.record?.cookie);
    return this.#cookie;
  }

  /** Takes a cookie object as it is, and attributes as those of a new one. */
  setCookie(cookie: Cookie | CookieAttributes): void {
    this.#cookie = 'serialize' in cookie ? cookie : this.exchange.createCookie(cookie);
  }

  generateSid(): Sid {
    return this.exchange.generateSid();
  }

  identityOf(entries: Entries): Identity | undefined {
    return this.exchange.runtime.identityOf(entries, this.object);
  }

  /** The idle timeout comes from `originalMaxAge`, never from `expires`, which only tells when the browser was last told. */
  lease(): Lease {
    const { data } = this.cookie;
    return {
      idle: typeof data.originalMaxAge === 'number' ? data.originalMaxAge : undefined,
      cookie: difference(data, this.exchange.createCookie().data),
      wholeCookie: data,
    };
  }

  touch(): HttpSession {
    this.cookie.maxAge = this.cookie.originalMaxAge as number;
    return this.object;
  }

  async reload(): Promise<void> {
    if (!(await this.active.reload())) throw new SessionMisuseError('The session cannot be reloaded: it has ended, or was never stored.');
    this.#cookie = undefined;
  }

  async regenerate(): Promise<void> {
    await this.active.supersede();
    this.exchange.start();
  }

  async destroy(): Promise<void> {
    await this.active.destroy();
    this.exchange.drop(this);
  }

  async login(identity: Identity, { keep = [] }: LoginOptions = {}): Promise<void> {
    await this.active.login(identity, keep);
    this.exchange.moved(this);
  }

  async rotate(): Promise<void> {
    await this.active.rotate();
    this.exchange.moved(this);
  }
}

/** Attributes that the application changed for this session. */
function difference(actual: CookieAttributes, configured: CookieAttributes): CookieAttributes | undefined {
  const changed = KEPT_ATTRIBUTES.filter((name) => (actual[name] ?? undefined) !== (configured[name] ?? undefined));
  return changed.length === 0 ? undefined : Object.fromEntries(changed.map((name) => [name, actual[name] ?? null]));
}
