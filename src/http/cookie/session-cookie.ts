import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { LruCache, ownCopy } from '../../session/lru-cache.js';
import { withoutUndefined } from '../../session/option-checks.js';
import type { CookieAttributes } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import { cookieValues } from './cookie-header.js';
import { warnOnce } from '../../session/warn-once.js';
import { createCookie, restartMaxAge, type Cookie } from './cookie.js';
import { isSecureRequest } from '../request/request-security.js';
import { cookieOptionProblems } from '../request/session-option-problems.js';
import { COOKIE_DEFAULTS, type Secret, type SessionCookieOptions, type SessionSettings } from '../request/session-options.js';
import { SuspiciousCookies } from './suspicious-cookies.js';
import { VerifiedCookies } from './verified-cookies.js';

const SIGNED = 's:';
const WITHHELD =
  'A session has begun, and its cookie was not sent: "session.cookie.secure" is true, and the request came over http, so the visitor stays signed out. Use https, trust the proxy that ends it ("session.proxy", or what your web framework has for that), or set "session.cookie.secure" to "auto".';
const MOST_CHARACTERS = 4_096;
/**
 * Each may cost a command. Those with a bad signature do not count, or a few planted ones would hide the session: what they cost is bounded by the 16 kB
 * that Node takes of headers, some 300 of them.
 */
const MOST_SIDS = 3;
/** Of HMAC-SHA256, in base64 without padding. */
const SIGNATURE_CHARACTERS = 43;
const NO_SIDS: readonly Sid[] = [];
const SIGNED_VALUES = 5_000;

/** The cookie's attributes by configuration. */
export type ConfiguredCookie = Readonly<CookieAttributes & { maxAge?: number | null | undefined }>;

/** With what a parser of cookies that ran before has left. */
interface ParsedRequest extends IncomingMessage {
  readonly cookies?: Record<string, unknown>;
}

/** The session cookie on its way in and out. Format: `s:` sid `.` HMAC-SHA256, as express-session has it. */
export class SessionCookie {
  readonly name: string;
  readonly #known = new VerifiedCookies();
  readonly #signed = new LruCache<string>(SIGNED_VALUES);
  readonly #suspicious: SuspiciousCookies;
  readonly #warn: (message: string) => void;
  /** By whether the request came over https, where the configuration asks nothing else of it. */
  readonly #fixed = new Map<boolean, ConfiguredCookie>();
  #needsCheck: boolean | undefined;

  readonly #settings: SessionSettings;

  constructor(settings: SessionSettings, warn: (message: string) => void) {
    this.#settings = settings;
    this.name = settings.name;
    this.#suspicious = new SuspiciousCookies(warn);
    this.#warn = warn;
  }

  /** The sids of the request's cookies of this name, those whose signature is ours: a browser sends one for each path and domain. */
  read(request: IncomingMessage): readonly Sid[] {
    const { cookie: header } = request.headers;
    return header === undefined ? this.#readParsed(request) : this.#verifiedOf(cookieValues(header, this.name));
  }

  /** The value that {@link read} takes for that sid's, in a header of its own. */
  headerOf(sid: Sid): string {
    const [secret] = this.#settings.secrets;
    return secret === undefined ? '' : `${this.name}=${encodeURIComponent(this.#sign(sid, secret))}`;
  }

  /** The configured attributes, unless they depend on the request. */
  get fixedOptions(): SessionCookieOptions | undefined {
    const { cookie } = this.#settings;
    return typeof cookie === 'function' ? undefined : cookie;
  }

  /** What the cookie is for this request by configuration, `'auto'` resolved. */
  configured(request: IncomingMessage): ConfiguredCookie {
    const { cookie, proxy } = this.#settings;
    if (typeof cookie === 'function') {
      const options = { ...COOKIE_DEFAULTS, ...this.#checked(cookie(request)) };
      return resolveAuto(options, needsCheck(options) && isSecureRequest(request, proxy));
    }
    this.#needsCheck ??= needsCheck({ ...COOKIE_DEFAULTS, ...cookie });
    const isSecure = this.#needsCheck && isSecureRequest(request, proxy);
    let fixed = this.#fixed.get(isSecure);
    if (fixed === undefined) {
      fixed = resolveAuto({ ...COOKIE_DEFAULTS, ...cookie }, isSecure);
      this.#fixed.set(isSecure, fixed);
    }
    return fixed;
  }

  /** What a function gives is checked like an option: with a wrong attribute no answer could say anything of the cookie. */
  #checked(given: unknown): SessionCookieOptions {
    const problems = cookieOptionProblems(given, this.name);
    if (problems.length > 0)
      throw new SessionMisuseError(
        `The function "session.cookie" returned something that is not a cookie:\n${problems.map((one) => `  - ${one}`).join('\n')}`,
      );
    return withoutUndefined(given as SessionCookieOptions);
  }

