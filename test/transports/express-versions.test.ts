import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type Express, type RequestHandler } from 'express';
import express4 from 'express4';
import { sessionMiddleware, sessionOf, type SessionMiddlewareOptions } from '../../src/express.js';
import { BlockableStore } from '../support/blockable-store.js';
import type { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { TestClock } from '../support/test-clock.js';

const FROM_TLS_PROXY = { 'x-forwarded-proto': 'https' };

let servers: PlainServer[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
});

describe.each<[string, () => Express]>([
  ['4', () => express4()],
  ['5', () => express()],
])('on Express %s without Nest', (_version, make) => {
  async function open(options: Partial<SessionMiddlewareOptions>, trustProxy?: unknown): Promise<Browser> {
    const app = make();
    if (trustProxy !== undefined) app.set('trust proxy', trustProxy);
    app.use(sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore(), name: 'sid', ...options }) as RequestHandler);
    app.get('/login', (request, response, next) => {
      sessionOf(request)
        .login({ id: 'ada' })
        .then(() => void response.json('in'), next);
    });
    app.get('/whoami', (request, response) => void response.json(sessionOf(request).identity?.id ?? null));
    const server = await serve(app);
    servers.push(server);
    return server.browser();
  }

  test.each<[string, Partial<SessionMiddlewareOptions>, trustProxy: unknown, isSecure: boolean]>([
    ['with "trust proxy" that names the proxy', {}, 'loopback', true],
    ['with "trust proxy" that names another one', {}, '10.0.0.1', false],
    ['with "trust proxy" as a function', {}, () => true, true],
    ['with the option proxy', { proxy: 1 }, undefined, true],
    ['with the option proxy against "trust proxy"', { proxy: false }, true, false],
    ['with neither', {}, undefined, false],
  ])('the cookie behind a TLS proxy is Secure only where the proxy is trusted: %s', async (_, options, trustProxy, isSecure) => {
    const browser = await open({ cookie: { secure: 'auto' }, ...options }, trustProxy);
    const { setCookies } = await browser.get('/login', FROM_TLS_PROXY);
    expect(setCookies).toHaveLength(1);
    expect(/; Secure(?:;|$)/.test(setCookies[0] ?? '')).toBe(isSecure);
    expect((await browser.get('/login')).setCookies[0]).not.toMatch(/; Secure(?:;|$)/);
  });

  test('a secret that is due is replaced before the handler, and the response tells the new one', async () => {
    const clock = new TestClock();
    const store = new BlockableStore({ rotateAfter: 60, deadline: 60_000 }, clock);
    const browser = await open({ store });
    await browser.get('/login');
    const first = await browser.sid();
    expect((await browser.get('/whoami')).setCookies).toEqual([]);
    clock.advance(60_000);
    const due = await browser.get('/whoami');
    expect([due.json, due.setCookies.length, store.writes.filter((write) => write === 'rotate').length]).toEqual(['ada', 1, 1]);
    expect(await browser.sid()).not.toBe(first);
    const next = await browser.get('/whoami');
    expect([next.json, next.setCookies]).toEqual(['ada', []]);
  });
});
