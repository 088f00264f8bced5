import type { IncomingMessage, ServerResponse } from 'node:http';
import type { IronSession } from 'iron-session';
import type { SampleSession } from '../app/sample-session.js';
import type { BenchRequest, Candidate } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, SECRET } from './plain-session.js';

const OPTIONS = { cookieName: COOKIE_NAME, password: SECRET, ttl: IDLE_MS / 1_000, cookieOptions: { secure: false } };

/** The whole session in an encrypted cookie. Not revocable. */
export const ironSession: Candidate = {
  name: 'iron-session',
  title: 'iron-session',
  extra: true,
  skips: { 'read-4k': 'a browser keeps no cookie of more than 4,096 bytes' },
  wire: async () => {
    const { getIronSession } = await import('iron-session');
    return {
      access: {
        ...PLAIN_ACCESS,
        signIn: async (request, response, session) => {
          await PLAIN_ACCESS.signIn(request, response, session);
          await sealed(request).save();
        },
        change: async (request, visit) => {
          await PLAIN_ACCESS.change(request, visit);
          await sealed(request).save();
        },
      },
      mount: (app) => {
        app.use((request: IncomingMessage & BenchRequest, response: ServerResponse, next: (error?: unknown) => void) => {
          getIronSession<SampleSession>(request, response, OPTIONS).then(
            (session) => {
              request.session = session;
              return next();
            },
            (error: unknown) => next(error),
          );
        });
      },
    };
  },
};

function sealed(request: BenchRequest): IronSession<SampleSession> {
  return request.session as IronSession<SampleSession>;
}
