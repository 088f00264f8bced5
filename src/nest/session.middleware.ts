import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable, type NestMiddleware } from '@nestjs/common';
import { builtinSessionMiddleware } from '../http/request/builtin-session.middleware.js';
import { ExpressStoreFacade } from '../express-session/express-store-facade.js';
import { expressSessionMiddleware } from '../express-session/express-session.middleware.js';
import type { Next, SessionHandler } from '../http/request/session-handler.js';
import { SessionRuntime } from '../http/request/session-runtime.js';

/**
 * Puts the session on each request. The module mounts it; inject it to mount it elsewhere: `app.use(app.get(SessionMiddleware).use)`.
 *
 * @publicApi
 */
@Injectable()
export class SessionMiddleware implements NestMiddleware {
  readonly #handle: SessionHandler;

  constructor(runtime: SessionRuntime) {
    const { sessionStore = new ExpressStoreFacade(runtime), settings } = runtime;
    this.#handle = settings.middleware === 'builtin' ? builtinSessionMiddleware(runtime, sessionStore) : expressSessionMiddleware(runtime);
    // A method of the prototype all the same, since Nest overrides it for `exclude`.
    this.use = this.use.bind(this as never);
  }

  use(this: void, request: IncomingMessage, response: ServerResponse, next: Next): void;
  use(this: unknown, request: IncomingMessage, response: ServerResponse, next: Next): void {
    (this as SessionMiddleware).#handle(request, response, next);
  }
}
