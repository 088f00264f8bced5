import type { HttpAdapterHost } from '@nestjs/core';
import { expressSessionMiddleware } from './express-session/express-session.middleware.js';
import { sessionStoreOf } from './express-session/express-store-facade.js';
import type { FastifySessions } from './fastify/fastify-sessions.js';
import { builtinSessionMiddleware } from './http/request/builtin-session.middleware.js';
import type { SessionHandler } from './http/request/session-handler.js';
import type { SessionRuntime } from './http/request/session-runtime.js';
import { isFastify } from './redis-session.fastify.js';
import { loadWithPeer } from './redis-session.peers.js';

/** Makes the session middleware that the options ask for, on whatever server it is mounted. */
export async function openHandler(runtime: SessionRuntime, fastify: FastifySessions, host: HttpAdapterHost): Promise<SessionHandler> {
  const handle = await openNodeHandler(runtime);
  let serve: SessionHandler | undefined;
  // The adapter may be there only when all providers are made.
  return (request, response, next) => {
    serve ??= isFastify(host.httpAdapter) ? fastify.handle : handle;
    serve(request, response, next);
  };
}

async function openNodeHandler(runtime: SessionRuntime): Promise<SessionHandler> {
  if (runtime.settings.middleware === 'builtin') return builtinSessionMiddleware(runtime, sessionStoreOf(runtime));
  const { default: expressSession } = await loadWithPeer('"session.middleware" is "express-session"', () => import('express-session'));
  return expressSessionMiddleware(runtime, expressSession);
}
