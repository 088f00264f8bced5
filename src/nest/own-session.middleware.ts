import { stateOf } from '../http/request/request-state.js';
import type { SessionHandler } from '../http/request/session-handler.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';

/**
 * Refuses requests that came with the session of another module, which knows other users: decorators would give them out. Runs after the session
 * middleware, which leaves such a request as it is. Nest looks for `exclude` in the target as the client sent it, Express routes by the path that
 * it reads from that, so a client can choose a middleware that is not that of the route.
 */
export function ownSessionMiddleware(runtime: SessionRuntime): SessionHandler {
  return (request, _response, next) => {
    const found = stateOf(request)?.transport.runtime;
    // What this throws goes to Nest's exception filters, as what any middleware throws does.
    if (found !== undefined) runtime.assertSameAs(found);
    next();
  };
}