  /** The header that tells the browser the sid. `undefined` when the cookie may go over https only and the request came otherwise. */
  settingHeader(request: IncomingMessage, sid: Sid, cookie: Cookie): string | undefined {
    const [secret] = this.#settings.secrets;
    if (secret === undefined || this.#withholds(request, cookie)) return undefined;
    restartMaxAge(cookie);
    return cookie.serialize(this.name, this.#sign(sid, secret));
  }

  /** The header that tells the browser to drop the cookie: same attributes, an expiry in the past. */
  clearingHeader(cookie: Cookie): string {
    return createCookie({ ...cookie.data, originalMaxAge: undefined, expires: new Date(0) }).serialize(this.name, '');
  }

  /** Whether the cookie may go over https only and the request came otherwise, which is warned of. */
  #withholds(request: IncomingMessage, cookie: Cookie): boolean {
    const isWithheld = cookie.secure === true && !isSecureRequest(request, this.#settings.proxy);
    if (isWithheld) warnOnce(this.#warn, WITHHELD);
    return isWithheld;
  }

  /** The same browser is often told the same again, only with another expiry. */
  #sign(sid: Sid, secret: Secret): string {
    let value = this.#signed.get(sid);
    if (value === undefined) {
      value = `${SIGNED}${sid}.${sign(sid, secret)}`;
      this.#signed.add(ownCopy(sid), value);
    }
    return value;
  }

  /**
   * Where the header is no longer there. What stands in `signedCookies` was verified by somebody else's secrets, and cannot be by ours any more; and a
   * parser beside the header may find what browsers let others set, by taking more for white space.
   */
  #readParsed({ cookies }: ParsedRequest): readonly Sid[] {
    const value = cookies?.[this.name];
    return typeof value === 'string' ? this.#verifiedOf([value]) : NO_SIDS;
  }

  #verifiedOf(values: readonly string[]): readonly Sid[] {
    if (values.length === 0) return NO_SIDS;
    const sids: Sid[] = [];
    let bad = 0;
    for (const value of values) {
      const sid = this.#verified(value);
      if (sid === undefined) bad += value === '' ? 0 : 1;
      else if (!sids.includes(sid)) sids.push(sid);
      if (sids.length === MOST_SIDS) break;
    }
    if (bad > 0) this.#suspicious.add(bad);
    return sids;
  }

  /** @param raw as it stands in the header */
  #verified(raw: string): Sid | undefined {
    const known = this.#known.get(raw);
    if (known !== undefined) return known;
    const sid = raw.length > MOST_CHARACTERS ? undefined : this.#verify(decode(unquote(raw)));
    if (sid !== undefined) this.#known.add(raw, sid);
    return sid;
  }

  #verify(value: string): Sid | undefined {
    if (value.length > MOST_CHARACTERS || !value.startsWith(SIGNED)) return undefined;
    const dot = value.lastIndexOf('.');
    const sid = value.slice(SIGNED.length, dot);
    if (dot < SIGNED.length || sid === '') return undefined;
    const signature = Buffer.from(value.slice(dot + 1));
    if (signature.length !== SIGNATURE_CHARACTERS) return undefined;
    const isOurs = this.#settings.secrets.some((secret) => {
      const expected = Buffer.from(sign(sid, secret));
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    });
    return isOurs ? (sid as Sid) : undefined;
  }
}

function needsCheck({ secure, sameSite }: SessionCookieOptions): boolean {
  return secure === 'auto' || sameSite === 'auto';
}

function resolveAuto(options: SessionCookieOptions, isSecure: boolean): ConfiguredCookie {
  return {
    ...options,
    secure: options.secure === 'auto' ? isSecure : options.secure,
    sameSite: options.sameSite === 'auto' ? (isSecure ? 'none' : 'lax') : options.sameSite,
  };
}

function sign(sid: string, secret: Secret): string {
  return createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
