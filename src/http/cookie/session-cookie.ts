import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { withoutUndefined } from '../../session/option-checks.js';
import type { CookieAttributes } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import { cookieValues } from './cookie-header.js';
import { warnOnce } from '../../session/warn-once.js';
import { createCookie, restartMaxAge, type Cookie } from './cookie.js';
import { isSecureRequest } from '../request/request-security.js';
import { cookieOptionProblems } from '../request/session-option-problems.js';
import { COOKIE_DEFAULTS, type SessionCookieOptions, type SessionSettings } from '../request/session-options.js';
import { SignedSids } from './signed-sids.js';
import { SuspiciousCookies } from './suspicious-cookies.js';

const WITHHELD =
  'A session has begun, and its cookie was not sent: "session.cookie.secure" is true, and the request came over http, so the visitor stays signed out. Use https, trust the proxy that ends it ("session.proxy", or what your web framework has for that), or set "session.cookie.secure" to "auto".';
const NO_SIDS: readonly Sid[] = [];

/** The cookie's attributes by configuration. */
export type ConfiguredCookie = Readonly<CookieAttributes & { maxAge?: number | null | undefined }>;

/** With what a parser of cookies that ran before has left. */
interface ParsedRequest extends IncomingMessage {
  readonly cookies?: Record<string, unknown>;
}

/** The session cookie on its way in and out. Format: `s:` sid `.` HMAC-SHA256, as express-session has it. */
export class SessionCookie {
  readonly name: string;
  readonly #sids: SignedSids;
  readonly #suspicious: SuspiciousCookies;
  readonly #warn: (message: string) => void;
  /** By whether the request came over https, where the configuration asks nothing else of it. */
  readonly #fixed = new Map<boolean, ConfiguredCookie>();
  #needsCheck: boolean | undefined;

  readonly #settings: SessionSettings;

  /** @param sids what the header of other clients shares with it */
  constructor(settings: SessionSettings, warn: (message: string) => void, sids = new SignedSids(settings.secrets)) {
    this.#settings = settings;
    this.#sids = sids;
    this.name = settings.name;
    this.#suspicious = new SuspiciousCookies(warn);
    this.#warn = warn;
  }

  /** The sids of the request's cookies of this name, those whose signature is ours: a browser sends one for each path and domain. */
  read(request: IncomingMessage): readonly Sid[] {
    const { cookie: header } = request.headers;
    return header === undefined ? this.#readParsed(request) : this.#verifiedOf(cookieValues(header, this.name));
  }

  /** Whether the request has a cookie of this name, whatever is in it. */
  isIn(request: IncomingMessage): boolean {
    const { cookie: header } = request.headers;
    return header === undefined ? parsedValue(request, this.name) !== undefined : cookieValues(header, this.name).length > 0;
  }

  /** The value that {@link read} takes for that sid's, in a header of its own. */
  headerOf(sid: Sid): string {
    return `${this.name}=${encodeURIComponent(this.#sids.sign(sid))}`;
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
    if (this.withholds(request, cookie)) return undefined;
    restartMaxAge(cookie);
    return cookie.serialize(this.name, this.#sids.sign(sid));
  }

  /** The header that tells the browser to drop the cookie: same attributes, an expiry in the past. */
  clearingHeader(cookie: Cookie): string {
    return createCookie({ ...cookie.data, originalMaxAge: undefined, expires: new Date(0) }).serialize(this.name, '');
  }

  /** Whether the sid may go over https only and the request came otherwise, which is warned of. */
  withholds(request: IncomingMessage, cookie: Cookie): boolean {
    const isWithheld = cookie.secure === true && !isSecureRequest(request, this.#settings.proxy);
    if (isWithheld) warnOnce(this.#warn, WITHHELD);
    return isWithheld;
  }

  /**
   * Where the header is no longer there. What stands in `signedCookies` was verified by somebody else's secrets, and cannot be by ours any more; and a
   * parser beside the header may find what browsers let others set, by taking more for white space.
   */
  #readParsed(request: ParsedRequest): readonly Sid[] {
    const value = parsedValue(request, this.name);
    return typeof value === 'string' ? this.#verifiedOf([value]) : NO_SIDS;
  }

  #verifiedOf(values: readonly string[]): readonly Sid[] {
    return this.#sids.verified(values, this.#suspicious);
  }
}

function parsedValue({ cookies }: ParsedRequest, name: string): unknown {
  return cookies?.[name];
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
