import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import { SessionMisuseError } from '../redis-session.errors.js';

/** The session state of the request that Nest is handling; `undefined` where no session middleware ran. */
export function findStateIn(context: ExecutionContext): RequestState | undefined {
  // In the place of the request, other contexts have what they like: in GraphQL, nothing at all.
  const request = context.switchToHttp().getRequest<IncomingMessage | null | undefined>();
  return request === null || request === undefined ? undefined : stateOf(request);
}

/** The same, where there has to be one. */
export function stateIn(context: ExecutionContext): RequestState {
  const state = findStateIn(context);
  if (state === undefined) throw new SessionMisuseError(reasonOfNone(context.getType()));
  return state;
}

function reasonOfNone(type: string): string {
  return type === 'http'
    ? 'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.'
    : `There is no session in a context of type "${type}": sessions are those of HTTP requests. Keep SessionGuard, @Session() and @Identity() to controllers; where the guard is global, open this handler with @Public(), and guard it in another way.`;
}
