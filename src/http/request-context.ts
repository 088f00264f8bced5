import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { Identity } from '../session/identity.js';
import type { HttpSession } from './http-session.js';
import { SessionExchange } from './session-exchange.js';

/** The session of the request that Nest is handling; `undefined` when it was destroyed. Throws the 503 error when it could not be loaded. */
export function sessionOf(context: ExecutionContext): HttpSession | undefined {
  return exchangeOf(context).session ?? undefined;
}

/** Who is signed in. Throws as {@link sessionOf} does. */
export function identityOf(context: ExecutionContext): Identity | undefined {
  const { session, current, runtime } = exchangeOf(context);
  return session === null || current === undefined ? undefined : runtime.identityOf(current.active.entries, current.object);
}

function exchangeOf(context: ExecutionContext): SessionExchange {
  const exchange = SessionExchange.of(context.switchToHttp().getRequest<IncomingMessage>());
  if (exchange === undefined)
    throw new SessionMisuseError(
      'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.',
    );
  return exchange;
}
