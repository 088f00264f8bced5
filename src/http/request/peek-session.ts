import type { IncomingMessage } from 'node:http';
import type { HttpSession } from './http-session.js';
import { stateOf } from './request-state.js';
import { peekedSessionIn } from './session-access.js';
import type { FrameworkRequest } from './state-holder.js';
import type { NodeRequest } from './session-handler.js';

/**
 * The session of a request, for code that only looks: logs, traces, exception filters, error pages. It gives you what `sessionOf()` gives,
 * which stays readable after this request has ended it, so a log can say who has signed out. It never throws: where `sessionOf()` does, it
 * is `undefined`.
 *
 * Don't decide by it who may do what: in an outage everybody looks like a visitor. `SessionGuard`, `@Session()` and `sessionOf()` answer
 * 503 then.
 *
 * @publicApi
 */
export function peekSession(request: NodeRequest | FrameworkRequest): HttpSession | undefined {
  const state = stateOf(request as IncomingMessage | FrameworkRequest);
  return state && peekedSessionIn(state);
}
