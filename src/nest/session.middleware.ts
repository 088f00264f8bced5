import type { IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import type { Next, SessionHandler } from '../http/request/session-handler.js';
import { SESSION_HANDLER } from '../redis-session.tokens.js';

/**
 * Puts the session on each request. The module mounts it; inject it to mount it elsewhere: `app.use(app.get(SessionMiddleware).use)`.
 *
 * @publicApi
 */
@Injectable()
export class SessionMiddleware implements NestMiddleware {
  readonly #handle: SessionHandler;

  constructor(@Inject(SESSION_HANDLER) handle: SessionHandler) {
    this.#handle = handle;
    // A method of the prototype all the same, since Nest overrides it for `exclude`.
    this.use = this.use.bind(this as never);
  }

  use(this: void, request: IncomingMessage, response: ServerResponse, next: Next): void;
  use(this: unknown, request: IncomingMessage, response: ServerResponse, next: Next): void {
    (this as SessionMiddleware).#handle(request, response, next);
  }
}
