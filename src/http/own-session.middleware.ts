import { SessionMisuseError } from '../redis-session.errors.js';
import { SessionExchange } from './session-exchange.js';
import type { SessionHandler } from './session-handler.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Refuses requests that came with the session of another middleware, which knows other users: the guard would let these pass. Runs after the
 * session middleware, which leaves such a request as it is.
 */
export function ownSessionMiddleware({ settings: { name }, store }: SessionRuntime): SessionHandler {
  return (request, _response, next) => {
    const { settings, store: found } = SessionExchange.of(request)?.runtime ?? {};
    // One that is imported twice is the same sessions twice.
    if (settings === undefined || (settings.name === name && found?.settings.prefix === store.settings.prefix)) return next();
    next(
      new SessionMisuseError(
        `This route is to have the session of the cookie ${JSON.stringify(name)}, and has that of ${JSON.stringify(settings.name)}. Where several RedisSessionModules are imported, put the routes of one into "exclude" of the others.`,
      ),
    );
  };
}
