import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { csrfMiddleware, sessionMiddleware, type CsrfOptions, type SessionMiddlewareOptions } from '../../src/express.js';
import { RedisSessionConfigError } from '../../src/index.js';
import { TEST_SECRET } from '../support/create-app.js';
import { BlockableStore } from '../support/blockable-store.js';
import { CROSS_SITE, SAME_ORIGIN, sendTo } from '../support/origin-client.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';

let servers: PlainServer[] = [];
beforeEach(() => void (servers = []));
afterEach(() => Promise.all(servers.map((server) => server.close())));

async function start(build: (app: Express) => void): Promise<PlainServer> {
  const app = express();
  build(app);
  app.use(((error: { statusCode: number; code: string; reason: string }, _request, response, _next) => {
    response.status(error.statusCode).json([error.code, error.reason]);
  }) satisfies ErrorRequestHandler);
  const server = await serve(app);
  servers.push(server);
  return server;
}

const answer =
  (text: string): RequestHandler =>
  (_request, response) =>
    void response.send(text);

describe('the csrf option without Nest', () => {
  async function open(csrf: SessionMiddlewareOptions['csrf'], options: Partial<SessionMiddlewareOptions> = {}) {
    const store = new BlockableStore();
    const server = await start((app) => {
      app.post('/hook', answer('hooked'));
      app.use(sessionMiddleware({ secret: TEST_SECRET, store, csrf, ...options }) as RequestHandler);
      app.all('/order', answer('ordered'));
    });
    const cookie = signedCookie(await storedSid(store, { identity: { id: 'ada' } }));
    const ask = async (path: string, headers: Record<string, string>, method = 'POST') =>
      (await sendTo(server.origin, { path, method, headers: { ...headers, cookie } })).body;
    return { ask, store };
  }

  test('refuses requests of other sites, also where the cookie does not go', async () => {
    for (const options of [{}, { cookie: { path: '/elsewhere' } }]) {
      const { ask } = await open(true, options);
      expect(await ask('/order', CROSS_SITE)).toBe('["SESSION_CROSS_ORIGIN","cross-site"]');
      expect(await ask('/order', SAME_ORIGIN)).toBe('ordered');
      expect(await ask('/order', CROSS_SITE, 'GET')).toBe('ordered');
    }
  });

  test('takes the rules of the option', async () => {
    const { ask } = await open({ strict: true, trustedOrigins: ['https://evil.example'] });
    expect(await ask('/order', CROSS_SITE)).toBe('ordered');
    expect(await ask('/order', {})).toBe('["SESSION_CROSS_ORIGIN","no-origin"]');
  });

  test.each([undefined, false])('%p refuses nothing', async (csrf) => {
    expect(await (await open(csrf)).ask('/order', CROSS_SITE)).toBe('ordered');
  });

  test('leaves handlers alone that are mounted before', async () => {
    expect(await (await open(true)).ask('/hook', CROSS_SITE)).toBe('hooked');
  });

  test('asks the store for nothing', async () => {
    const { ask, store } = await open(true);
    store.find = () => Promise.reject(new Error('The store was asked.'));
    expect(await ask('/order', CROSS_SITE)).toBe('["SESSION_CROSS_ORIGIN","cross-site"]');
  });

  test('is checked at the start', async () => {
    const build = () => sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore(), csrf: { trustedOrigins: ['*'] } });
    expect(build).toThrow(RedisSessionConfigError);
    expect(build).toThrow(/"csrf\.trustedOrigins\[0\]" must be an origin/);
  });
});

describe('csrfMiddleware', () => {
  async function open(options?: CsrfOptions & { proxy?: boolean }) {
    const { origin } = await start((app) => void app.use('/queues', csrfMiddleware(options) as RequestHandler, answer('queued')));
    return async (headers: Record<string, string>) => (await sendTo(origin, { path: '/queues', headers })).body;
  }

  test('refuses what CsrfGuard does', async () => {
    const ask = await open();
    expect(await ask(CROSS_SITE)).toBe('["SESSION_CROSS_ORIGIN","cross-site"]');
    expect(await ask(SAME_ORIGIN)).toBe('queued');
    expect(await ask({})).toBe('queued');
  });

  test('takes the same rules', async () => {
    const ask = await open({ strict: true, trustedOrigins: ['https://evil.example'], proxy: true });
    expect(await ask(CROSS_SITE)).toBe('queued');
    expect(await ask({})).toBe('["SESSION_CROSS_ORIGIN","no-origin"]');
    expect(await ask({ origin: 'https://front.example', 'x-forwarded-host': 'front.example' })).toBe('queued');
  });

  test('is checked at the start', async () => {
    expect(() => csrfMiddleware({ strict: 1 } as never)).toThrow(RedisSessionConfigError);
    expect(() => csrfMiddleware({ strict: 1 } as never)).toThrow(/"strict" must be/);
  });
});
