import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { GUARD_CODES, SessionHttpException } from './http-exceptions.js';
import type { Identity } from './identity.decorator.js';
import { Public } from './public.decorator.js';
import { requestContextOf } from './request-context.js';

/**
 * Lets signed-in requesters pass, by the identity in their session. 401 for others, 503 when the session could not be read.
 * Its steps can be overridden in a subclass.
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
    return this.authorize(identity, context);
  }

  /** Whether the handler or its class is open to everybody. */
  protected isPublic(context: ExecutionContext): boolean {
    return this.reflector.getAllAndOverride(Public, [context.getHandler(), context.getClass()]) ?? false;
  }

  /** Who is signed in; `undefined` for nobody. */
  protected identityOf(context: ExecutionContext): Identity | undefined {
    return requestContextOf<Identity>(context).identity;
  }

  /** Whether this identity may pass. Everyone who is signed in may. */
  protected authorize(_identity: Identity, _context: ExecutionContext): boolean | Promise<boolean> {
    return true;
  }

  /** What a requester who is not signed in gets. */
  protected unauthorized(_context: ExecutionContext): Error {
    return new SessionHttpException(401, 'Sign in first.', GUARD_CODES.signedOut);
  }
}
