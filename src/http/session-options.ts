import type { KeyObject } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { csrfOptionProblems, resolveCsrfOption, type CsrfOptions, type CsrfSettings } from './csrf-options.js';
import { isPositive, kindOf, namesOf, unknownNames } from '../session/option-checks.js';

/** A key of the signature. */
export type Secret = string | NodeJS.ArrayBufferView | KeyObject;

/**
 * The cookie that carries the sid.
 *
 * @publicApi
 */
export interface SessionCookieOptions {
  /**
   * How long the browser keeps the cookie, in ms, and with it the idle timeout of the session. Without it the browser drops the cookie
   * when it closes, and `store.ttl` is the idle timeout.
   *
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
   * Whether the cookie is sent over https only; `'auto'`: when the request came that way.
   *
   * @default 'auto'
   * @see RFC 6265bis, section 4.1.2.5
   */
  secure?: boolean | 'auto' | undefined;
  /**
   * Hides the cookie from scripts of the page.
   *
   * @default true
   * @see RFC 6265bis, section 4.1.2.6; OWASP ASVS 5.0, 3.3.4
   */
  httpOnly?: boolean | undefined;
  /**
   * Which requests from other sites carry the cookie; `'auto'`: `none` over https, otherwise `lax`.
   *
   * @default 'lax'
   * @see RFC 6265bis, section 4.1.2.7; OWASP ASVS 5.0, 3.3.2
   */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
  /**
   * The path below which the browser sends the cookie, and below which requests have a session.
   *
   * @default '/'
   * @see RFC 6265bis, section 4.1.2.4
   */
  path?: string | undefined;
  /**
   * Lets the subdomains of this domain have the cookie too.
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
   * Keeps a cookie of an embedded page apart for each embedding site (CHIPS). Needs `secure`.
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
   * What signs the cookie. With several, the first signs and all verify, so a secret is replaced by putting the new one in front. At
   * least 32 bytes each: shorter is an error in production and a warning elsewhere.
   *
   * @see OWASP ASVS 5.0, 13.3.4
   */
  secret: Secret | readonly Secret[];
  /**
   * The cookie's name.
   *
   * @default 'sid', and '__Host-sid' with `cookie.secure: true`, path `/` and no domain
   * @see OWASP ASVS 5.0, 3.3.1
   */
  name?: string | undefined;
  /**
   * The cookie's attributes, or a function that gives them for a request.
   *
   * @default {}
   */
  cookie?: SessionCookieOptions | ((request: IncomingMessage) => SessionCookieOptions) | undefined;
  /**
   * When the cookie is sent again to move its expiry: `true` with every response, which then costs a touch, `'touch'` when the idle timeout
   * starts anew (see `store.touchAfter`), `false` only when the session changed.
   *
   * @default 'touch'
   * @see express-session
   */
  rolling?: boolean | 'touch' | undefined;
  /**
   * Starts the idle timeout anew at the end of every request. Entries that did not change are never written again.
   *
   * @default false
   * @see express-session
   */
  resave?: boolean | undefined;
  /**
   * Stores a session, and sends its cookie, although nothing was put into it.
   *
   * @default false
   * @see express-session
   */
  saveUninitialized?: boolean | undefined;
  /**
   * What `req.session = null` does at the end of the request: end the session, or leave it as it is in the store.
   *
   * @default 'keep'
   * @see express-session
   */
  unset?: 'destroy' | 'keep' | undefined;
  /**
   * Whether `X-Forwarded-Proto` is believed, and, by `csrf`, `X-Forwarded-Host`. Without it, Express' "trust proxy" setting decides, which can name the proxies to believe.
   *
   * @default undefined
   * @see express-session
   */
  proxy?: boolean | undefined;
  /**
   * Makes the id of a new session. It must be unguessable and new on every call.
   *
   * @default 40 random bytes
   * @see express-session
   */
  genid?: ((request: IncomingMessage) => string) | undefined;
  /**
   * Sends `Cache-Control: no-store` with each cookie, so that no cache in between gives it to somebody else. Not with `'express-session'`.
   *
   * @default true
   * @see RFC 9111, section 7.3
   */
  noStore?: boolean | undefined;
  /**
   * Which code serves the requests: ours, which stores before it answers, or express-session itself over the same store.
   *
   * @default 'builtin'
   */
  middleware?: 'builtin' | 'express-session' | undefined;
  /**
   * Refuses requests with an unsafe method that a page of another site may have sent, with 403, whether somebody is signed in or not. See
   * `CsrfGuard`, and `@CsrfExempt()` for exceptions.
   *
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
  readonly proxy: boolean | undefined;
  readonly genid: ((request: IncomingMessage) => string) | undefined;
  readonly noStore: boolean;
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

export const SESSION_NAMES = [
  'secret',
  'name',
  'cookie',
  'rolling',
  'resave',
  'saveUninitialized',
  'unset',
  'proxy',
  'genid',
  'noStore',
  'middleware',
  'csrf',
];
const COOKIE_NAMES = ['maxAge', 'expires', 'secure', 'httpOnly', 'sameSite', 'path', 'domain', 'priority', 'partitioned'];

/** Names that people put beside the secret. */
const ELSEWHERE = new Map([
  ...namesOf('session.cookie', COOKIE_NAMES),
  ...namesOf('store', ['ttl', 'prefix', 'absoluteTtl']),
  ['store', 'store'],
  ['key', 'session.name'],
  ...namesOf('session.csrf', ['trustedOrigins', 'strict']),
]);

const LEAST_SECRET_BYTES = 32;
/** RFC 6265bis, section 4.1.1: a cookie name is a token of RFC 9110. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** As the package `cookie` has it, which throws at anything else, and so at every response. */
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const PATH = /^\/[\x20-\x3A\x3D-\x7E]*$/;

/** Fills in the defaults of options without problems. */
export function resolveSessionOptions(options: SessionOptions): SessionSettings {
  const { cookie: given = {} } = options;
  const cookie = typeof given === 'function' ? (request: IncomingMessage) => withoutUndefined(given(request)) : withoutUndefined(given);
  return {
    name: options.name ?? defaultName(cookie),
    secrets: secretsOf(options.secret),
    cookie,
    rolling: options.rolling ?? SESSION_DEFAULTS.rolling,
    resave: options.resave ?? SESSION_DEFAULTS.resave,
    saveUninitialized: options.saveUninitialized ?? SESSION_DEFAULTS.saveUninitialized,
    unset: options.unset ?? SESSION_DEFAULTS.unset,
    proxy: options.proxy,
    genid: options.genid,
    noStore: options.noStore ?? SESSION_DEFAULTS.noStore,
    middleware: options.middleware ?? SESSION_DEFAULTS.middleware,
    csrf: resolveCsrfOption(options.csrf),
  };
}

/** What is wrong with session options, one sentence each: name, rule, cure. */
export function sessionOptionProblems(options: SessionOptions, production: boolean): string[] {
  const problems = unknownNames('session', options, SESSION_NAMES, ELSEWHERE);
  problems.push(...secretProblems(options.secret, production));
  const oneOf = (name: keyof SessionOptions, ...values: readonly unknown[]) => {
    if (options[name] !== undefined) problems.push(...choiceProblem(`session.${name}`, options[name], values));
  };
  oneOf('rolling', true, false, 'touch');
  oneOf('resave', true, false);
  oneOf('saveUninitialized', true, false);
  oneOf('unset', 'destroy', 'keep');
  oneOf('proxy', true, false);
  oneOf('noStore', true, false);
  oneOf('middleware', 'builtin', 'express-session');
  if (options.genid !== undefined && typeof options.genid !== 'function')
    problems.push(`"session.genid" must be a function that returns a new unguessable string, received ${kindOf(options.genid)}.`);
  if (options.name !== undefined && (typeof options.name !== 'string' || !COOKIE_NAME.test(options.name)))
    problems.push('"session.name" must be a cookie name: letters, digits and !#$%&\'*+-.^_`|~ only (RFC 6265). Use something like "sid".');

  problems.push(...csrfOptionProblems(options.csrf));

  const { cookie } = options;
  if (cookie === undefined || typeof cookie === 'function') return problems;
  if (typeof cookie !== 'object' || cookie === null)
    return [...problems, `"session.cookie" must be an object or a function, received ${kindOf(cookie)}.`];
  return [
    ...problems,
    ...unknownNames('session.cookie', cookie, COOKIE_NAMES),
    ...cookieProblems(cookie, options.name ?? defaultName(cookie)),
  ];
}

/** Idle timeout in seconds that the cookie asks for. */
export function idleOfCookie({ cookie }: SessionOptions): number | undefined {
  return typeof cookie === 'object' && isPositive(cookie.maxAge) ? cookie.maxAge / 1_000 : undefined;
}

/** A sentence when a secret is short, for a warning outside production. */
export function shortSecretWarning(options: SessionOptions): string | undefined {
  return secretsOf(options.secret).some(isShort)
    ? `"session.secret" has fewer than ${LEAST_SECRET_BYTES} bytes; this is an error in production. Make one with: openssl rand -base64 32`
    : undefined;
}

function cookieProblems(cookie: SessionCookieOptions, name: string): string[] {
  const problems: string[] = [];
  const { maxAge, expires, secure, partitioned, domain, path } = cookie;
  const sameSite = foldCase(cookie.sameSite);
  const oneOf = (attribute: string, value: unknown, ...values: readonly unknown[]) => {
    if (value !== undefined && value !== null) problems.push(...choiceProblem(`session.cookie.${attribute}`, value, values));
  };
  oneOf('secure', secure, true, false, 'auto');
  oneOf('httpOnly', cookie.httpOnly, true, false);
  oneOf('sameSite', sameSite, true, false, 'lax', 'strict', 'none', 'auto');
  oneOf('priority', foldCase(cookie.priority), 'low', 'medium', 'high');
  oneOf('partitioned', partitioned, true, false);
  const isSecure = secure === true || secure === 'auto';
  if (maxAge !== undefined && maxAge !== null && !isPositive(maxAge))
    problems.push(
      `"session.cookie.maxAge" must be a positive finite number of milliseconds, received ${kindOf(maxAge)}. Leave it out for a cookie that ends with the browser.`,
    );
  if (expires && !(expires instanceof Date && Number.isFinite(expires.getTime())))
    problems.push(`"session.cookie.expires" must be a Date, received ${kindOf(expires)}. Leave it out, and set "session.cookie.maxAge".`);
  if (sameSite === 'none' && !isSecure)
    problems.push(
      '"session.cookie.sameSite" may be "none" only with a secure cookie: browsers refuse it otherwise. Set "session.cookie.secure" to true, or to "auto" behind a proxy.',
    );
  if (partitioned === true && !isSecure)
    problems.push('"session.cookie.partitioned" needs a secure cookie: browsers refuse it otherwise. Set "session.cookie.secure" to true.');
  if (name.startsWith('__Host-') && (Boolean(domain) || (path ?? COOKIE_DEFAULTS.path) !== '/' || secure === false))
    problems.push(
      '"session.name" may begin with "__Host-" only for a secure cookie with path "/" and no domain: browsers refuse it otherwise. Change the name or those attributes.',
    );
  if (name.startsWith('__Secure-') && secure === false)
    problems.push(
      '"session.name" may begin with "__Secure-" only for a secure cookie: browsers refuse it otherwise. Change the name or "session.cookie.secure".',
    );
  if (domain && (typeof domain !== 'string' || !DOMAIN.test(domain)))
    problems.push(
      '"session.cookie.domain" must be a domain name such as "example.com", without protocol and port. Leave it out for this host only.',
    );
  if (path !== undefined && (typeof path !== 'string' || !PATH.test(path)))
    problems.push(
      '"session.cookie.path" must begin with "/" and be without ";" and control characters, which would end it. Leave it out for "/".',
    );
  return problems;
}

/** What is there and `undefined`, as `config.get()` yields it, is no wish: least of all for a cookie that scripts can read. */
function withoutUndefined(cookie: SessionCookieOptions): SessionCookieOptions {
  return Object.fromEntries(Object.entries(cookie).filter(([, value]) => value !== undefined));
}

function choiceProblem(name: string, value: unknown, values: readonly unknown[]): string[] {
  if (values.includes(value)) return [];
  const quoted = values.map((one) => JSON.stringify(one));
  return [`"${name}" must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}, received ${kindOf(value)}.`];
}

/** As the package `cookie` reads a word. `'auto'` is express-session's, which takes it only as it stands. */
function foldCase(value: unknown): unknown {
  const folded = typeof value === 'string' ? value.toLowerCase() : value;
  return folded === 'auto' ? value : folded;
}

function secretProblems(secret: unknown, production: boolean): string[] {
  const secrets = secretsOf(secret);
  const cure = 'Make one with: openssl rand -base64 32';
  if (secrets.length === 0)
    return [`"session.secret" must be a non-empty string, or an array of them, received ${kindOf(secret)}. ${cure}`];
  if (secrets.some((one) => byteLength(one) === 0)) return [`"session.secret" must not hold an empty or missing secret. ${cure}`];
  if (production && secrets.some(isShort))
    return [`"session.secret" must have at least ${LEAST_SECRET_BYTES} bytes in production. ${cure}`];
  return [];
}

function secretsOf(secret: unknown): Secret[] {
  if (secret === undefined || secret === null || secret === '') return [];
  return (Array.isArray(secret) ? [...secret] : [secret]) as Secret[];
}

function isShort(secret: Secret): boolean {
  return byteLength(secret) < LEAST_SECRET_BYTES;
}

/** 0 for what cannot be a secret. */
function byteLength(secret: unknown): number {
  if (typeof secret === 'string') return Buffer.byteLength(secret);
  if (ArrayBuffer.isView(secret)) return secret.byteLength;
  return isSecretKey(secret) ? (secret.symmetricKeySize ?? 0) : 0;
}

function isSecretKey(value: unknown): value is KeyObject {
  return typeof value === 'object' && value !== null && 'symmetricKeySize' in value;
}

function defaultName(cookie: NonNullable<SessionOptions['cookie']>): string {
  const isHostOnly = typeof cookie === 'object' && cookie.secure === true && (cookie.path ?? '/') === '/' && !cookie.domain;
  return isHostOnly ? SESSION_DEFAULTS.hostName : SESSION_DEFAULTS.name;
}
