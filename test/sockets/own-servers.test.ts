import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { WebSocket, WebSocketServer } from 'ws';
import { SessionManager } from '../../src/index.js';
import { SessionSockets } from '../../src/websocket.js';
import { Barrier } from '../support/barrier.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { until } from '../support/until.js';

const apps: ScriptedApp[] = [];
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function open() {
  const app = await createScriptedApp({ store: { kind: 'memory' }, providers: [SessionSockets] });
  apps.push(app);
  const browser = app.browser();
  await browser.post('/login/ada');
  return {
    app,
    browser,
    cookie: await browser.jar.getCookieString(app.origin),
    server: app.app.getHttpServer() as HttpServer,
    sockets: app.app.get(SessionSockets),
    manager: app.app.get(SessionManager),
    watched: () => app.sessions.watched.size,
  };
}

describe('a server of ws that Nest has not made', () => {
  async function feed(options: object = {}, attaching = {}) {
    const own = await open();
    const feeds = new WebSocketServer({ server: own.server, path: '/feed', ...options });
    ending.push(() => new Promise((resolve) => feeds.close(resolve)));
    own.sockets.attach(feeds, attaching);
    const connect = (headers: Record<string, string> = {}) => {
      const client = new WebSocket(`${own.app.origin.replace('http', 'ws')}/feed`, { headers });
      client.on('error', () => undefined);
      ending.push(() => client.terminate());
      return client;
    };
    return { ...own, feeds, connect };
  }
  const status = async (client: WebSocket) =>
    ((await once(client, 'unexpected-response')) as [unknown, { statusCode: number }])[1].statusCode;

  test('has the same door and the same end', async () => {
    const { feeds, connect, cookie, sockets, manager, watched } = await feed();
    expect(await status(connect())).toBe(401);
    expect(await status(connect({ cookie, origin: 'https://evil.example' }))).toBe(403);
    const served = once(feeds, 'connection') as Promise<[object]>;
    const client = connect({ cookie });
    const [socket] = await served;
    expect(sockets.identityOf(socket)).toEqual({ id: 'ada' });
    const closed = once(client, 'close');
    await manager.revokeAll('ada');
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, reason.toString(), sockets.identityOf(socket), sockets.handleOf(socket), watched()]).toEqual([
      1008,
      'revoked',
      undefined,
      undefined,
      0,
    ]);
  });

  test('can be open to visitors, whose sockets have no identity and outlive any session', async () => {
    const { app, feeds, connect, sockets } = await feed({}, { open: true });
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    const visitor = app.browser();
    await visitor.get('/cart');
    const served = once(feeds, 'connection') as Promise<[object]>;
    const client = connect({ cookie: await visitor.jar.getCookieString(app.origin) });
    const [socket] = await served;
    expect([sockets.identityOf(socket), sockets.handleOf(socket)]).toEqual([undefined, expect.any(String)]);
    await visitor.post('/logout');
    await until(() => sockets.handleOf(socket) === undefined, 'the session of the visitor is known to be over');
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test.each([
    [
      'with a callback',
      { verifyClient: (info: { req: { url: string } }, done: (isRight: boolean, code: number) => void) => done(info.req.url === '', 418) },
      418,
    ],
    ['without', { verifyClient: (info: { req: { url: string } }) => info.req.url === '' }, 401],
  ])('still asks its own verifyClient, %s, of those who are signed in', async (_, options, code) => {
    const { connect, cookie, watched } = await feed(options);
    expect(await status(connect({ cookie }))).toBe(code);
    await until(() => watched() === 0, 'nothing is watched');
  });

  test('watches nothing for a client that goes before it is decided on', async () => {
    const { app, connect, cookie, watched } = await feed();
    const barrier = new Barrier(1);
    const { find } = app.store;
    Object.assign(app.store, {
      find: async (...args: Parameters<typeof find>) => {
        await barrier.pass();
        return find.apply(app.store, args);
      },
    });
    const client = connect({ cookie });
    await barrier.full;
    client.terminate();
    const watch = jest.spyOn(app.sessions.watched, 'watch');
    barrier.open();
    await until(() => watch.mock.calls.length > 0 && watched() === 0, 'nothing is watched any more');
  });
});

