import expressSession, { type Cookie as CookieOfExpressSession } from 'express-session';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { isCookieDomain } from '../../session/cookie-domain.js';
import { kindOf } from '../../session/option-checks.js';
import type { CookieAttributes } from '../../session/session-record.js';

/** A cookie as `req.session.cookie` shows it: express-session's own class. */
export interface Cookie extends CookieOfExpressSession {
  readonly data: CookieAttributes;
  serialize(name: string, value: string): string;
}

/** express-session's types have the class as an interface only, and its accessors as properties. */
const { Cookie: ExpressCookie } = expressSession as unknown as {
  Cookie: new (options: object) => Omit<Cookie, 'maxAge' | 'data'> & {
    get maxAge(): MaxAge;
    set maxAge(ms: MaxAge);
    get data(): CookieAttributes;
  };
};

const SECOND = 1_000;

type MaxAge = number | false | null | undefined;

/**
 * What a cookie is serialized from, by express-session too. With `Max-Age` beside `Expires`: it wins (RFC 6265bis, section 5.7), and a client whose clock
 * is wrong keeps the cookie as long as it should. On the prototype, so that it shows up in no copy and no JSON: stores keep those.
 */
class CookieData implements CookieAttributes {
  constructor(data: CookieAttributes) {
    Object.assign(this, data);
  }

  declare readonly expires?: CookieAttributes['expires'];

  /** In seconds. Rather one too many, as the store drops the session. */
  get maxAge(): number | undefined {
    const ms = this.expires instanceof Date ? this.expires.getTime() - Date.now() : Number.NaN;
    return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / SECOND));
  }
}

/**
 * express-session works `originalMaxAge` out from the expiry and the clock, which may have gone on by a millisecond: a session whose `maxAge` is
 * set to the same time again would look changed.
 */
class ExactCookie extends ExpressCookie {
  override get maxAge(): MaxAge {
    return super.maxAge;
  }

  override set maxAge(ms: MaxAge) {
    checkMaxAge(ms);
    super.maxAge = ms;
    if (typeof ms === 'number') this.originalMaxAge = ms;
  }

  override get data(): CookieAttributes {
    return new CookieData(super.data);
  }
}

/**
 * A cookie object with those attributes.
 *
 * @param age how much of its `maxAge` has passed, in ms
 */
export function createCookie(attributes: CookieAttributes & { maxAge?: number | null | undefined }, age = 0): Cookie {
  const { originalMaxAge, ...rest } = attributes;
  const cookie = new ExactCookie(rest);
  const maxAge = originalMaxAge === undefined && !rest.expires ? rest.maxAge : originalMaxAge;
  if (maxAge !== undefined) {
    cookie.maxAge = typeof maxAge === 'number' ? maxAge - age : maxAge;
    // Not what is left of it. The type knows no `false`.
    cookie.originalMaxAge = maxAge as number | null;
  }
  return cookie as Cookie;
}

function checkMaxAge(ms: unknown): void {
  if (!ms || typeof ms === 'number' || ms instanceof Date) return;
  throw new SessionMisuseError(`"cookie.maxAge" of a session must be a number of milliseconds, received ${kindOf(ms)}. Give it a number.`);
}

/** Moves the expiry of a cookie to `originalMaxAge` from now, where it has one. */
export function restartMaxAge(cookie: Cookie): void {
  if (typeof cookie.originalMaxAge === 'number') cookie.maxAge = cookie.originalMaxAge;
}

/** Throws when an attribute has a value that no cookie can have: each answer that tells the browser of the cookie would fail. */
export function checkCookie(cookie: Cookie): void {
  try {
    if (cookie.domain && !isCookieDomain(cookie.domain)) throw new TypeError('option domain is invalid');
    cookie.serialize('name', 'value');
  } catch (error) {
    const why = error instanceof Error ? error.message : 'an attribute is invalid';
    throw new SessionMisuseError(`req.session.cookie cannot be sent to a browser: ${why}. Give it a value that cookies can have.`);
  }
}
