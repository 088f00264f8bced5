import type { IncomingMessage } from 'node:http';
import type { HttpSession } from './http-session.js';
import { contextOf, type RequestContext } from './request-context.js';

/**
 * The session of a request, for code that only looks: logs, traces, exception filters, error pages. It never throws: `undefined` when the session
 * could not be loaded, when no session middleware ran, and when the request has no session any more.
 *
 * Do not decide by it who may do what: in an outage everybody looks like a visitor. `SessionGuard`, `@Session()` and `sessionOf()` answer 503 then.
 *
 * @publicApi
 */
export function peekSession(request: IncomingMessage): HttpSession | undefined {
  return contextOf<RequestContext>(request)?.peeked as HttpSession | undefined;
}
