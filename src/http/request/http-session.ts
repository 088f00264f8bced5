// By name: a default import of that package is `any` to those who compile without `esModuleInterop`.
import type { Cookie, Session, SessionData } from 'express-session';
import type { Handle } from '../../session/sid.js';
import type { Identity } from '../../nest/identity.decorator.js';

/** Called once, with the error or nothing. */
export type SessionCallback = (error?: unknown) => void;

/**
 * What a sign-in keeps of the session before it.
 *
 * @publicApi
 */
export interface LoginOptions {
  /** Entries that survive the sign-in: their names, or `true` for all. Those of another user never do. @default [] */
  keep?: readonly string[] | true | undefined;
  /**
   * Idle timeout in seconds of this one session and of its cookie, which thereby outlives the browser ("remember me").
   *
   * @default `session.cookie.maxAge` of this very request, where it has set that; else the option `session.cookie.maxAge`, or `store.ttl` with a cookie
   * that ends with the browser
   */
  ttl?: number | undefined;
  /** Absolute timeout in seconds of this one session, `false` for none. @default `store.absoluteTtl`, and at least `ttl` where that is not set */
  absoluteTtl?: number | false | undefined;
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
  /** When its user last proved who they are, by `login` or `reauthenticate`; `undefined` for nobody. */
  readonly authenticatedAt: Date | undefined;
  /** Who is signed in. Changed only by `login` and `logout`. */
  readonly identity?: Identity;
  /**
   * The cookie of this session, as express-session has it. Setting its `maxAge` sets the idle timeout too. Of a plain object that is assigned in its place
   * only `maxAge` and `expires` are taken: it may come from the body of a request.
   */
  cookie: Cookie;

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
   * named in `keep`. Rejects with code `SESSION_GONE` when a signed-in session has ended meanwhile, and with `SESSION_REFUSED` when the user
   * has too many sessions (`store.maxSessionsPerUser`).
   *
   * @see OWASP ASVS 5.0, 7.2.4
   */
  login<Who extends Identity>(identity: Who, options?: LoginOptions): Promise<void>;
  /**
   * The user has proved again who they are, by password or otherwise: `authenticatedAt` is now. The session gets a new sid and keeps all else;
   * the old one is dead at once. Rejects with code `SESSION_GONE` when it has ended meanwhile, and when nobody is signed in.
   *
   * @see OWASP ASVS 5.0, 7.2.4 and 7.5.3
   */
  reauthenticate(): Promise<void>;
  /** Signs out: ends this session and drops the cookie. */
  logout(): Promise<void>;
  /**
   * Adds to an integer entry in the store, so that parallel requests all count, and resolves with the sum. An absent entry counts as 0, and
   * a new session is stored first. Rejects when the entry is not an integer or has an unsaved change. It is never tried twice: without an
   * answer in time it rejects with code `SESSION_STORE_UNAVAILABLE`, and whether it was added is unknown.
   *
   * @param by default 1
   */
  increment(name: string, by?: number): Promise<number>;
  /** Gives the session a new sid and keeps all else; the old one stays good until the new one was presented, and `store.rotationGrace` longer. */
  rotate(): Promise<void>;
  /**
   * A token to put in a form or a header, other on each call, which `verifyCsrfToken` knows again. Good for this session until it ends, also after
   * `rotate`, not after `login` or `regenerate`. (`rotate` is a new session too where `session.genid` makes the ids or the store is of another
   * kind.) A new session is stored for it, and its cookie sent.
   */
  csrfToken(): string;
  /** Whether that is a token of this session, by any of the secrets in use. False for what is no string. Compares in constant time. */
  verifyCsrfToken(token: unknown): boolean;
}

/**
 * The entries of a session, and its cookie, as declared by declaration merging on express-session's `SessionData`.
 *
 * @publicApi
 */
export type SessionEntries = Partial<SessionData>;

/** What `req.session` is: express-session's session, and nothing more. */
export type ExpressSession = Session & SessionEntries;

/**
 * The session of a request with everything that this package adds, as `@Session()` and `sessionOf()` give it: your entries as plain properties, typed by
 * declaration merging on express-session's `SessionData`, and {@link SessionMembers}.
 *
 * @publicApi
 */
export type HttpSession = SessionMembers & Omit<SessionEntries, keyof SessionMembers>;
