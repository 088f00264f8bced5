import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  nodeSessions,
  sessionMiddleware,
  sessionOf,
  SessionStoreUnavailableError,
  type HttpSession,
  type NodeRequest,
  type NodeResponse,
  type NodeSessions,
  type SessionMiddlewareOptions,
} from '../../src/node.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serveHttp2, type Http2Answer } from '../support/http2-app.js';
import { CROSS_SITE, sendTo } from '../support/origin-client.js';
import { serve } from '../support/plain-app.js';
import { TestClock } from '../support/test-clock.js';

type Session = HttpSession & Record<string, unknown>;

interface Request {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  load(): Promise<Session>;
  commit(): Promise<void>;
}

type Handler = (request: Request) => unknown;

interface App {
  readonly store: BlockableStore;
  ask(cookie?: string, headers?: Record<string, string>): Promise<Http2Answer & { readonly cookie: string | undefined }>;
  /** What the next request does. */
  handler: Handler;
}

const SERVERS: [string, (listener: (request: NodeRequest, response: NodeResponse) => void) => ReturnType<typeof serveHttp2>][] = [
  [
    'http',
    async (listener) => {
      const { origin, close } = await serve(listener);
      return {
        close,
        ask: async (path, headers = {}, method = 'GET') => {
          const answer = await sendTo(origin, { path, method, headers: headers as Record<string, string> });
          return { status: answer.status, headers: new Headers(answer.headers.map(([name, value]) => [name, value])), text: answer.body };
        },
      };
    },
  ],
  ['http2', serveHttp2],
];

/** Signs in, by a call of its own, and commits. */
const signIn: Handler = async ({ load, commit, response }) => {
  await (await load()).login({ id: 'ada' });
  await commit();
  response.end('in');
};

const whoami: Handler = async ({ load, commit, response }) => {
  const { identity } = await load();
  await commit();
  response.end(identity?.id ?? 'nobody');
};

const visit: Handler = async ({ load, commit, response }) => {
  const session = await load();
  const visits = (session['visits'] = Number(session['visits'] ?? 0) + 1);
  await commit();
  response.end(String(visits));
};

