import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { FRESH_LOGIN } from './fresh-login.decorator.js';
import { GUARD_ANSWERS, SessionHttpException } from './http-exceptions.js';
import type { Identity } from './identity.decorator.js';
import { Public } from './public.decorator.js';
import { endedReasonOf, requestContextOf } from './request-context.js';
import { ROLES } from './roles.decorator.js';

const SECOND = 1_000;

/**
 * Lets signed-in requesters pass, by the identity in their session, if they have the role (`@Roles()`) and their sign-in is as fresh
 * (`@FreshLogin()`) as the handler asks. 401 for those who are not signed in, with a `reason` where somebody else has ended their session; 503
 * when the session could not be read. Its steps can be overridden in a subclass.
 *
 * @publicApi
 */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(protected readonly reflector: Reflector) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.isPublic(context)) return true;
    const identity = this.identityOf(context);
    if (identity === undefined) throw this.unauthorized(context);
    if (!this.hasRole(identity, context)) throw this.forbidden(context);
    if (!(await this.isFresh(context))) throw this.notFresh(context);
    return this.authorize(identity, context);
  }

  /** Whether the handler or its class is open to everybody. A handler that asks for somebody is not, whatever its class is. */
  protected isPublic(context: ExecutionContext): boolean {
    const has = (key: string | symbol, target: Parameters<Reflector['get']>[1]) => this.reflector.get<unknown>(key, target) !== undefined;
    const handler = context.getHandler();
    if (has(Public.KEY, handler)) return true;
    return has(Public.KEY, context.getClass()) && !has(ROLES, handler) && !has(FRESH_LOGIN, handler);
  }

  /** Who is signed in; `undefined` for nobody. */
  protected identityOf(context: ExecutionContext): Identity | undefined {
    return requestContextOf<Identity>(context).identity;
  }

  /** Whether this identity has one of the roles that the handler or its class asks for. */
  protected hasRole(identity: Identity, context: ExecutionContext): boolean {
    const wanted = this.#metadata<readonly string[]>(ROLES, context);
    if (wanted === undefined) return true;
    const { roles } = identity as { readonly roles?: unknown };
    return Array.isArray(roles) && wanted.some((role) => roles.includes(role));
  }

  /** Whether the sign-in is as fresh as the handler or its class asks. */
  protected async isFresh(context: ExecutionContext): Promise<boolean> {
    const seconds = this.#metadata<number>(FRESH_LOGIN, context);
    if (seconds === undefined) return true;
    const request = requestContextOf(context);
    return request.authenticatedAt !== undefined && (await request.now()) - request.authenticatedAt <= seconds * SECOND;
  }

  /** Whether this identity may pass, all else being well. Everyone who is signed in may. */
  protected authorize(_identity: Identity, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  /** What a requester who is not signed in gets. */
  protected unauthorized(context: ExecutionContext): Error {
    return new SessionHttpException(...GUARD_ANSWERS.signedOut, { reason: endedReasonOf(context) });
  }

  /** What one without the role gets. */
  protected forbidden(_context: ExecutionContext): Error {
    return new SessionHttpException(...GUARD_ANSWERS.withoutRole);
  }

  /** What one gets whose sign-in is too long ago. */
  protected notFresh(_context: ExecutionContext): Error {
    return new SessionHttpException(...GUARD_ANSWERS.notFresh, { reason: 'login-not-fresh' });
  }

  #metadata<T>(key: string | symbol, context: ExecutionContext): T | undefined {
    return this.reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()]);
  }
}
