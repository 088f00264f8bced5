import type { SessionRuntime } from '../http/request/session-runtime.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { CookieAttributes } from '../session/session-record.js';
import type { Handle } from '../session/sid.js';

/**
 * A cookie as `addCookies` of Playwright takes it, and `setCookie` of Puppeteer.
 *
 * @publicApi
 */
export interface BrowserCookie {
  name: string;
  value: string;
  domain: string;
  path: string;
  /** Unix time in seconds; -1 ends it with the browser. */
  expires: number;
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'Strict' | 'Lax' | 'None';
}

/** What a cookie is made of. */
export interface TestCookieParts {
  readonly runtime: SessionRuntime;
  /** As a browser is told it: name, `=` and value. */
  readonly pair: string;
  readonly attributes: CookieAttributes;
  readonly handle: Handle;
  readonly csrfToken: string;
}

const SECOND = 1_000;

/**
 * The cookie of somebody who is signed in, in the shape that each client needs. As a string it is `name=value`.
 *
 * @publicApi
 */
export class TestCookie {
  readonly name: string;
  /** As it stands in the `Cookie` header. */
  readonly value: string;
  /** The public name of its session, for `SessionManager`. */
  readonly handle: Handle;
  /** What `session.verifyCsrfToken()` takes for this session. */
  readonly csrfToken: string;
  readonly #runtime: SessionRuntime;
  readonly #attributes: CookieAttributes;

  /** @internal */
  constructor({ runtime, pair, attributes, handle, csrfToken }: TestCookieParts) {
    const equals = pair.indexOf('=');
    this.name = pair.slice(0, equals);
    this.value = pair.slice(equals + 1);
    this.handle = handle;
    this.csrfToken = csrfToken;
    this.#runtime = runtime;
    this.#attributes = attributes;
  }

  /**
   * Headers of a request: for `fetch`, for `inject()` and Playwright's `request`, and for `.set()` of supertest. Where `session.csrf.strict` is set, they say
   * too that a page of your own has sent the request.
   */
  get asHeader(): Record<string, string> {
    const { csrf } = this.#runtime.settings;
    return { cookie: this.toString(), ...(csrf.everywhere && csrf.strict ? { 'sec-fetch-site': 'same-origin' } : {}) };
  }

  /** The same session for a client that is no browser, by the header of the option `session.header`. Throws where that is not set. */
  get asSessionHeader(): Record<string, string> {
    const { header } = this.#runtime.settings;
    if (header === undefined)
      throw new SessionMisuseError(
        'asSessionHeader needs an application whose clients may send their session in a header. Set the option "session.header", or use asHeader.',
      );
    return { [header.toLowerCase()]: this.value };
  }

  /** For the option `cookies` of Fastify's `inject()`, which encodes it itself. */
  get asCookies(): Record<string, string> {
    return { [this.name]: decodeURIComponent(this.value) };
  }

  /**
   * For a browser: `context.addCookies([cookie.forBrowser(await app.getUrl())])`.
   *
   * @param url where your application is
   */
  forBrowser(url: string): BrowserCookie {
    const { domain, path = '/', expires, httpOnly = true, secure = false, sameSite } = this.#attributes;
    return {
      name: this.name,
      value: this.value,
      // With a dot in front it is the subdomains' too.
      domain: domain ? `.${domain.replace(/^\./, '')}` : new URL(url).hostname,
      path,
      expires: expires instanceof Date ? Math.ceil(expires.getTime() / SECOND) : -1,
      httpOnly,
      secure,
      sameSite: sameSiteOf(sameSite),
    };
  }

  toString(): string {
    return `${this.name}=${this.value}`;
  }
}

function sameSiteOf(sameSite: CookieAttributes['sameSite']): BrowserCookie['sameSite'] {
  if (sameSite === true || sameSite === 'strict') return 'Strict';
  return sameSite === 'none' ? 'None' : 'Lax';
}