describe.each(SERVERS)('loadSession and commitSession over %s', (_, open) => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => void (await Promise.all(closing.splice(0).map((close) => close()))));

  async function start(options: Partial<SessionMiddlewareOptions> & { readonly store?: BlockableStore } = {}): Promise<App> {
    const { store = new BlockableStore({ logErrors: false, deadline: 60_000 }) } = options;
    const { loadSession, commitSession }: NodeSessions = nodeSessions({ secret: TEST_SECRET, ...options, store });
    const { ask, close } = await open((request, response) => {
      const handled = async () =>
        app.handler({
          request: request as IncomingMessage,
          response: response as ServerResponse,
          load: () => loadSession(request) as Promise<Session>,
          commit: () => commitSession(request, response),
        });
      handled().catch((error: unknown) => {
        const { statusCode = 500, headers = {}, message } = error as Error & { statusCode?: number; headers?: Record<string, string> };
        (response as ServerResponse).writeHead(statusCode, headers).end(message);
      });
    });
    closing.push(close);
    const app: App = {
      store,
      handler: whoami,
      ask: async (cookie, headers = {}) => {
        const answer = await ask('/', { ...headers, ...(cookie === undefined ? {} : { cookie }) }, 'POST');
        return { ...answer, cookie: answer.headers.getSetCookie()[0]?.split(';', 1)[0] };
      },
    };
    return app;
  }

  /** A cookie of somebody who has signed in. */
  async function cookieOf(app: App): Promise<string> {
    app.handler = signIn;
    const { cookie = '' } = await app.ask();
    app.handler = whoami;
    return cookie;
  }

  test('a visitor signs in, is known, and signs out', async () => {
    const app = await start();
    const cookie = await cookieOf(app);
    const known = await app.ask(cookie);
    expect([known.text, known.cookie, known.headers.get('vary')]).toEqual(['ada', undefined, 'Cookie']);
    app.handler = async ({ load, commit, response }) => {
      await (await load()).logout();
      await commit();
      response.end();
    };
    const out = await app.ask(cookie);
    expect([out.cookie, out.headers.get('cache-control')]).toEqual(['sid=', 'no-store']);
    app.handler = whoami;
    expect((await app.ask(cookie)).text).toBe('nobody');
  });

  test('a change is stored by the commit, which waits for it, and by nothing else', async () => {
    const app = await start();
    app.handler = visit;
    const { cookie } = await app.ask();
    app.handler = async ({ load, response }) => response.end(String(((await load())['visits'] = 9)));
    await app.ask(cookie);
    const barrier = (app.store.barrier = new Barrier(1));
    let isCommitted = false;
    app.handler = async (all) => visit({ ...all, commit: () => all.commit().finally(() => (isCommitted = true)) });
    const answer = app.ask(cookie);
    await barrier.full;
    expect(isCommitted).toBe(false);
    barrier.open();
    expect((await answer).text).toBe('2');
  });

  test('nothing of the response is patched', async () => {
    const app = await start();
    const own: string[][] = [];
    app.handler = async ({ load, commit, response }) => {
      const look = () => own.push(Reflect.ownKeys(response).map(String));
      look();
      (await load())['cart'] = ['tea'];
      look();
      const methods = ['writeHead', 'write', 'end', 'flushHeaders', 'setHeader'] as const;
      const before = methods.map((name) => response[name]);
      await commit();
      expect(methods.map((name) => response[name])).toEqual(before);
      response.end();
    };
    expect((await app.ask()).cookie).toMatch(/^sid=/);
    expect(own[1]).toEqual(own[0]);
  });

  test('a request that changes nothing, and one that never loads, cost the store nothing', async () => {
    const app = await start();
    expect([(await app.ask()).cookie, app.store.loads, app.store.writes]).toEqual([undefined, 0, []]);
    app.handler = async ({ commit, response }) => (await commit(), response.end('plain'));
    const { text, headers } = await app.ask('sid=something');
    expect([text, headers.get('vary'), app.store.loads]).toEqual(['plain', null, 0]);
  });

  test('a commit that fails rejects with the error that says 503, and leaves the response as it was', async () => {
    const app = await start();
    app.handler = visit;
    const { cookie } = await app.ask();
    app.store.failure = new SessionStoreUnavailableError('timeout');
    const answer = await app.ask(cookie);
    expect([answer.status, answer.headers.get('retry-after'), answer.cookie, answer.headers.get('vary')]).toEqual([
      503,
      '1',
      undefined,
      null,
    ]);
    app.store.failure = undefined;
    expect((await app.ask(cookie)).text).toBe('2');
  });

  test('a load that fails rejects with the error that says 503; a request that goes on tells nothing', async () => {
    const app = await start();
    const cookie = await cookieOf(app);
    app.store.loadFailure = new SessionStoreUnavailableError('timeout');
    expect((await app.ask(cookie)).status).toBe(503);
    app.handler = async ({ load, commit, request, response }) => {
      await load().catch(() => undefined);
      expect(() => sessionOf(request)).toThrow(SessionStoreUnavailableError);
      await commit();
      response.end('public');
    };
    const { text, cookie: told } = await app.ask(cookie);
    expect([text, told]).toEqual(['public', undefined]);
    app.store.loadFailure = undefined;
    app.handler = whoami;
    expect((await app.ask(cookie)).text).toBe('ada');
  });

  test('a second load gives the same session, which is also sessionOf() and req.session', async () => {
    const app = await start();
    const cookie = await cookieOf(app);
    app.handler = async ({ load, commit, request, response }) => {
      const [first, second] = [await load(), await load()];
      first['cart'] = ['tea'];
      const { session } = request as unknown as { session: Record<string, unknown> };
      await commit();
      response.end(JSON.stringify([first === second, sessionOf(request) === first, session['cart'], 'login' in session]));
    };
    expect(JSON.parse((await app.ask(cookie)).text)).toEqual([true, true, ['tea'], false]);
    expect(app.store.loads).toBe(1);
  });

  test('after the commit a second one stores what has changed, and nothing that would need a cookie', async () => {
    const app = await start();
    const cookie = await cookieOf(app);
    app.handler = async ({ load, commit, response }) => {
      const session = await load();
      await commit();
      const login = await session.login({ id: 'grace' }).catch((error: Error) => error.message);
      session['cart'] = ['tea'];
      response.write(String(login));
      await commit();
      response.end();
    };
    expect((await app.ask(cookie)).text).toMatch(/^session.login\(\) needs a new cookie, and the response has begun/);
    app.handler = async ({ load, response }) => {
      const { cart, identity } = await load();
      response.end(JSON.stringify([cart, identity]));
    };
    expect(JSON.parse((await app.ask(cookie)).text)).toEqual([['tea'], { id: 'ada' }]);
  });

  test('a session that begins when the head is out is refused, since nobody could use it', async () => {
    const app = await start();
    app.handler = async ({ load, commit, response }) => {
      response.write('begun: ');
      (await load())['cart'] = ['tea'];
      const refused = await commit().catch((error: Error) => error.message);
      response.end(refused);
    };
    expect((await app.ask()).text).toMatch(/^begun: A session was begun after the head of the response had left/);
    expect(app.store.writes).toEqual([]);
  });

  test('a session that becomes somebody’s by assignment gets another cookie at the commit', async () => {
    const app = await start({ identity: (session) => (session as { user?: { id: string } }).user });
    app.handler = visit;
    const { cookie: planted } = await app.ask();
    app.handler = async ({ load, commit, response }) => {
      (await load())['user'] = { id: 'ada' };
      await commit();
      response.end();
    };
    const { cookie } = await app.ask(planted);
    app.handler = async ({ load, response }) => response.end(JSON.stringify((await load())['user'] ?? null));
    expect([(await app.ask(cookie)).text, (await app.ask(planted)).text]).toEqual(['{"id":"ada"}', 'null']);
  });

  test('a secret that is due is replaced by the commit, and not where nobody commits, as in a handshake', async () => {
    const clock = new TestClock();
    const app = await start({ store: new BlockableStore({ rotateAfter: 1, logErrors: false, deadline: 60_000 }, clock) });
    const cookie = await cookieOf(app);
    clock.advance(1_000);
    app.handler = async ({ load, response }) => response.end((await load()).identity?.id);
    expect([(await app.ask(cookie)).text, app.store.writes]).toEqual(['ada', ['create']]);
    app.handler = whoami;
    const rotated = await app.ask(cookie);
    expect([rotated.text, app.store.writes.includes('rotate')]).toEqual(['ada', true]);
    expect(rotated.cookie).not.toBe(cookie);
    expect((await app.ask(rotated.cookie)).text).toBe('ada');
  });

  test('a sign-in under a secret that is due gives one new cookie', async () => {
    const clock = new TestClock();
    const app = await start({ store: new BlockableStore({ rotateAfter: 1, logErrors: false, deadline: 60_000 }, clock) });
    const cookie = await cookieOf(app);
    clock.advance(1_000);
    app.handler = signIn;
    const again = await app.ask(cookie);
    expect([again.headers.getSetCookie().length, app.store.writes.includes('rotate')]).toEqual([1, false]);
    app.handler = whoami;
    expect([(await app.ask(again.cookie)).text, (await app.ask(cookie)).text]).toEqual(['ada', 'nobody']);
  });

  test('with csrf, the load of a request of another site rejects with the error that says 403', async () => {
    const app = await start({ csrf: true });
    expect((await app.ask(undefined, CROSS_SITE)).status).toBe(403);
    expect((await app.ask(undefined, { origin: 'https://shop.example' })).text).toBe('nobody');
  });

  test('a request that the path of the cookie does not cover is told so', async () => {
    const app = await start({ cookie: { path: '/app' } });
    expect((await app.ask()).text).toMatch(/^The path of the cookie does not cover this request/);
  });

  test('a session that the middleware commits is not committed twice', async () => {
    const app = await start();
    const session = sessionMiddleware({ secret: TEST_SECRET, store: app.store });
    app.handler = async ({ load, commit, request, response }) => {
      await new Promise<void>((next) => session(request, response, () => next()));
      const { isNew } = await load();
      const refused = await commit().catch((error: Error) => error.message);
      response.end(`${String(isNew)} ${String(refused)}`);
    };
    expect((await app.ask()).text).toMatch(/^true commitSession\(\) is for a session that loadSession\(\) has loaded/);
  });
});

test('the session of a WebSocket’s handshake is read without a response', async () => {
  const store = new BlockableStore();
  const { loadSession, commitSession } = nodeSessions({ secret: TEST_SECRET, store });
  const server = await serve((request, response) => {
    const signed = async () => {
      await (await loadSession(request)).login({ id: 'ada' });
      await commitSession(request, response);
      response.end();
    };
    void signed();
  });
  server.server.on('upgrade', (request, socket) => {
    void loadSession(request).then(({ identity }) =>
      socket.end(`HTTP/1.1 101 ${String(identity?.id)}\r\nUpgrade: test\r\nConnection: upgrade\r\n\r\n`),
    );
  });
  const [cookie = ''] = (await fetch(server.origin)).headers.getSetCookie();
  const handshake = httpRequest(server.origin, { headers: { cookie: cookie.split(';', 1)[0]!, upgrade: 'test', connection: 'upgrade' } });
  handshake.end();
  const [answer, socket] = (await once(handshake, 'upgrade')) as [IncomingMessage, { destroy(): void }];
  socket.destroy();
  await server.close();
  expect(answer.statusMessage).toBe('ada');
});
