import type { KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { types } from 'node:util';
import { resolveCsrfOption, type CsrfOptions, type CsrfSettings } from '../csrf/csrf-options.js';
import { withHiddenProperties } from '../../session/hidden-properties.js';
import { isPositive, withoutUndefined } from '../../session/option-checks.js';
import { resolveProxyOption, type TrustedProxies } from './trusted-proxies.js';

/** A key of the signature. */
export type Secret = string | NodeJS.ArrayBufferView | KeyObject;

/**
 * The cookie that carries the sid.
 *
 * @publicApi
 */
export interface SessionCookieOptions {
  /**
   * How long the browser keeps the cookie. It is the idle timeout too. Without it the browser drops the cookie when it closes, and `store.ttl` is the idle
   * timeout.
   *
   * @daily
   * @unit ms
   * @default none
   * @see express-session
   */
  maxAge?: number | null | undefined;
  /**
   * When the browser drops the cookie. Prefer `maxAge`.
   *
   * @default none
   * @see express-session
   */
  expires?: Date | null | undefined;
  /**
   * Whether the cookie is sent over https only. `'auto'`: when the request that sets it came over https. Set `true` in production.
   *
   * @daily
   * @default 'auto'
   * @see RFC 6265bis, section 4.1.2.5
   */
  secure?: boolean | 'auto' | undefined;
  /**
   * Hides the cookie from scripts in the page.
   *
   * @default true
   * @see RFC 6265bis, section 4.1.2.6; OWASP ASVS 5.0, 3.3.4
   */
  httpOnly?: boolean | undefined;
  /**
   * Which requests from other sites carry the cookie. `'auto'`: `none` over https, otherwise `lax`.
   *
   * @default 'lax'
   * @see RFC 6265bis, section 4.1.2.7; OWASP ASVS 5.0, 3.3.2
   */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
  /**
   * The browser sends the cookie below this path, and requests have a session below it.
   *
   * @default '/'
   * @see RFC 6265bis, section 4.1.2.4
   */
  path?: string | undefined;
  /**
   * Shares the cookie with the subdomains of this domain.
   *
   * @default none: only this host
   * @see RFC 6265bis, section 4.1.2.3
   */
  domain?: string | undefined;
  /**
   * Which cookies a browser drops last when it has too many.
   *
   * @default none
   * @see express-session
   */
  priority?: 'low' | 'medium' | 'high' | undefined;
  /**
   * Keeps the cookie of an embedded page separate for each embedding site (CHIPS). Needs `secure`.
   *
   * @default false
   * @see express-session
   */
  partitioned?: boolean | undefined;
}

/**
 * The session in a request: exactly the options of express-session, without `store`, so that an existing configuration can be pasted.
 *
 * @publicApi
 */
export interface SessionOptions {
  /**
   * Signs the cookie. Use at least 32 random bytes: a shorter one is an error in production, and a warning elsewhere and with `store.migrate`. To replace a secret, give an array with
   * the new one first: the first signs, all verify.
   *
   * @daily
   * @default required
   * @see OWASP ASVS 5.0, 13.3.4
   */
  secret: Secret | ArrayBuffer | readonly (Secret | ArrayBuffer)[];
  /**
   * The name of the cookie.
   *
   * @daily
   * @default `sid`, or `__Host-sid` with `cookie.secure: true`, path `/` and no domain
   * @see OWASP ASVS 5.0, 3.3.1
   */
  name?: string | undefined;
  /**
   * The attributes of the cookie, or a function that returns them for a request.
   *
   * @default {}
   */
  cookie?: SessionCookieOptions | ((request: IncomingMessage) => SessionCookieOptions) | undefined;
  /**
   * When the cookie is sent again to move its expiry: `true` with every response, which then costs a touch; `'touch'` when the idle timeout restarts (see
   * `store.touchAfter`); `false` only when the session changed.
   *
   * @default 'touch'
   * @see express-session
   */
  rolling?: boolean | 'touch' | undefined;
  /**
   * Restarts the idle timeout at the end of every request. Entries that did not change are never written again.
   *
   * @default false
   * @see express-session
   */
  resave?: boolean | undefined;
  /**
   * Stores new sessions, and sends their cookie, even if nothing was put into them.
   *
   * @default false
   * @see express-session
   */
  saveUninitialized?: boolean | undefined;
  /**
   * What `req.session = null` does at the end of the request: end the session, or keep it in the store.
   *
   * @default 'keep'
   * @see express-session
   */
  unset?: 'destroy' | 'keep' | undefined;
  /**
   * Whose `X-Forwarded-Proto`, `X-Forwarded-For` (for `store.track`) and `X-Forwarded-Host` (for `csrf`) to believe, as Express' "trust proxy" has it: a
   * number of proxies before this process; their addresses, such as `'loopback, 10.0.0.0/8'`; `true` for everybody, `false` for nobody. If you leave it
   * out, your web framework's own setting decides.
   *
   * @daily
   * @unit proxies
   * @default undefined
   * @see express-session
   */
  proxy?: boolean | number | string | readonly string[] | undefined;
  /**
   * Makes the id of a new session. It must be unguessable and new on every call.
   *
   * @default 40 random bytes
   * @see express-session
   */
  genid?: ((request: IncomingMessage) => string) | undefined;
  /**
   * Sends `Cache-Control: no-store` with each cookie, so that no cache gives it to somebody else. Not with `middleware: 'express-session'`.
   *
   * @default true
   * @see RFC 9111, section 7.3
   */
  noStore?: boolean | undefined;
  /**
   * A header for clients that are not browsers, such as `'X-Session'`. A request that has it, and no session cookie, gets its session by it: its value is
   * `new`, or what the response to an earlier request had in the same header. Not with `middleware: 'express-session'`.
   *
   * @default none
   */
  header?: string | undefined;
  /**
   * Which requests only look at their session: they don't restart its idle timeout, and get no new secret and no cookie. For what is no handler of Nest;
   * those have `@Passive()`. A request that changes its session all the same fails with `SESSION_MISUSE`.
   *
   * @default none
   */
  passive?: ((request: IncomingMessage) => boolean) | undefined;
  /**
   * Which middleware serves the requests: `'builtin'`, which stores before it answers, or `'express-session'`, that package itself over the same store
   * (`npm install express-session`).
   *
   * @default 'builtin'
   */
  middleware?: 'builtin' | 'express-session' | undefined;
  /**
   * Refuses requests with an unsafe method (any but GET, HEAD and OPTIONS) that a page of another site may have sent, with 403, whether somebody is signed
   * in or not. Open single handlers with `@CsrfExempt()`.
   *
   * @daily
   * @default false
   * @see OWASP ASVS 5.0, 3.5.1
   */
  csrf?: boolean | CsrfOptions | undefined;
}

/** {@link SessionOptions} with every default filled in. */
export interface SessionSettings {
  readonly name: string;
  readonly secrets: readonly Secret[];
  readonly cookie: SessionCookieOptions | ((request: IncomingMessage) => SessionCookieOptions);
  readonly rolling: boolean | 'touch';
  readonly resave: boolean;
  readonly saveUninitialized: boolean;
  readonly unset: 'destroy' | 'keep';
  /** Whom to trust; `undefined` where the framework decides. */
  readonly proxy: TrustedProxies | undefined;
  readonly genid: ((request: IncomingMessage) => string) | undefined;
  readonly noStore: boolean;
  readonly header: string | undefined;
  readonly passive: ((request: IncomingMessage) => boolean) | undefined;
  readonly middleware: 'builtin' | 'express-session';
  readonly csrf: CsrfSettings;
}

export const SESSION_DEFAULTS = {
  name: 'sid',
  hostName: '__Host-sid',
  rolling: 'touch',
  resave: false,
  saveUninitialized: false,
  unset: 'keep',
  noStore: true,
  middleware: 'builtin',
} as const;

export const COOKIE_DEFAULTS = { secure: 'auto', httpOnly: true, sameSite: 'lax', path: '/' } as const satisfies SessionCookieOptions;

/** Fills in the defaults of options without problems. */
export function resolveSessionOptions(options: SessionOptions): SessionSettings {
  const { cookie: given = {} } = options;
  const cookie = typeof given === 'function' ? given : withoutUndefined(given);
  const shown = {
    name: options.name ?? defaultName(cookie),
    cookie,
    rolling: options.rolling ?? SESSION_DEFAULTS.rolling,
    resave: options.resave ?? SESSION_DEFAULTS.resave,
    saveUninitialized: options.saveUninitialized ?? SESSION_DEFAULTS.saveUninitialized,
    unset: options.unset ?? SESSION_DEFAULTS.unset,
    proxy: resolveProxyOption(options.proxy),
    genid: options.genid,
    noStore: options.noStore ?? SESSION_DEFAULTS.noStore,
    header: options.header,
    passive: options.passive,
    middleware: options.middleware ?? SESSION_DEFAULTS.middleware,
    csrf: resolveCsrfOption(options.csrf),
  };
  return withHiddenProperties(shown, { secrets: secretsOf(options.secret) });
}

/** Idle timeout in seconds that the cookie asks for. */
export function idleOfCookie({ cookie }: SessionOptions): number | undefined {
  return typeof cookie === 'object' && isPositive(cookie.maxAge) ? cookie.maxAge / 1_000 : undefined;
}

export function secretsOf(secret: unknown): Secret[] {
  if (secret === undefined || secret === null || secret === '') return [];
  const secrets: unknown[] = Array.isArray(secret) ? secret : [secret];
  return secrets.map((one) => (types.isArrayBuffer(one) ? Buffer.from(one) : one)) as Secret[];
}

export function defaultName(cookie: NonNullable<SessionOptions['cookie']>): string {
  const isHostOnly = typeof cookie === 'object' && cookie.secure === true && (cookie.path ?? '/') === '/' && !cookie.domain;
  return isHostOnly ? SESSION_DEFAULTS.hostName : SESSION_DEFAULTS.name;
}
