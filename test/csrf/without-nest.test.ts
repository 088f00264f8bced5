import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import express4 from 'express4';
import { csrfMiddleware, sessionMiddleware, type SessionMiddlewareOptions } from '../../src/express.js';
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

async function start(build: (app: Express) => void, app = express()): Promise<PlainServer> {
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

describe.each([
  ['5', express],
  ['4', express4],
])('csrfMiddleware in Express %s', (_, make) => {
  async function open(options?: Parameters<typeof csrfMiddleware>[0], prepare: (app: Express) => void = () => undefined) {
    const { origin } = await start((app) => {
      prepare(app);
      app.use('/queues', csrfMiddleware(options) as RequestHandler, answer('queued'));
    }, make());
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

  test('knows the port of the host, before a proxy too', async () => {
    const ask = await open();
    const trusting = await open({}, (app) => void app.set('trust proxy', 'loopback'));
    const [own, other] = ['http://shop.example:8080', 'http://shop.example:9090'].map((origin) => ({ origin, host: 'shop.example:8080' }));
    expect([await ask(own ?? {}), await trusting(own ?? {})]).toEqual(['queued', 'queued']);
    expect(await ask(other ?? {})).toBe('["SESSION_CROSS_ORIGIN","cross-origin"]');
    const forwarded = { origin: 'http://shop.example:8080', host: 'inner:3000', 'x-forwarded-host': 'shop.example:8080' };
    expect([await ask(forwarded), await trusting(forwarded)]).toEqual(['["SESSION_CROSS_ORIGIN","cross-origin"]', 'queued']);
  });

  test.each<[NonNullable<Parameters<typeof csrfMiddleware>[0]>['proxy'], string]>([
    [1, 'queued'],
    ['loopback', 'queued'],
    [['10.0.0.1'], '["SESSION_CROSS_ORIGIN","cross-origin"]'],
    [false, '["SESSION_CROSS_ORIGIN","cross-origin"]'],
  ])('believes X-Forwarded-Host of the proxies that it is told to: %j', async (proxy, expected) => {
    const ask = await open({ proxy });
    expect(await ask({ origin: 'https://front.example', 'x-forwarded-host': 'front.example' })).toBe(expected);
  });

  test('is checked at the start', async () => {
    expect(() => csrfMiddleware({ proxy: 'proxy.internal' })).toThrow(/"proxy" must be an IP address/);
    expect(() => csrfMiddleware({ strict: 1 } as never)).toThrow(RedisSessionConfigError);
    expect(() => csrfMiddleware({ strict: 1 } as never)).toThrow(/"strict" must be/);
  });
});
