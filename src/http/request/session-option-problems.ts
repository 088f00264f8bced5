import type { KeyObject } from 'node:crypto';
import { csrfOptionProblems } from '../csrf/csrf-options.js';
import { isCookieDomain } from '../../session/cookie-domain.js';
import { hasEnd } from '../../session/lifetime.js';
import { isThenable } from '../../session/thenable.js';
import { isPositive, kindOf, namesOf, unknownNames } from '../../session/option-checks.js';
import { SHORT_SECRET_IN_MOVE } from '../../session/store/migrate-options.js';
import type { SessionStore } from '../../session/store/session-store.js';
import { COOKIE_DEFAULTS, defaultName, secretsOf, type Secret, type SessionCookieOptions, type SessionOptions } from './session-options.js';
import { proxyOptionProblems } from './trusted-proxies.js';

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
  'header',
  'passive',
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
/** RFC 6265bis, section 5.5: a browser keeps no cookie for longer than 400 days. */
const LONGEST_COOKIE_MS = 400 * 86_400_000;
/** RFC 9110, section 5.6.2: what the name of a header is; and of a cookie (RFC 6265bis, section 4.1.1). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What browsers, servers and proxies give a meaning of its own, or take for themselves. */
const TAKEN_HEADER =
  /^(?:accept|age|allow|alt-svc|authorization|cache-control|connection|content|cookie|date|dnt|early-data|etag|expect|expires|forwarded|from|host|http2-settings|if|keep-alive|last-modified|link|location|max-forwards|origin|permissions-policy|pragma|priority|proxy|range|referer|referrer-policy|retry-after|sec|server|set-cookie|strict-transport-security|te|trailer|transfer-encoding|upgrade|user-agent|vary|via|warning|www-authenticate)$|^(?:accept|access-control|content|if|proxy|sec|x-forwarded)-/i;
const PATH = /^\/[\x20-\x3A\x3D-\x7E]*$/;

/**
 * What is wrong with session options, one sentence each: name, rule, cure.
 *
 * @param names all that can stand beside these options, for who has mistyped one
 */
export function sessionOptionProblems(options: SessionOptions, production: boolean, names: readonly string[] = SESSION_NAMES): string[] {
  const problems = unknownNames('session', options, names, ELSEWHERE);
  problems.push(...secretProblems(options.secret, production));
  const oneOf = (name: keyof SessionOptions, ...values: readonly unknown[]) => {
    if (options[name] !== undefined) problems.push(...choiceProblem(`session.${name}`, options[name], values));
  };
  oneOf('rolling', true, false, 'touch');
  oneOf('resave', true, false);
  oneOf('saveUninitialized', true, false);
  oneOf('unset', 'destroy', 'keep');
  problems.push(...proxyOptionProblems(options.proxy));
  oneOf('noStore', true, false);
  oneOf('middleware', 'builtin', 'express-session');
  if (options.genid !== undefined && typeof options.genid !== 'function')
    problems.push(`"session.genid" must be a function that returns a new unguessable string, received ${kindOf(options.genid)}.`);
  if (options.passive !== undefined && typeof options.passive !== 'function')
    problems.push(
      `"session.passive" must be a function that says of a request whether it only looks at its session, received ${kindOf(options.passive)}.`,
    );
  if (options.name !== undefined && (typeof options.name !== 'string' || !TOKEN.test(options.name)))
    problems.push('"session.name" must be a cookie name: letters, digits and !#$%&\'*+-.^_`|~ only (RFC 6265). Use something like "sid".');

  problems.push(...headerProblems(options));
  problems.push(...csrfOptionProblems(options.csrf));

  const { cookie } = options;
  if (cookie === undefined || typeof cookie === 'function') return problems;
  return [...problems, ...cookieOptionProblems(cookie, options.name)];
}

/**
 * What is wrong with the attributes of the cookie, given as an option or by a function.
 *
 * @param name of the cookie; without it, the one that such a cookie gets
 */
export function cookieOptionProblems(given: unknown, name?: string): string[] {
  if (typeof given !== 'object' || given === null || isThenable(given))
    return [
      `"session.cookie" must be an object, or a function that returns one, received ${isThenable(given) ? 'a promise' : kindOf(given)}.`,
    ];
  const cookie = given as SessionCookieOptions;
  return [...unknownNames('session.cookie', cookie, COOKIE_NAMES), ...cookieProblems(cookie, name ?? defaultName(cookie))];
}

/**
 * A sentence when a secret is short, for a warning outside production.
 *
 * @param isMove whether sessions of connect-redis are moved in, which another secret would end
 */
export function shortSecretWarning(options: SessionOptions, isMove: boolean): string | undefined {
  if (!secretsOf(options.secret).some(isShort)) return undefined;
  return isMove
    ? SHORT_SECRET_IN_MOVE
    : `"session.secret" has fewer than ${LEAST_SECRET_BYTES} bytes; this is an error in production. Make one with: openssl rand -base64 32`;
}

