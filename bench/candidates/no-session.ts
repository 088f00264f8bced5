import type { IncomingMessage, ServerResponse } from 'node:http';
import { sampleSession } from '../app/sample-session.js';
import type { BenchRequest, BenchResponse, Candidate, SessionAccess } from './candidate.js';
import { COOKIE_NAME } from './plain-session.js';

/** As long as the cookies of the others, so that reading the head of a request costs the same. */
const COOKIE = `s%3A${'x'.repeat(54)}.${'y'.repeat(43)}`;
const IDENTITY = sampleSession(0, 350).identity;
const TEMPORARY = Symbol('temporary');

const ACCESS: SessionAccess = {
  identity: (request: BenchRequest) => (request.headers.cookie === undefined ? undefined : IDENTITY),
  signIn: (_request, response: BenchResponse) => {
    response.header('Set-Cookie', `${COOKIE_NAME}=${COOKIE}`);
  },
  change: () => undefined,
  entries: () => ({}),
};

/** The ceiling: what is left when sessions cost nothing. */
export const noSession: Candidate = {
  name: 'none',
  title: 'no session',
  isBaseline: true,
  wire: () => Promise.resolve({ access: ACCESS }),
};

/**
 * The same with a middleware that does nothing but give requests and responses a hidden class that V8 shares among them again. Express on V8
 * before 13 gives each a class of its own, and a request costs less with this middleware than without any.
 */
export const noSessionNormalised: Candidate = {
  name: 'none-normalised',
  title: 'no session, normalised',
  isBaseline: true,
  beforeV8: 13,
  wire: () =>
    Promise.resolve({
      access: ACCESS,
      mount: (app) => {
        app.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
          normalise(request);
          normalise(response);
          next();
        });
      },
    }),
};

/** An object that has lost a property is a dictionary to V8. */
function normalise(message: object & { [TEMPORARY]?: number }): void {
  message[TEMPORARY] = 1;
  delete message[TEMPORARY];
}
