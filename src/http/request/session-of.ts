import type { IncomingMessage } from 'node:http';
import type { HttpSession } from './http-session.js';
import { noSession, requireState } from './request-state.js';
import { httpSessionIn } from './session-access.js';
import type { NodeRequest } from './session-handler.js';
import { isFrameworkRequest, type FrameworkRequest } from './state-holder.js';

/**
 * The session of a request, with everything that this package adds to it (`login`, `logout`, `handle` …). It stays readable after this
 * request has ended it. On Fastify, its own request and Node's (`request.raw`) have the same session.
 *
 * Throws `SessionStoreUnavailableError` if the session couldn't be loaded, and `SessionMisuseError` if no session middleware ran.
 *
 * @publicApi
 */
export function sessionOf(request: NodeRequest | FrameworkRequest): HttpSession {
  // A request of HTTP/2 has all that is used of one of HTTP/1.
  const found = request as IncomingMessage | FrameworkRequest;
  const state = requireState(found);
  if (!isFrameworkRequest(found)) state.transport.useNodeRequest();
  const session = httpSessionIn(state);
  if (session === undefined) throw noSession();
  return session;
}
