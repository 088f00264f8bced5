import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { hasRole } from '../session/identity.js';
import { warnOnce } from '../session/warn-once.js';
import { demandsOf, type Demands } from './demands.js';
import { SessionHttpException } from './http-exceptions.js';
import { GUARD_ANSWERS, NOT_FRESH } from '../http/response/guard-answers.js';
import type { Identity } from './identity.decorator.js';
import { confirmSession, endedReasonIn, identityIn, isFreshLogin, peekedSessionIn } from '../http/request/session-access.js';
import { beginOperation, findStateOf, isOperation, rememberRequest, requestIn, requireStateOf } from './execution-context.js';
import { errorIn } from './operation-errors.js';
import type { RequestState } from '../http/request/request-state.js';
import { SessionRuntime } from '../http/request/session-runtime.js';

/** Where applications that come from other packages keep who is signed in. */
const ENTRIES_ELSEWHERE = ['user', 'userId', 'uid', 'passport'];

/**
 * Lets signed-in users pass, by the identity in their session, if they have the role (`@Roles()`) and the fresh sign-in (`@FreshLogin()`)
 * that the handler asks for. Everyone else gets 401, with a `reason` if somebody else has ended their session. If the session couldn't be
 * read, the guard answers 503: an outage never looks like being signed out. You can override its steps in a subclass.
 *
 * It serves only the sessions of its own `RedisSessionModule`, the one that its module imports. A request with another module's session is
 * an error. A guard that you make yourself (`new SessionGuard(reflector)`) takes any.
 *
 * If the session was loaded more than a second ago, as when a long body came in between, the guard asks again whether the session is still
 * there and whose it is. The entries stay as the handler has them.
 *
 * @publicApi
 */
@Injectable()
export class SessionGuard implements CanActivate {
  /** By property, so that the constructors of subclasses need not pass it on. */
  @Inject(SessionRuntime)
  private readonly sessionRuntime: SessionRuntime | undefined;

  constructor(protected readonly reflector: Reflector) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      return await this.#decide(context);
    } catch (error) {
      throw errorIn(context, error);
    }
  }

  async #decide(context: ExecutionContext): Promise<boolean> {
    // Before anything else, since decorators ask for it behind @Public() too.
    if (isOperation(context)) await this.#beginOperation(context);
    if (this.isPublic(context)) return true;
    this.#checkOwn(context);
    const identity = this.identityOf(context);
    if (identity === undefined) {
      warnOfIdentityElsewhere(this.#findState(context));
      throw this.unauthorized(context);
    }
    if (!(await this.#isConfirmed(context))) throw this.unauthorized(context);
    if (!this.hasRole(identity, context)) throw this.forbidden(context);
    if (!(await this.isFresh(context))) throw this.notFresh(context);
    if (!(await this.authorize(identity, context))) return false;
    const state = this.#findState(context);
    if (state !== undefined) state.isLetIn = true;
    return true;
  }

  /** Whether everybody may use the handler: `@Public()`, with nothing on the same target or nearer that asks for a sign-in. */
  protected isPublic(context: ExecutionContext): boolean {
    const { isOpen, warning } = this.#demands(context);
    if (warning !== undefined) warnOnce(warn, warning);
    return isOpen;
  }

  /**
   * The request whose session counts; `undefined` where there is none. In GraphQL it is that of the operation, from `req` of its context.
   * Override it if your `context` function leaves it out; `@Session()` and `@Identity()` then use the same.
   */
  protected requestOf(context: ExecutionContext): IncomingMessage | undefined {
    return requestIn(context);
  }

  /** Who is signed in; `undefined` for nobody. */
  protected identityOf(context: ExecutionContext): Identity | undefined {
    return identityIn(this.#state(context));
  }

  /** Whether this identity has one of the roles that the nearest `@Roles()` asks for. */
  protected hasRole(identity: Identity, context: ExecutionContext): boolean {
    const { roles: wanted } = this.#demands(context);
    return wanted === undefined || hasRole(identity, wanted);
  }

  /** Whether the sign-in is as fresh as the nearest `@FreshLogin()` asks. */
  protected async isFresh(context: ExecutionContext): Promise<boolean> {
    const { freshLogin: seconds } = this.#demands(context);
    return seconds === undefined || isFreshLogin(this.#state(context), seconds);
  }

  /** Whether this identity may pass after all other checks. By default everyone who is signed in may. Override it. */
  protected authorize(_identity: Identity, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  /** The error for requests without an identity. */
  protected unauthorized(context: ExecutionContext): Error {
    const state = this.#findState(context);
    return new SessionHttpException(...GUARD_ANSWERS.signedOut, { reason: state && endedReasonIn(state) });
  }

  /** The error for users without the role. */
  protected forbidden(_context: ExecutionContext): Error {
    return new SessionHttpException(...GUARD_ANSWERS.withoutRole);
  }

  /** The error for users who signed in too long ago. */
  protected notFresh(_context: ExecutionContext): Error {
    return new SessionHttpException(...GUARD_ANSWERS.notFresh, { reason: NOT_FRESH });
  }

  #demands(context: ExecutionContext): Demands {
    return demandsOf(context.getHandler() as (...args: never[]) => unknown, context.getClass());
  }

  /** Where no session middleware ran there is nothing to confirm: somebody else says who it is. */
  #isConfirmed(context: ExecutionContext): boolean | Promise<boolean> {
    const state = this.#findState(context);
    return state === undefined || confirmSession(state);
  }

  async #beginOperation(context: ExecutionContext): Promise<void> {
    const request = this.#findRequest(context);
    if (request === undefined || this.sessionRuntime === undefined) return;
    await beginOperation(context, request, this.sessionRuntime, this.#demands(context).isPassive);
  }

  #state(context: ExecutionContext): RequestState {
    return requireStateOf(this.#findRequest(context), context);
  }

  #findState(context: ExecutionContext): RequestState | undefined {
    return findStateOf(this.#findRequest(context), context);
  }

  #findRequest(context: ExecutionContext): IncomingMessage | undefined {
    const request = this.requestOf(context);
    if (request !== undefined) rememberRequest(context, request);
    return request;
  }

  #checkOwn(context: ExecutionContext): void {
    const found = this.#findState(context)?.transport.runtime;
    if (found !== undefined) this.sessionRuntime?.assertSameAs(found);
  }
}

function warn(message: string): void {
  new Logger('RedisSession').warn(message);
}

/** Somebody has signed in, as their code has it, and is answered 401: that takes an afternoon to find out. */
function warnOfIdentityElsewhere(state: RequestState | undefined): void {
  if (process.env['NODE_ENV'] === 'production') return;
  const session = state && peekedSessionIn(state);
  const name = session && ENTRIES_ELSEWHERE.find((entry) => Object.hasOwn(session, entry));
  if (name !== undefined)
    warnOnce(
      warn,
      `SessionGuard has answered 401 for a session that has an entry ${JSON.stringify(name)} and no identity. Call session.login() to sign somebody in, or return what is there by the option "identity", as an object with an "id": an id alone is nobody.`,
    );
}
