import type { IncomingMessage } from 'node:http';
import type { HttpSession } from './http-session.js';
import { stateOf } from './request-state.js';
import { peekedSessionIn } from './session-access.js';

/**
 * The session of a request, for code that only looks: logs, traces, exception filters, error pages. It is what `sessionOf()` gives, which stays readable
 * when this request has ended it, so that a log can say who has signed out. It never throws: where `sessionOf()` does, because the session could
 * not be loaded or no session middleware ran, it is `undefined`.
 *
 * Do not decide by it who may do what: in an outage everybody looks like a visitor. `SessionGuard`, `@Session()` and `sessionOf()` answer 503 then.
 *
 * @publicApi
 */
export function peekSession(request: IncomingMessage): HttpSession | undefined {
  const state = stateOf(request);
  return state && peekedSessionIn(state);
}
