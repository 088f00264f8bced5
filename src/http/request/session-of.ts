import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import type { HttpSession } from './http-session.js';
import { contextOf, type RequestContext } from './request-context.js';

/**
 * The session of a request, with everything that this package adds to it (`login`, `logout`, `handle` …). It stays readable when this
 * request has ended it.
 *
 * Throws `SessionStoreUnavailableError` when the session could not be loaded, and `SessionMisuseError` when no session middleware ran.
 *
 * @publicApi
 */
export function sessionOf(request: IncomingMessage): HttpSession {
  const session = contextOf<RequestContext>(request)?.httpSession as HttpSession | undefined;
  if (session === undefined)
    throw new SessionMisuseError('This request has no session. Mount sessionMiddleware() before the handler that calls sessionOf().');
  return session;
}
