import type { INestApplication } from '@nestjs/common';
import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import type { SampleSession } from '../app/sample-session.js';
import type { BenchRequest, SessionAccess } from './candidate.js';

export const SECRET = 'a secret for benchmarks only, 32 bytes or more';
export const COOKIE_NAME = 'sid';
export const IDLE_MS = 1_800_000;

/** What a session of express-session looks like to a handler; the others imitate it. */
export function plainSession(request: BenchRequest): Partial<SampleSession> {
  return request.session ?? {};
}

/** `req.session` with plain properties, saved by the middleware at the end of the request. */
export const PLAIN_ACCESS: SessionAccess = {
  identity: (request) => plainSession(request).identity,
  signIn: (request, _response, session) => {
    Object.assign(plainSession(request), session);
  },
  change: (request, visit) => {
    plainSession(request).visit = visit;
  },
  entries: (request) => {
    const { identity, cart, visit } = plainSession(request);
    return { identity, cart, visit } as Partial<SampleSession>;
  },
};

/** The Fastify under an application on that platform. */
export function fastifyOf(app: INestApplication): FastifyInstance {
  return app.getHttpAdapter().getInstance() as FastifyInstance;
}

/**
 * A plugin for Fastify's sessions, without its types: each of them gives every request of a program its own `session`, so two of them, or one and ours,
 * do not compile.
 *
 * @param url that `import.meta.resolve` gives
 */
export async function pluginAt(url: string): Promise<FastifyPluginCallback<Record<string, unknown>>> {
  const { default: plugin } = (await import(url)) as { default: FastifyPluginCallback<Record<string, unknown>> };
  return plugin;
}
