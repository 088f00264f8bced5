import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionMisuseError } from '../redis-session.errors.js';
import { contextOf, type RequestContext } from '../http/request/request-context.js';
import type { Identity } from '../session/identity.js';

/** Why somebody else has ended the session that the request came with; also `undefined` where no session middleware ran. */
export function endedReasonOf(context: ExecutionContext): string | undefined {
  return find(context)?.endedReason;
}

/** What the requests of the module share whose session middleware ran; `undefined` where none did. */
export function runtimeOf(context: ExecutionContext): object | undefined {
  return find(context)?.runtime;
}

/** See {@link RequestContext.peeked}. */
export function peekedOf(context: ExecutionContext): object | undefined {
  return find(context)?.peeked;
}

/** See {@link RequestContext.confirm}. Where no session middleware ran there is nothing to confirm: somebody else says who it is. */
export function confirmIdentity(context: ExecutionContext): boolean | Promise<boolean> {
  return find(context)?.confirm() ?? true;
}

function find<Who extends Identity>(context: ExecutionContext): RequestContext<Who> | undefined {
  // In the place of the request, other contexts have what they like: in GraphQL, nothing at all.
  const request = context.switchToHttp().getRequest<IncomingMessage | null | undefined>();
  return request === null || request === undefined ? undefined : contextOf(request);
}

/** Of the request that Nest is handling. */
export function requestContextOf<Who extends Identity = Identity>(context: ExecutionContext): RequestContext<Who> {
  const found = find<Who>(context);
  if (found === undefined) throw new SessionMisuseError(reasonOfNone(context.getType()));
  return found;
}

function reasonOfNone(type: string): string {
  return type === 'http'
    ? 'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.'
    : `There is no session in a context of type "${type}": sessions are those of HTTP requests. Keep SessionGuard, @Session() and @Identity() to controllers; where the guard is global, open this handler with @Public(), and guard it in another way.`;
}
