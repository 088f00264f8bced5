import type { ServerResponse } from 'node:http';
import { sampleSession } from '../app/sample-session.js';
import type { BenchRequest, Candidate } from './candidate.js';
import { COOKIE_NAME } from './common.js';

/** As long as the cookies of the others, so that reading the head of a request costs the same. */
const COOKIE = `s%3A${'x'.repeat(54)}.${'y'.repeat(43)}`;
const IDENTITY = sampleSession(0, 350).identity;

/** The ceiling: what is left when sessions cost nothing. */
export const noSession: Candidate = {
  name: 'none',
  title: 'no session',
  access: {
    identity: (request: BenchRequest) => (request.headers.cookie === undefined ? undefined : IDENTITY),
    signIn: (_request, response: ServerResponse) => {
      response.setHeader('Set-Cookie', `${COOKIE_NAME}=${COOKIE}`);
    },
    change: () => undefined,
    entries: () => ({}),
  },
};