describe('a server of socket.io that Nest has not made', () => {
  async function chat(options: object = {}, attaching = {}) {
    const own = await open();
    const chats = new Server(own.server, options);
    ending.push(() => chats.close());
    own.sockets.attach(chats, attaching);
    const connect = (namespace = '', more: object = {}) => {
      const socket = io(`${own.app.origin}/${namespace}`, {
        transports: ['websocket'],
        extraHeaders: { cookie: own.cookie },
        reconnectionDelay: 1,
        ...more,
      });
      ending.push(() => socket.disconnect());
      return socket;
    };
    return { ...own, chats, connect };
  }
  /** What is told of sockets from now on. */
  function openingsAndClosings(): readonly string[] {
    const told: string[] = [];
    for (const name of ['opened', 'closed']) {
      const channel = `nestjs-redis-session:socket${name.replace(/^./, (letter) => letter.toUpperCase())}`;
      const tell = () => void told.push(name);
      subscribe(channel, tell);
      ending.push(() => unsubscribe(channel, tell));
    }
    return told;
  }
  const connected = (socket: Socket) => new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  const ended = (socket: Socket) =>
    new Promise((resolve) => {
      let reason: unknown;
      socket.once('session-ended', (end: { reason: string }) => (reason = end.reason));
      socket.once('disconnect', (why) => resolve([reason, why, socket.active]));
    });

  test('tells each namespace of a connection before it is closed, and none comes back', async () => {
    const { connect, chats, manager, watched } = await chat();
    chats.of('/news');
    const root = connect('', { forceNew: true });
    await connected(root);
    const news = root.io.socket('/news');
    await connected(news);
    expect(watched()).toBe(1);
    const both = Promise.all([ended(root), ended(news)]);
    await manager.revokeAll('ada', 'stolen');
    expect(await both).toEqual([
      ['stolen', 'io server disconnect', false],
      ['stolen', 'io server disconnect', false],
    ]);
    expect(watched()).toBe(0);
  });

  test('looks at the session of a connection once, however many of its namespaces come at once, and at nothing when it has closed', async () => {
    const { connect, chats, app, watched } = await chat();
    chats.of('/news');
    const barrier = new Barrier(1);
    const { find } = app.store;
    const finding = jest.fn(async (...args: Parameters<typeof find>) => {
      await barrier.pass();
      return find.apply(app.store, args);
    });
    Object.assign(app.store, { find: finding });
    // Both are there before the store answers.
    const bothAsked = new Barrier(2);
    for (const name of ['/', '/news']) {
      const namespace = chats.of(name) as unknown as { run(socket: object, done: () => void): void };
      const run = namespace.run.bind(namespace);
      namespace.run = (socket, done) => {
        run(socket, done);
        void bothAsked.pass();
      };
    }
    const told = openingsAndClosings();
    const root = connect('', { forceNew: true });
    const news = root.io.socket('/news');
    await bothAsked.full;
    barrier.open();
    await Promise.all([connected(root), connected(news)]);
    expect([finding.mock.calls.length, told, watched()]).toEqual([1, ['opened'], 1]);
    for (const socket of [root, news]) socket.disconnect();
    await until(() => told.length > 1, 'the connection has closed');
    expect([told, watched()]).toEqual([['opened', 'closed'], 0]);
  });

  test('tells of both ends where a visitor opens another namespace when their session is over', async () => {
    const { app, chats, connect, sockets } = await chat({}, { open: true });
    chats.of('/news');
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    const visitor = app.browser();
    await visitor.get('/cart');
    const told = openingsAndClosings();
    const served = once(chats, 'connection') as Promise<[object]>;
    const root = connect('', { forceNew: true, extraHeaders: { cookie: await visitor.jar.getCookieString(app.origin) } });
    await connected(root);
    const [socket] = await served;
    await visitor.post('/logout');
    await until(() => sockets.handleOf(socket) === undefined, 'the session of the visitor is known to be over');
    const news = root.io.socket('/news');
    await connected(news);
    expect(told).toEqual(['opened', 'opened']);
    for (const socket of [root, news]) socket.disconnect();
    await until(() => told.length > 3, 'both have been told of');
    expect(told).toEqual(['opened', 'opened', 'closed', 'closed']);
  });

  test('lets nobody back in unasked whose session has ended during a break (connectionStateRecovery)', async () => {
    const { chats, connect, app, browser } = await chat({ connectionStateRecovery: {} });
    const served = once(chats, 'connection') as Promise<[{ conn: { transport: { close(): void } } }]>;
    const socket = connect('', { forceNew: true });
    await connected(socket);
    await served;
    // Something to recover from.
    const news = new Promise((resolve) => socket.once('news', resolve));
    chats.emit('news', 1);
    await news;
    const sid = await browser.sid();
    const refused = new Promise((resolve) => socket.once('connect_error', resolve));
    Object.assign(app.store, { reload: () => new Promise(() => undefined) });
    await app.store.destroy(sid as never);
    socket.io.engine.close();
    socket.connect();
    expect(await refused).toMatchObject({ data: { status: 401, code: 'SESSION_REQUIRED' } });
  });
});

test('anything else is refused, and the error says what is needed', async () => {
  const { sockets } = await open();
  expect(() => sockets.attach({})).toThrow('needs a server of socket.io 4 or ws 8');
});
