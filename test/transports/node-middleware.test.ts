import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import connect from 'connect';
import polka from 'polka';
import {
  csrfMiddleware,
  peekSession,
  sessionMiddleware,
  sessionOf,
  SessionStoreUnavailableError,
  type NodeRequest,
  type NodeResponse,
  type SessionMiddlewareOptions,
} from '../../src/node.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serveHttp2, type Http2Answer } from '../support/http2-app.js';
import { CROSS_SITE, SAME_ORIGIN, sendTo } from '../support/origin-client.js';
import { serve } from '../support/plain-app.js';
import type { AnyExpressSession } from '../support/scripted-app.js';

interface Opened {
  ask(path: string, headers?: Record<string, string>, method?: string): Promise<Http2Answer>;
  close(): Promise<void>;
}

type Middleware = ReturnType<typeof sessionMiddleware>;
type Handler = (request: NodeRequest, response: NodeResponse) => Promise<void>;

/** Whatever a server does with an error; in Node alone there is nothing that does it. */
function answerError(error: unknown, response: NodeResponse): void {
  const { statusCode = 500, headers = {}, message } = error as Error & { statusCode?: number; headers?: Record<string, string> };
  (response as ServerResponse).writeHead(statusCode, headers).end(message);
}

async function respond(handler: Handler, request: NodeRequest, response: NodeResponse): Promise<void> {
  try {
    await handler(request, response);
  } catch (error) {
    answerError(error, response);
  }
}

async function overHttp1(listener: RequestListener): Promise<Opened> {
  const { origin, close } = await serve(listener);
  const ask: Opened['ask'] = async (path, headers = {}, method = 'GET') => {
    const answer = await sendTo(origin, { path, method, headers });
    return { status: answer.status, headers: new Headers(answer.headers.map(([name, value]) => [name, value])), text: answer.body };
  };
  return { ask, close };
}

const SERVERS: [string, (session: Middleware, handler: Handler) => Promise<Opened>][] = [
  [
    'http.createServer',
    (session, handler) =>
      overHttp1((request, response) =>
        session(request, response, (error) => {
          if (error !== undefined) answerError(error, response);
          else void respond(handler, request, response);
        }),
      ),
  ],
  [
    'http2.createServer',
    (session, handler) =>
      serveHttp2((request, response) =>
        session(request, response, (error) => {
          if (error !== undefined) answerError(error, response);
          else void respond(handler, request, response);
        }),
      ),
  ],
  [
    'connect',
    (session, handler) =>
      overHttp1(
        connect()
          .use(session)
          .use(
            (request: IncomingMessage, response: ServerResponse, next: (error: unknown) => void) =>
              void handler(request, response).catch(next),
          ),
      ),
  ],
  [
    'polka',
    (session, handler) => {
      // Without it polka takes the code of an error for a status, and the process ends.
      const app = polka({ onError: (error, _request, response) => answerError(error, response) });
      app.use(session).all('*', (request, response, next) => void handler(request, response).catch(next));
      return overHttp1(app.handler as Parameters<typeof overHttp1>[0]);
    },
  ],
];

const HANDLERS: Record<string, (request: NodeRequest) => unknown> = {
  '/plain': () => 'plain',
  '/login': async (request) => (await sessionOf(request).login({ id: 'ada' }), 'in'),
  '/logout': async (request) => (await sessionOf(request).logout(), 'out'),
  '/whoami': (request) => sessionOf(request).identity?.id ?? 'nobody',
  '/peek': (request) => peekSession(request)?.identity?.id ?? 'nobody',
  '/visit': (request) => {
    const { session } = request as unknown as { session: AnyExpressSession };
    return (session['visits'] = Number(session['visits'] ?? 0) + 1);
  },
};

const handle: Handler = async (request, response) => {
  const body = String(await HANDLERS[request.url ?? '']?.(request));
  (response as ServerResponse).setHeader('X-From', 'handler');
  (response as ServerResponse).end(body);
};

