import { IncomingMessage, ServerResponse, type OutgoingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { commitExplicitly, loadExplicitly } from '../http/request/explicit-session.js';
import type { HttpSession } from '../http/request/http-session.js';
import type { SessionRequest } from '../http/request/http-transport.js';
import { requireState, type RequestState } from '../http/request/request-state.js';
import { SET_COOKIE } from '../http/request/session-headers.js';
import { getOrCreateSession } from '../http/request/session-access.js';
import { sessionOf } from '../http/request/session-of.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import type { CookieAttributes } from '../session/session-record.js';

/** Headers of a request, their names in any case. */
export type RequestHeaders = Readonly<Record<string, string>>;

const NOBODYS_STORE = {};

/** A request that nobody has sent, with its session: it goes the way of one of Node's own server, and comes by no connection. */
export class TestRequest {
  readonly request: SessionRequest;
  readonly #response: ServerResponse;

  private constructor(request: SessionRequest) {
    this.request = request;
    this.#response = new ServerResponse(request);
  }

  /** One that may have a session, and be told of one: over https where the cookie is for that only, and below its path. */
  static async begin(runtime: SessionRuntime, headers: RequestHeaders = {}): Promise<TestRequest> {
    const request = requestWith(headers);
    const { secure, path } = runtime.cookie.configured(request);
    if (secure === true) Object.defineProperty(request.socket, 'encrypted', { value: true });
    request.url = path ?? '/';
    await loadExplicitly(runtime, request, runtime.sessionStore ?? NOBODYS_STORE);
    return new TestRequest(request);
  }

  get session(): HttpSession {
    return sessionOf(this.request);
  }

  get state(): RequestState {
    return requireState(this.request);
  }

  /** What the cookie is. */
  get cookie(): CookieAttributes {
    return getOrCreateSession(this.state).cookie.data;
  }

  /** Puts entries into the session, whatever their names. */
  assign(entries: object): void {
    // `req.session` has none of our members, whose names no entry could have there.
    if (Object.keys(entries).length > 0) Object.assign(this.request.session as object, entries);
  }

  /** Stores what has changed. Answers with what a browser would be told, `undefined` for nothing. */
  async end(): Promise<string | undefined> {
    await commitExplicitly(this.request, this.#response);
    const told = this.#response.getHeader(SET_COOKIE) as OutgoingHttpHeaders['set-cookie'] | string;
    return [told ?? []].flat()[0];
  }
}

/** Such a request, without its session. */
export function requestWith(headers: RequestHeaders): SessionRequest {
  const request: SessionRequest = new IncomingMessage(new Socket());
  request.method = 'POST';
  request.url = '/';
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  request.headers = Object.fromEntries(
    [['host', 'localhost'], ...Object.entries(headers)].map(([name, value]) => [String(name).toLowerCase(), value]),
  );
  return request;
}