const MINUTE = 60_000;

/**
 * What is allowed, and is hardly meant: one unit taken for the other, or two answers to one question.
 *
 * @param ttl `store.ttl` in seconds, where it is given
 * @see suspectTtl
 */
export function suspectTimes({ cookie }: SessionOptions, ttl?: number): string[] {
  const maxAge = typeof cookie === 'object' && isPositive(cookie.maxAge) ? cookie.maxAge : undefined;
  const warnings: string[] = [];
  if (maxAge !== undefined && maxAge < MINUTE)
    warnings.push(
      `"session.cookie.maxAge" is ${maxAge} ms, so sessions end after less than a minute. It is in milliseconds: multiply seconds by 1,000.`,
    );
  if (maxAge !== undefined && ttl !== undefined && maxAge !== ttl * 1_000)
    warnings.push(
      `"session.cookie.maxAge" (${maxAge / 1_000} s) and "store.ttl" (${ttl} s) both say after how long a session ends, and the cookie's wins. Leave one of them out.`,
    );
  return warnings;
}

/** The idle timeout in seconds that a store was given; `undefined` where it has its own. */
export function ttlGivenTo({ settings }: SessionStore): number | undefined {
  return settings === undefined || settings.idleIsDefault ? undefined : settings.idle / 1_000;
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
  else if (isPositive(maxAge) && !hasEnd(maxAge))
    problems.push(
      `"session.cookie.maxAge" (${maxAge} ms) ends at a date that does not exist. Give milliseconds, such as ${LONGEST_COOKIE_MS} for 400 days, the longest that browsers keep a cookie.`,
    );
  if (expires && !(expires instanceof Date && Number.isFinite(expires.getTime())))
    problems.push(`"session.cookie.expires" must be a Date, received ${kindOf(expires)}. Leave it out, and set "session.cookie.maxAge".`);
  if (sameSite === 'none' && !isSecure)
    problems.push(
      '"session.cookie.sameSite" may be "none" only with a secure cookie: browsers refuse it otherwise. Set "session.cookie.secure" to true, or to "auto" behind a proxy.',
    );
  if (partitioned === true && !isSecure)
    problems.push('"session.cookie.partitioned" needs a secure cookie: browsers refuse it otherwise. Set "session.cookie.secure" to true.');
  if (hasPrefix(name, '__Host-') && (Boolean(domain) || (path ?? COOKIE_DEFAULTS.path) !== '/' || secure === false))
    problems.push(
      '"session.name" may begin with "__Host-" only for a secure cookie with path "/" and no domain: browsers refuse it otherwise. Change the name or those attributes.',
    );
  if (hasPrefix(name, '__Secure-') && secure === false)
    problems.push(
      '"session.name" may begin with "__Secure-" only for a secure cookie: browsers refuse it otherwise. Change the name or "session.cookie.secure".',
    );
  if (domain && !isCookieDomain(domain))
    problems.push(
      '"session.cookie.domain" must be a domain name such as "example.com", without protocol and port. Leave it out for this host only.',
    );
  if (path !== undefined && (typeof path !== 'string' || !PATH.test(path)))
    problems.push(
      '"session.cookie.path" must begin with "/" and be without ";" and control characters, which would end it. Leave it out for "/".',
    );
  return problems;
}

function headerProblems({ header, middleware }: SessionOptions): string[] {
  if (header === undefined) return [];
  const cure = 'Use something like "X-Session".';
  if (typeof header !== 'string' || !TOKEN.test(header))
    return [`"session.header" must be the name of a header: letters, digits and !#$%&'*+-.^_\`|~ only (RFC 9110). ${cure}`];
  if (TAKEN_HEADER.test(header))
    return [`"session.header" must be a header of its own, and ${JSON.stringify(header)} has a meaning already. ${cure}`];
  if (middleware === 'express-session')
    return [
      '"session.header" must not be set with "session.middleware" "express-session": that package carries sessions in its cookie only. Leave one of the two out.',
    ];
  return [];
}

function choiceProblem(name: string, value: unknown, values: readonly unknown[]): string[] {
  if (values.includes(value)) return [];
  const quoted = values.map((one) => JSON.stringify(one));
  return [`"${name}" must be ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}, received ${kindOf(value)}.`];
}

/** RFC 6265bis, section 5.4: browsers do not mind its case. */
function hasPrefix(name: string, prefix: string): boolean {
  return name.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase();
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
  // Not `kindOf`, which shows a number.
  if (secrets.some((one) => typeof one === 'number'))
    return [`"session.secret" must be a string, or an array of them, received a number. ${cure}`];
  if (secrets.some((one) => byteLength(one) === 0)) return [`"session.secret" must not hold an empty or missing secret. ${cure}`];
  if (production && secrets.some(isShort))
    return [`"session.secret" must have at least ${LEAST_SECRET_BYTES} bytes in production. ${cure}`];
  return [];
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
