import { expressSessionMiddleware } from './express-session/express-session.middleware.js';
import { ExpressStoreFacade } from './express-session/express-store-facade.js';
import { builtinSessionMiddleware } from './http/request/builtin-session.middleware.js';
import type { SessionHandler } from './http/request/session-handler.js';
import type { SessionRuntime } from './http/request/session-runtime.js';
import { loadWithPeer } from './redis-session.peers.js';

/** Makes the session middleware that the options ask for. */
export async function openHandler(runtime: SessionRuntime): Promise<SessionHandler> {
  const { sessionStore = new ExpressStoreFacade(runtime), settings } = runtime;
  if (settings.middleware === 'builtin') return builtinSessionMiddleware(runtime, sessionStore);
  const { default: expressSession } = await loadWithPeer('"session.middleware" is "express-session"', () => import('express-session'));
  return expressSessionMiddleware(runtime, expressSession);
}
