// By name: a default import of that package is `any` to those who compile without `esModuleInterop`.
import type { Cookie, Session, SessionData } from 'express-session';
import type { Handle } from '../../session/sid.js';
import type { Identity } from '../../nest/identity.decorator.js';

/** Is called once, with the error or with nothing. */
export type SessionCallback = (error?: unknown) => void;

/**
 * How to sign in.
 *
 * @publicApi
 */
export interface LoginOptions {
  /** Entries that survive the sign-in: their names, or `true` for all. Entries of another user never do. @default [] */
  keep?: readonly string[] | true | undefined;
  /**
   * Idle timeout in seconds of this one session and of its cookie, which then outlives the browser ("remember me").
   *
   * @default the `session.cookie.maxAge` that this very request has set, else the option `session.cookie.maxAge`, else `store.ttl` with a
   *   cookie that ends with the browser
   */
  ttl?: number | undefined;
  /**
   * Absolute timeout in seconds of this one session, `false` for none. @default `store.absoluteTtl`; if you don't set that, at least `ttl`
   */
  absoluteTtl?: number | false | undefined;
}

/**
 * What a session has besides its entries. A method without a callback returns a promise. If nobody awaits it and it fails, that is logged
 * and harms nobody.
 *
 * @publicApi
 */
export interface SessionMembers {
  /** The session id. Whoever has it has the session, so never log it; `handle` is its public name. */
  readonly id: string;
  /** The public name of the session, for logs and lists. */
  readonly handle: Handle;
  /** True until the session is first stored. */
  readonly isNew: boolean;
  /** By Redis' clock; `undefined` until the session is first stored. */
  readonly createdAt: Date | undefined;
  /** When the idle timeout last restarted; `undefined` until the session is first stored. */
  readonly lastSeenAt: Date | undefined;
  /** When the session ends if no other request comes; `undefined` until it is first stored. */
  readonly expiresAt: Date | undefined;
  /** When the user last proved who they are, by `login` or `reauthenticate`; `undefined` for visitors. */
  readonly authenticatedAt: Date | undefined;
  /** Who is signed in. Changed only by `login` and `logout`. */
  readonly identity?: Identity;
  /**
   * The cookie of this session, as express-session has it. Its `maxAge` (ms) is the idle timeout too. If you assign a plain object, only
   * its `maxAge` and `expires` are taken: it may come from the body of a request.
   */
  cookie: Cookie;

  /** Stores now what changed so far. Otherwise it is stored at the end of the request. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  /** Drops changes that are not stored and reads the session again. Rejects if it has ended. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  /** Ends this session and puts a new, empty one on the request. */
  regenerate(): Promise<void>;
  regenerate(callback: SessionCallback): this;
  /** Ends this session and clears the cookie. The object stays readable. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  /** Moves the expiry of the cookie to `originalMaxAge` from now. */
  touch(): this;
  /** The same as `touch`, under express-session's other name. */
  resetMaxAge(): this;

  /**
   * Signs in. The session gets a new id, stored before this resolves; the old one is dead by then. Visitor data is dropped unless you name
   * it in `keep`. Rejects with code `SESSION_GONE` if a signed-in session has ended meanwhile, and with `SESSION_REFUSED` if the user has
   * too many sessions (`store.maxSessionsPerUser`).
   *
   * @see OWASP ASVS 5.0, 7.2.4
   */
  login<Who extends Identity>(identity: Who, options?: LoginOptions): Promise<void>;
  /**
   * Call it when users have proved again who they are, by password or otherwise: `authenticatedAt` becomes now. The session gets a new id
   * and keeps everything else; the old id is dead at once. Rejects with code `SESSION_GONE` if the session has ended meanwhile, and with
   * `SESSION_MISUSE` if nobody is signed in.
   *
   * @see OWASP ASVS 5.0, 7.2.4 and 7.5.3
   */
  reauthenticate(): Promise<void>;
  /** Signs out: ends this session and clears the cookie. */
  logout(): Promise<void>;
  /**
   * Adds to an integer entry in the store, so that parallel requests all count. Resolves with the sum. An absent entry counts as 0, and a
   * new session is stored first. Rejects if the entry is not an integer or has an unsaved change. It is never tried twice: if Redis doesn't
   * answer in time, it rejects with code `SESSION_STORE_UNAVAILABLE`, and whether it counted is unknown.
   *
   * @param by default 1
   */
  increment(name: string, by?: number): Promise<number>;
  /**
   * Gives the session a new id and keeps everything else. The old id stays valid until the browser has presented the new one, and
   * `store.rotationGrace` longer.
   */
  rotate(): Promise<void>;
  /**
   * Returns a token for a form or a header, a different string on each call; `verifyCsrfToken` checks it. It is valid until this session
   * ends, also after `rotate`, not after `login` or `regenerate`. (`rotate` makes a new session too if `session.genid` makes the ids or the
   * store is of another kind.) A new session is stored for it, and its cookie sent.
   */
  csrfToken(): string;
  /**
   * Whether this is a token of this session, made with any of the secrets in use. False for anything but a string. Compares in constant
   * time.
   */
  verifyCsrfToken(token: unknown): boolean;
}

/**
 * The entries of a session, and its cookie, as you declare them on express-session's `SessionData`.
 *
 * @publicApi
 */
export type SessionEntries = Partial<SessionData>;

/** What `req.session` is: express-session's session, and nothing more. */
export type ExpressSession = Session & SessionEntries;

/**
 * The session that `@Session()` and `sessionOf()` give you: your entries as plain properties, declared on express-session's `SessionData`,
 * and {@link SessionMembers}.
 *
 * @publicApi
 */
export type HttpSession = SessionMembers & Omit<SessionEntries, keyof SessionMembers>;
