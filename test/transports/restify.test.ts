import { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Request, RequestHandler, Server } from 'restify';
import { sessionMiddleware, sessionOf, SessionStoreUnavailableError } from '../../src/node.js';
import { BlockableStore } from '../support/blockable-store.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';

// restify changes what all requests and responses of a process share, and so what other tests of this process would get.
const SHARED = [IncomingMessage.prototype, ServerResponse.prototype] as const;
const before = SHARED.map((prototype) => Object.getOwnPropertyDescriptors(prototype));

// The types of restify and of pino-http both say what a request's `log` is.
const sessionIn = (request: Request) => sessionOf(request as unknown as IncomingMessage);

let server: Server;
let browser: Browser;
const store = new BlockableStore({ logErrors: false, deadline: 60_000 });

beforeAll(async () => {
  const { createServer } = (await import('restify')).default;
  server = createServer();
  server.use(sessionMiddleware({ secret: TEST_SECRET, store }) as unknown as RequestHandler);
  server.get('/login', async (request, response) => {
    await sessionIn(request).login({ id: 'ada' });
    response.send(200, 'in');
  });
  server.get('/whoami', async (request, response) => {
    response.send(200, sessionIn(request).identity?.id ?? 'nobody');
  });
  server.listen(0, '127.0.0.1');
  await once(server.server as NodeJS.EventEmitter, 'listening');
  browser = new Browser(`http://127.0.0.1:${server.address().port}`);
});
afterAll(async () => {
  await new Promise<void>((closed) => server.close(closed));
  for (const [index, prototype] of SHARED.entries()) {
    const own = before[index] as PropertyDescriptorMap;
    for (const name of Reflect.ownKeys(prototype)) if (!Object.hasOwn(own, name)) Reflect.deleteProperty(prototype, name);
    Object.defineProperties(prototype, own);
  }
});

test('restify serves sessions, and answers 503 when one cannot be stored or read', async () => {
  expect((await browser.get('/login')).json).toBe('in');
  expect((await browser.get('/whoami')).json).toBe('ada');
  store.loadFailure = new SessionStoreUnavailableError('timeout');
  expect((await browser.get('/whoami')).status).toBe(503);
  store.loadFailure = undefined;
  store.failure = new SessionStoreUnavailableError('timeout');
  const answer = await browser.get('/login');
  expect([answer.status, answer.setCookies]).toEqual([503, []]);
  store.failure = undefined;
  expect((await browser.get('/whoami')).json).toBe('ada');
});
