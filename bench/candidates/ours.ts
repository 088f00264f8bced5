import { sessionOf } from '../../src/express.js';
import { RedisSessionModule } from '../../src/index.js';
import type { Candidate } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, plainSession, SECRET } from './common.js';

export const builtin = ours('builtin');
export const oursOverExpressSession = ours('express-session');

/** A fresh application of ours: everything by default, with the cookie that the others have. */
function ours(middleware: 'builtin' | 'express-session'): Candidate {
  return {
    name: middleware,
    title: `ours, '${middleware}'`,
    access: {
      ...PLAIN_ACCESS,
      signIn: async (request, _response, { identity, ...entries }) => {
        await sessionOf(request).login({ ...identity });
        Object.assign(plainSession(request), entries);
      },
    },
    imports: (redisUrl) => [
      RedisSessionModule.forRoot({
        redis: redisUrl,
        session: { name: COOKIE_NAME, secret: SECRET, cookie: { maxAge: IDLE_MS }, middleware },
        store: { prefix: oursPrefix(middleware) },
      }),
    ],
  };
}

export function oursPrefix(middleware: string): string {
  return `${middleware}:`;
}
