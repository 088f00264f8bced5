import type { ServerResponse } from 'node:http';
import { RedisSessionError } from '../../redis-session.errors.js';
import { canBeAnswered } from '../response/response-headers.js';
import { defineProperties, SESSION, type SessionRequest } from './request-properties.js';
import { isInPath } from './request-target.js';
import type { Next } from './session-handler.js';
import type { SessionRuntime } from './session-runtime.js';
import { SessionTransport } from './session-transport.js';

/** A request and its response, as Node has them. */
export abstract class HttpTransport extends SessionTransport {
  constructor(
    runtime: SessionRuntime,
    override readonly request: SessionRequest,
    readonly response: ServerResponse,
    /** What `req.sessionStore` is. */
    private readonly sessionStore: object | undefined,
    private readonly property = SESSION,
  ) {
    super(runtime, request);
  }

  /** Whether the cookie is for this request at all. */
  get isInPath(): boolean {
    const { path = '/' } = this.runtime.cookie.fixedOptions ?? this.configuredCookie;
    return isInPath(this.request, path);
  }

  get canBeAnswered(): boolean {
    return canBeAnswered(this.request, this.response);
  }

  expose(): void {
    defineProperties(this.request, this.sessionStore, this.property);
    this.isExposed = true;
  }

  errorFor(error: unknown): unknown {
    return error instanceof RedisSessionError ? this.runtime.translate(error, this.response) : error;
  }
}

/** Goes on with the session on the request, unless there is an error. What `next` throws is the application's, which knows what becomes of it. */
export function exposeSession(transport: SessionTransport, next: Next, failure?: unknown): void {
  if (failure !== undefined) return next(failure);
  try {
    transport.expose();
  } catch (error) {
    return next(error);
  }
  next();
}
