import type { IncomingMessage, ServerResponse } from 'node:http';
import { RedisSessionError } from '../redis-session.errors.js';
import { within } from '../session/deadline.js';
import type { CookieAttributes } from '../session/session-record.js';
import type { Sid } from '../session/sid.js';
import type { HttpSession } from './http-session.js';
import { RequestSession } from './request-session.js';
import type { Cookie } from './session-cookie.js';
import type { SessionRuntime } from './session-runtime.js';

/** What the middlewares put on a request. */
export interface SessionRequest extends IncomingMessage {
  session?: HttpSession | null | undefined;
  sessionID?: string | undefined;
}

const exchanges = new WeakMap<IncomingMessage, SessionExchange>();

/** One request and its response, and the session between them. */
export class SessionExchange {
  #current: RequestSession | undefined;
  #configuredCookie: ReturnType<SessionRuntime['cookie']['configured']> | undefined;

  constructor(
    readonly runtime: SessionRuntime,
    readonly request: SessionRequest,
    readonly response: ServerResponse,
  ) {
    exchanges.set(request, this);
  }

  /** `undefined` when no session middleware ran for this request. */
  static of(request: IncomingMessage): SessionExchange | undefined {
    return exchanges.get(request);
  }

  /** The request's session; `undefined` after it was destroyed or unset. */
  get current(): RequestSession | undefined {
    return this.#current;
  }

  /** Whether the cookie's path covers the request, as browsers see it: `/admin` covers `/admin/x`, not `/administrator`. */
  get isInPath(): boolean {
    const { path = '/' } = this.#configured;
    const { originalUrl = this.request.url ?? '/' } = this.request as { originalUrl?: string };
    const requested = originalUrl.split('?', 1)[0] ?? '/';
    return requested.startsWith(path) && (path.endsWith('/') || requested.length === path.length || requested[path.length] === '/');
  }

  /** Loads the session of that sid, if there is one. It is not on the request before `install`. */
  async load(sid: Sid): Promise<void> {
    const { store } = this.runtime;
    const record = await within(store.settings.deadline, (deadline) => deadline.wait(store.load(sid)));
    if (record !== undefined) this.#current = new RequestSession(this, sid, record);
  }

  /** Puts a new, empty session on the request. */
  start(): void {
    this.#current = new RequestSession(this, this.generateSid());
    this.install();
  }

  /** Puts the current session on the request. */
  install(): void {
    this.request.session = this.#current?.object;
    this.request.sessionID = this.#current?.active.sid;
  }

  /** Says that the session has another sid now. */
  moved(session: RequestSession): void {
    if (this.#current === session) this.request.sessionID = session.active.sid;
  }

  /** Takes a destroyed session off the request, and its cookie off the browser. */
  drop(session: RequestSession): void {
    this.runtime.cookie.clear(this.response, session.cookie);
    if (this.#current !== session) return;
    this.#current = undefined;
    this.request.session = undefined;
  }

  /** The session could not be loaded. The request may not need it, so it goes on; whoever asks for the session gets the error. */
  fail(error: unknown): void {
    Object.defineProperty(this.request, 'session', {
      configurable: true,
      get: () => {
        throw this.told(error);
      },
      set: () => undefined,
    });
  }

  /** The error as its receiver should see it. */
  told(error: unknown): unknown {
    return error instanceof RedisSessionError ? this.runtime.translate(error, this.response) : error;
  }

  generateSid(): Sid {
    return this.runtime.generateSid(this.request);
  }

  /** The cookie by configuration, with what this session has otherwise. */
  createCookie(changed?: CookieAttributes): Cookie {
    return this.runtime.cookie.create({ ...this.#configured, ...changed });
  }

  get #configured(): ReturnType<SessionRuntime['cookie']['configured']> {
    this.#configuredCookie ??= this.runtime.cookie.configured(this.request);
    return this.#configuredCookie;
  }
}
