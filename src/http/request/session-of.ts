import type { IncomingMessage } from 'node:http';
import type { HttpSession } from './http-session.js';
import { noSession, requireState } from './request-state.js';
import { httpSessionIn } from './session-access.js';

/**
 * The session of a request, with everything that this package adds to it (`login`, `logout`, `handle` …). It stays readable after this
 * request has ended it.
 *
 * Throws `SessionStoreUnavailableError` if the session couldn't be loaded, and `SessionMisuseError` if no session middleware ran.
 *
 * @publicApi
 */
export function sessionOf(request: IncomingMessage): HttpSession {
  const session = httpSessionIn(requireState(request));
  if (session === undefined) throw noSession();
  return session;
}
