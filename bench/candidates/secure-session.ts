import type { Candidate } from './candidate.js';
import { COOKIE_NAME, fastifyOf, IDLE_MS, PLAIN_ACCESS, pluginAt } from './plain-session.js';

const KEY_BYTES = 32;
const OPTIONS = {
  cookieName: COOKIE_NAME,
  key: Buffer.alloc(KEY_BYTES, 'a key for benchmarks only'),
  expiry: IDLE_MS / 1_000,
  cookie: { path: '/', httpOnly: true, maxAge: IDLE_MS / 1_000 },
};

/** The whole session in an encrypted cookie. Not revocable. */
export const secureSession: Candidate = {
  name: 'secure-session',
  title: '@fastify/secure-session',
  skips: { 'read-4k': 'a browser keeps no cookie of more than 4,096 bytes' },
  wire: async () => {
    const plugin = await pluginAt(import.meta.resolve('@fastify/secure-session'));
    return { access: PLAIN_ACCESS, mount: (app) => fastifyOf(app).register(plugin, OPTIONS) };
  },
};
