import type { IncomingMessage } from 'node:http';
import 'reflect-metadata';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { CrossOriginError, SessionMisuseError, type CrossOriginReason } from '../redis-session.errors.js';
import { requestRefusal, tellRefusal } from '../http/csrf/csrf-check.js';
import { withHeadersAsReceived } from '../http/csrf/received-headers.js';
import { CsrfExempt } from './csrf-exempt.decorator.js';
import { isOverSocket, requestIn } from './execution-context.js';
import { toHttpException } from './http-exceptions.js';
import { errorIn } from './operation-errors.js';
import { stateOf } from '../http/request/request-state.js';
import { SessionRuntime } from '../http/request/session-runtime.js';

const NO_REQUEST =
  'CsrfGuard finds no request in the context of this GraphQL operation. Let your "context" function keep it as "req", or override requestOf() in a subclass.';

/**
 * Refuses requests with an unsafe method (any but GET, HEAD and OPTIONS) that a page of another site may have sent, whether somebody is
 * signed in or not. They pass if `Sec-Fetch-Site` is `same-origin` or `none`, or, in browsers that don't send it, if `Origin` is the host
 * that was asked. Opening a WebSocket is a GET, and is checked by its `Origin`. The client gets 403 with a `reason`. `@CsrfExempt()` opens
 * a handler. With `session.csrf` the guard stands before every handler, without it where you put it with `@UseGuards`.
 *
 * It is a guard because only a guard knows the handler and the method that the handler gets. It doesn't read the session, so it works
 * during an outage of Redis. What is mounted on Express itself has no guards: use `csrfMiddleware` of `nestjs-redis-session/express` there.
 *
 * If you have several modules with `session.csrf`, the module of the request's session decides.
 *
 * @see OWASP ASVS 5.0, 3.5.1
 * @publicApi
 */
@Injectable()
export class CsrfGuard implements CanActivate {
  readonly #runtime: SessionRuntime;

  constructor(
    protected readonly reflector: Reflector,
    runtime: SessionRuntime,
  ) {
    this.#runtime = runtime;
  }

  canActivate(context: ExecutionContext): boolean {
    const request = this.requestOf(context);
    if (request === undefined || this.#isOfAnother(request)) return true;
    const check = () => requestRefusal(request, this.#runtime.settings, this.#runtime.header);
    const reason = isOverSocket(context) ? withHeadersAsReceived(request, check) : check();
    if (reason === undefined || this.isExempt(context)) return true;
    tellRefusal(reason);
    throw errorIn(context, this.refused(reason, context));
  }

  /** The request to look at; `undefined` where there is none, as with a message of a WebSocket. In GraphQL it is `req` of the context. */
  protected requestOf(context: ExecutionContext): IncomingMessage | undefined {
    const type = context.getType<string>();
    if (type !== 'http' && type !== 'graphql') return undefined;
    const request = requestIn(context);
    // It would let every mutation pass.
    if (request === undefined && type === 'graphql') throw new SessionMisuseError(NO_REQUEST);
    return request;
  }

  /** Whether requests from other sites may reach the handler: it, or its own class, says so. A class that extends another does not inherit it. */
  protected isExempt(context: ExecutionContext): boolean {
    return [context.getHandler(), context.getClass()].some((target) => Reflect.hasOwnMetadata(CsrfExempt.KEY, target));
  }

  /** Whether another module's guard, which is before every handler too, decides by rules of its own. */
  #isOfAnother(request: IncomingMessage): boolean {
    const { runtime } = stateOf(request)?.transport ?? {};
    return runtime !== undefined && runtime.settings.csrf.everywhere && !this.#runtime.isSameAs(runtime);
  }

  /** What a request that is refused gets. */
  protected refused(reason: CrossOriginReason, _context: ExecutionContext): Error {
    return toHttpException(new CrossOriginError(reason));
  }
}
