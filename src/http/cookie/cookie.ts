import { stringifySetCookie } from 'cookie';
import type { Cookie as CookieOfExpressSession } from 'express-session';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { SYSTEM_CLOCK, type Clock } from '../../session/clock.js';
import { isCookieDomain } from '../../session/cookie-domain.js';
import { kindOf } from '../../session/option-checks.js';
import type { CookieAttributes } from '../../session/session-record.js';

/** A cookie as `req.session.cookie` shows it: all that express-session's has, and its own properties are the same. */
export interface Cookie extends CookieOfExpressSession {
  readonly data: CookieAttributes;
  /** Throws `TypeError` for an attribute that no cookie can have. */
  serialize(name: string, value: string): string;
  /** The attributes, without what is left of the time. */
  toJSON(): CookieAttributes;
}

const SECOND = 1_000;
/** Where express-session keeps the expiry: copies of a cookie, which stores keep, have it under this name. */
const EXPIRES = '_expires';

type MaxAge = number | false | null | undefined;
type Expires = CookieAttributes['expires'];

/**
 * What a cookie is serialized from, by express-session too. With `Max-Age` beside `Expires`: it wins (RFC 6265bis, section 5.7), and a client whose clock
 * is wrong keeps the cookie as long as it should. On the prototype, so that it shows up in no copy and no JSON: stores keep those.
 */
class CookieData implements CookieAttributes {
  readonly #clock: Clock;

  constructor(data: CookieAttributes, clock: Clock) {
    this.#clock = clock;
    Object.assign(this, data);
  }

  declare readonly expires?: Expires;

  /** In seconds. Rather one too many, as the store drops the session. */
  get maxAge(): number | undefined {
    const ms = this.expires instanceof Date ? this.expires.getTime() - this.#clock.now() : Number.NaN;
    return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / SECOND));
  }
}

/** Under which name a cookie has its clock, out of sight of copies, and where a proxy in front of it finds it. */
const CLOCK = Symbol('clock of a cookie');

/** Beside the attributes that it is given, which are properties of their own. */
class AttributesCookie {
  declare path: string;
  declare [EXPIRES]: Expires;
  /** In ms. */
  declare originalMaxAge: MaxAge;
  declare httpOnly: boolean;

  constructor(attributes: object) {
    this.path = '/';
    this[EXPIRES] = null;
    this.originalMaxAge = null;
    this.httpOnly = true;
    Object.assign(this, attributes);
    this.originalMaxAge ??= this.maxAge;
  }

  get [CLOCK](): Clock {
    return SYSTEM_CLOCK;
  }

  get expires(): Expires {
    return this[EXPIRES];
  }

  set expires(date: Expires) {
    this[EXPIRES] = date;
    this.originalMaxAge = this.maxAge;
  }

  /** In ms, what is left of it. */
  get maxAge(): MaxAge {
    const { [EXPIRES]: expires } = this;
    // What is no date, as express-session has it: an error when the cookie is serialized.
    return expires instanceof Date ? expires.getTime() - this[CLOCK].now() : (expires as MaxAge);
  }

  set maxAge(ms: MaxAge) {
    checkMaxAge(ms);
    this.expires = typeof ms === 'number' ? new Date(this[CLOCK].now() + ms) : ms;
    // express-session works that out from the expiry and the clock, which may have gone on by a millisecond: a session whose `maxAge` is set to the
    // same time again would look changed.
    if (typeof ms === 'number') this.originalMaxAge = ms;
  }

  get data(): CookieData {
    const { originalMaxAge, [EXPIRES]: expires, httpOnly, path } = this;
    const { partitioned, priority, secure, domain, sameSite } = this as CookieAttributes;
    return new CookieData({ originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite }, this[CLOCK]);
  }

  serialize(name: string, value: string): string {
    // One by one: on Node 20 spreads take 5 us.
    const data: CookieAttributes & Pick<CookieData, 'maxAge'> = this.data;
    const { maxAge, expires, secure, httpOnly, domain, path, sameSite, priority, partitioned } = data;
    try {
      // What the types of that package do not allow, it refuses.
      return stringifySetCookie({ name, value, maxAge, expires, secure, httpOnly, domain, path, sameSite, priority, partitioned } as never);
    } catch (error) {
      throw withoutValue(error);
    }
  }

  toJSON(): CookieAttributes {
    return this.data;
  }
}

/** Of the package cookie's `option domain is invalid: <value>`, what is before the value: that may be what somebody has sent. */
function withoutValue(error: unknown): unknown {
  return error instanceof TypeError ? new TypeError(error.message.split(':', 1)[0]) : error;
}

const classes = new WeakMap<Clock, typeof AttributesCookie>([[SYSTEM_CLOCK, AttributesCookie]]);

/** A class for each clock, since each cookie has only properties that express-session's has too. */
function classFor(clock: Clock): typeof AttributesCookie {
  let found = classes.get(clock);
  if (found === undefined) {
    found = class extends AttributesCookie {
      override get [CLOCK](): Clock {
        return clock;
      }
    };
    classes.set(clock, found);
  }
  return found;
}

/** By which clock it expires. */
export function clockOf(cookie: Cookie): Clock {
  return (cookie as Cookie & { readonly [CLOCK]: Clock })[CLOCK];
}

/**
 * A cookie object with those attributes.
 *
 * @param age how much of its `maxAge` has passed, in ms
 */
export function createCookie(
  attributes: CookieAttributes & { maxAge?: number | null | undefined },
  age = 0,
  clock: Clock = SYSTEM_CLOCK,
): Cookie {
  const { originalMaxAge, ...rest } = attributes;
  const cookie = new (classFor(clock))(rest);
  const maxAge = originalMaxAge === undefined && !rest.expires ? rest.maxAge : originalMaxAge;
  if (maxAge !== undefined) {
    cookie.maxAge = typeof maxAge === 'number' ? maxAge - age : maxAge;
    // Not what is left of it.
    cookie.originalMaxAge = maxAge;
  }
  // express-session's types have no `false`.
  return cookie as unknown as Cookie;
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
