import type { Candidate } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, SECRET } from './plain-session.js';

/** The whole session in a signed cookie. Readable by its holder, not revocable. */
export const cookieSession: Candidate = {
  name: 'cookie-session',
  title: 'cookie-session',
  extra: true,
  skips: { 'read-4k': 'a browser keeps no cookie of more than 4,096 bytes' },
  wire: async () => {
    const { default: middleware } = await import('cookie-session');
    return { access: PLAIN_ACCESS, mount: (app) => app.use(middleware({ name: COOKIE_NAME, keys: [SECRET], maxAge: IDLE_MS })) };
  },
};
