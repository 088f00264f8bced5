import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import expressSession from 'express-session';
import type { CookieAttributes } from '../session/session-record.js';
import type { Sid } from '../session/sid.js';
import { isSecureRequest } from './request-security.js';
import { COOKIE_DEFAULTS, type SessionSettings } from './session-options.js';

/** A cookie as `req.session.cookie` shows it: express-session's own class. */
export interface Cookie extends expressSession.Cookie {
  readonly data: CookieAttributes;
  serialize(name: string, value: string): string;
}

/** express-session's types have the class as an interface only. */
const CookieClass = (expressSession as unknown as { Cookie: new (options: object) => Cookie }).Cookie;

const SIGNED = 's:';
const MOST_CHARACTERS = 4_096;

/** Parsed by cookie-parser, when it ran before. */
interface ParsedCookies {
  readonly cookies?: Record<string, unknown>;
  readonly signedCookies?: Record<string, unknown>;
}

/** The session cookie on its way in and out. Format: `s:` sid `.` HMAC-SHA256, as express-session has it. */
export class SessionCookie {
  readonly name: string;

  constructor(private readonly settings: SessionSettings) {
    this.name = settings.name;
  }

  /** The sid of the request's cookie, when its signature is ours. */
  read(request: IncomingMessage): Sid | undefined {
    const { cookies, signedCookies } = request as ParsedCookies;
    const raw = cookieValue(request.headers.cookie, this.name);
    const parsed = signedCookies?.[this.name];
    return this.#verify(raw) ?? (typeof parsed === 'string' && parsed !== '' ? (parsed as Sid) : this.#verify(cookies?.[this.name]));
  }

  /** What the cookie is for this request by configuration, `'auto'` resolved. */
  configured(request: IncomingMessage): CookieAttributes & { maxAge?: number | null | undefined } {
    const { cookie, proxy } = this.settings;
    const given = typeof cookie === 'function' ? cookie(request) : cookie;
    const options = { ...COOKIE_DEFAULTS, ...given };
    const needsCheck = options.secure === 'auto' || options.sameSite === 'auto';
    const isSecure = needsCheck && isSecureRequest(request, proxy);
    return {
      ...options,
      secure: options.secure === 'auto' ? isSecure : options.secure,
      sameSite: options.sameSite === 'auto' ? (isSecure ? 'none' : 'lax') : options.sameSite,
    };
  }

  /** A cookie object with those attributes. */
  create(attributes: CookieAttributes & { maxAge?: number | null | undefined }): Cookie {
    const { originalMaxAge, ...rest } = attributes;
    const cookie = new CookieClass(rest);
    if (originalMaxAge !== undefined) cookie.maxAge = originalMaxAge as number;
    return cookie;
  }

  /** Tells the browser to drop the cookie: same attributes, an expiry in the past. Replaces what this response said of it so far. */
  clear(response: ServerResponse, cookie: Cookie): void {
    if (response.headersSent) return;
    const dropped = new CookieClass({ ...cookie.data, expires: new Date(0) });
    response.setHeader('Set-Cookie', [...this.#otherCookies(response), dropped.serialize(this.name, '')]);
  }

  /** Takes back what this response says of the cookie. */
  retract(response: ServerResponse): void {
    const others = this.#otherCookies(response);
    if (others.length === 0) response.removeHeader('Set-Cookie');
    else response.setHeader('Set-Cookie', others);
  }

  #otherCookies(response: ServerResponse): string[] {
    const header = response.getHeader('Set-Cookie') ?? [];
    return (Array.isArray(header) ? header : [String(header)]).filter((cookie) => !cookie.startsWith(`${this.name}=`));
  }

  #verify(raw: unknown): Sid | undefined {
    if (typeof raw !== 'string' || raw.length > MOST_CHARACTERS || !raw.startsWith(SIGNED)) return undefined;
    const dot = raw.lastIndexOf('.');
    const value = raw.slice(SIGNED.length, dot);
    if (dot < SIGNED.length || value === '') return undefined;
    const signature = Buffer.from(raw.slice(dot + 1));
    const isOurs = this.settings.secrets.some((secret) => {
      const expected = Buffer.from(createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, ''));
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    });
    return isOurs ? (value as Sid) : undefined;
  }
}

/** The value of the first cookie of that name, by the rules of the `cookie` package: quotes stripped, percent-encoding undone. */
function cookieValue(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    return decode(value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value);
  }
  return undefined;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
