import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { Identity } from '../session/identity.js';
import type { HttpSession } from './http-session.js';
import { SessionExchange, type SessionRequest } from './session-exchange.js';

/** The session of the request that Nest is handling; `undefined` when it was destroyed. Throws the 503 error when it could not be loaded. */
export function sessionOf(context: ExecutionContext): HttpSession | undefined {
  const request = context.switchToHttp().getRequest<SessionRequest>();
  requireExchange(request);
  return request.session ?? undefined;
}

/** Who is signed in. Throws as {@link sessionOf} does. */
export function identityOf(context: ExecutionContext): Identity | undefined {
  const session = sessionOf(context);
  const { current, runtime } = requireExchange(context.switchToHttp().getRequest<IncomingMessage>());
  return session === undefined || current === undefined ? undefined : runtime.identityOf(current.active.entries, session);
}

function requireExchange(request: IncomingMessage): SessionExchange {
  const exchange = SessionExchange.of(request);
  if (exchange === undefined)
    throw new SessionMisuseError(
      'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.',
    );
  return exchange;
}
