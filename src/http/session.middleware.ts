import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { expressSessionMiddleware, type Next, type SessionHandler } from './express-session.middleware.js';
import { SessionRuntime } from './session-runtime.js';

/**
 * Puts the session on each request. The module mounts it; inject it to mount it elsewhere.
 *
 * @publicApi
 */
@Injectable()
export class SessionMiddleware implements NestMiddleware {
  readonly #handle: SessionHandler;

  constructor(runtime: SessionRuntime) {
    this.#handle = expressSessionMiddleware(runtime);
  }

  use(request: IncomingMessage, response: ServerResponse, next: Next): void {
    this.#handle(request, response, next);
  }
}
