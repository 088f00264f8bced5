import { CookieJar, type Cookie } from 'tough-cookie';

/** A client that keeps cookies as a browser does, and follows no redirect. */
export class Browser {
  constructor(
    private readonly origin: string,
    readonly jar = new CookieJar(),
  ) {}

  /** The same client at another application of the same host. */
  at(origin: string): Browser {
    return new Browser(origin, this.jar);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, headers);
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const url = this.origin + path;
    const cookie = await this.jar.getCookieString(url);
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const setCookies = response.headers.getSetCookie();
    for (const setCookie of setCookies) await this.jar.setCookie(setCookie, url, { ignoreError: true });
    const text = await response.text();
    return { status: response.status, headers: response.headers, setCookies, text, json: parse(text) };
  }

  async cookie(name: string): Promise<Cookie | undefined> {
    return (await this.jar.getCookies(this.origin)).find((cookie) => cookie.key === name);
  }

  /** The sid in the session cookie of that name. */
  async sid(name = 'sid'): Promise<string | undefined> {
    const value = (await this.cookie(name))?.value;
    return value === undefined ? undefined : /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value))?.[1];
  }

  /** Another client with the same cookies, which then go separate ways. */
  async clone(): Promise<Browser> {
    const copy = new Browser(this.origin);
    for (const cookie of await this.jar.getCookies(this.origin)) await copy.jar.setCookie(cookie.toString(), this.origin);
    return copy;
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly setCookies: readonly string[];
  readonly text: string;
  /** `undefined` when the body is not JSON. */
  // eslint-disable-next-line typescript/no-explicit-any -- a test says what it expects of the body by asserting it
  readonly json: any;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