describe.each(SERVERS)('sessionMiddleware in %s', (_, open) => {
  let opened: Opened[] = [];
  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    opened = [];
  });

  async function start(options: Partial<SessionMiddlewareOptions> = {}, handler = handle) {
    const store = new BlockableStore({ logErrors: false, deadline: 60_000 });
    const app = await open(sessionMiddleware({ secret: TEST_SECRET, store, ...options }), handler);
    opened.push(app);
    const ask = async (path: string, cookie?: string, headers: Record<string, string> = {}, method = 'GET') => {
      const answer = await app.ask(path, { ...headers, ...(cookie === undefined ? {} : { cookie }) }, method);
      return { ...answer, cookie: answer.headers.getSetCookie()[0]?.split(';', 1)[0] };
    };
    return { store, ask };
  }

  test('a visitor signs in, is known, and signs out', async () => {
    const { ask } = await start();
    const { cookie } = await ask('/login');
    expect((await ask('/whoami', cookie)).text).toBe('ada');
    expect((await ask('/peek', cookie)).text).toBe('ada');
    const out = await ask('/logout', cookie);
    expect([out.text, out.cookie]).toEqual(['out', 'sid=']);
    expect((await ask('/whoami', cookie)).text).toBe('nobody');
  });

  test('a sign-in gives a visitor another cookie, and a rotation of the session too', async () => {
    const { ask } = await start({}, async (request, response) => {
      if (request.url === '/rotate') await sessionOf(request).rotate();
      return request.url === '/rotate' ? void (response as ServerResponse).end() : handle(request, response);
    });
    const { cookie: visitor } = await ask('/visit');
    const { cookie: user } = await ask('/login', visitor);
    const { cookie: rotated } = await ask('/rotate', user);
    expect(new Set([visitor, user, rotated]).size).toBe(3);
    expect((await ask('/whoami', rotated)).text).toBe('ada');
    expect((await ask('/whoami', visitor)).text).toBe('nobody');
  });

  test('who does not use the session gets no cookie, and the store is asked for nothing', async () => {
    const { ask, store } = await start();
    const { text, cookie, headers } = await ask('/plain');
    expect([text, cookie, headers.get('vary'), store.loads, store.writes]).toEqual(['plain', undefined, null, 0, []]);
  });

  test('nothing is answered before the change is stored', async () => {
    const { ask, store } = await start();
    const { cookie } = await ask('/visit');
    const barrier = (store.barrier = new Barrier(1));
    let isAnswered = false;
    const answer = ask('/visit', cookie).finally(() => (isAnswered = true));
    await barrier.full;
    await ask('/plain');
    expect(isAnswered).toBe(false);
    barrier.open();
    expect((await answer).text).toBe('2');
  });

  test('a change that cannot be stored is answered 503, without what the handler wrote', async () => {
    const { ask, store } = await start();
    const { cookie } = await ask('/visit');
    store.failure = new SessionStoreUnavailableError('timeout');
    const answer = await ask('/visit', cookie);
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('x-from')]).toEqual([503, '1', null]);
    expect(JSON.parse(answer.text)).toMatchObject({ statusCode: 503, code: 'SESSION_STORE_UNAVAILABLE' });
    store.failure = undefined;
    expect((await ask('/visit', cookie)).text).toBe('2');
  });

  test('a passive request reads its session, and what it changes is refused and not stored', async () => {
    const { ask, store } = await start({ passive: ({ url }) => url === '/visit' });
    const { cookie } = await ask('/login');
    const before = store.writes.length;
    const answer = await ask('/visit', cookie);
    expect([answer.status, answer.cookie, answer.headers.get('x-from')]).toEqual([500, undefined, null]);
    expect([(await ask('/whoami', cookie)).text, store.writes.length]).toEqual(['ada', before]);
  });

  test('a session that cannot be loaded is a 503 for the one who needs it, and nobody else', async () => {
    const { ask, store } = await start();
    const { cookie } = await ask('/login');
    store.loadFailure = new SessionStoreUnavailableError('timeout');
    expect((await ask('/plain', cookie)).text).toBe('plain');
    expect((await ask('/peek', cookie)).text).toBe('nobody');
    const answer = await ask('/whoami', cookie);
    expect([answer.status, answer.headers.get('retry-after'), answer.cookie]).toEqual([503, '1', undefined]);
  });

  test('a request of another site is refused, and one of the host itself is not', async () => {
    const { ask } = await start({ csrf: true });
    expect((await ask('/plain', undefined, CROSS_SITE, 'POST')).status).toBe(403);
    for (const headers of [SAME_ORIGIN, { origin: 'https://shop.example' }])
      expect((await ask('/plain', undefined, headers, 'POST')).text).toBe('plain');
    expect((await ask('/plain', undefined, { origin: 'https://evil.example' }, 'POST')).status).toBe(403);
  });

  test('the cookie is secure behind a proxy that is trusted, and only there', async () => {
    const https = { 'x-forwarded-proto': 'https' };
    const attributes = async (proxy: SessionMiddlewareOptions['proxy']) => {
      const { ask } = await start({ proxy });
      return (await ask('/login', undefined, https)).headers.getSetCookie()[0]?.includes('; Secure');
    };
    expect([await attributes(1), await attributes('loopback'), await attributes('10.0.0.1'), await attributes(undefined)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

test.each(SERVERS)('csrfMiddleware in %s refuses requests of other sites', async (_, open) => {
  const app = await open(csrfMiddleware(), (_request, response) => Promise.resolve(void (response as ServerResponse).end('passed')));
  const statuses = await Promise.all([CROSS_SITE, SAME_ORIGIN, {}].map(async (headers) => (await app.ask('/', headers, 'POST')).status));
  await app.close();
  expect(statuses).toEqual([403, 200, 200]);
});
