import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import compression from 'compression';
import { RedisStore } from 'connect-redis';
import express, { type Express, type RequestHandler } from 'express';
import expressSession from 'express-session';
import { Redis } from 'ioredis';
import { MemorySessionStore, RedisSessionStore, sessionMiddleware, sessionOf, type SessionMiddlewareOptions } from '../../src/express.js';
import { SessionStoreUnavailableError } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { BlockableStore } from '../support/blockable-store.js';
import { plainExpress, serve, type Answerer, type PlainRequest, type PlainServer } from '../support/plain-app.js';
import { refusal } from '../support/refusal.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { sessionKeys } from '../support/stored-session.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

let redis: RedisServer;
let client: Redis;
let printed: ReturnType<typeof jest.spyOn>;
let servers: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.options);
});
beforeEach(() => {
  printed = jest.spyOn(console, 'error').mockReturnValue();
});
afterEach(async () => {
  printed.mockRestore();
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
  await client.flushall();
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

type Store = SessionMiddlewareOptions['store'];

const STORES: [string, () => Store][] = [
  ['RedisSessionStore', () => new RedisSessionStore(client, { deadline: 5_000 })],
  ['MemorySessionStore', () => new MemorySessionStore()],
  ["express-session's MemoryStore", () => new expressSession.MemoryStore()],
  ['connect-redis', () => new RedisStore({ client })],
];

const HANDLERS: Record<string, Answerer> = {
  '/login': async (request, response) => (await sessionOf(request).login({ id: 'ada' }), response.json(request.session['identity'])),
  '/whoami': ({ session }, response) => response.json(session['identity'] ?? null),
  '/logout': async (request, response) => (await sessionOf(request).logout(), response.json('bye')),
  '/visit': ({ session }, response) => ((session['visits'] = (session['visits'] ?? 0) + 1), response.json(session['visits'])),
  '/nested': ({ session }, response) => ((session['cart'] ??= []).push('tea'), response.json(session['cart'])),
};

async function open(options: Partial<SessionMiddlewareOptions> & { store: Store }, handlers = HANDLERS): Promise<PlainServer> {
  const server = await serve(plainExpress(sessionMiddleware({ secret: TEST_SECRET, ...options }), handlers));
  servers.push(server);
  return server;
}

type OpenMemoryStore = expressSession.MemoryStore & { sessions: Record<string, string> };

function memoryStore(): OpenMemoryStore {
  return new expressSession.MemoryStore() as OpenMemoryStore;
}

/** Makes it look as if its sessions had so much of their time left. */
function leave({ sessions }: OpenMemoryStore, ms: number): void {
  for (const [sid, text] of Object.entries(sessions)) {
    const data = JSON.parse(text) as { cookie: object };
    sessions[sid] = JSON.stringify({ ...data, cookie: { ...data.cookie, expires: new Date(Date.now() + ms) } });
  }
}

/** The same handlers without Express. */
async function openBare(store: Store): Promise<PlainServer> {
  const session = sessionMiddleware({ secret: TEST_SECRET, store });
  const server = await serve((request, response) =>
    session(request, response, (error) => {
      const answer = HANDLERS[request.url ?? ''];
      const json = Object.assign(response, { json: (value: unknown) => response.end(JSON.stringify(value)) });
      if (error === undefined && answer !== undefined) answer(request as unknown as PlainRequest, json as never);
      else response.writeHead(404).end();
    }),
  );
  servers.push(server);
  return server;
}

async function openStock(store: expressSession.Store): Promise<PlainServer> {
  const session = expressSession({ name: 'sid', secret: TEST_SECRET, resave: false, saveUninitialized: false, store });
  const server = await serve(plainExpress(session as never, HANDLERS));
  servers.push(server);
  return server;
}

describe.each([
  ['Express', (store: Store) => open({ store })],
  ['node:http', openBare],
])('sessionMiddleware in %s', (_, openWith) => {
  test.each(STORES)('serves sessions of %s', async (_name, store) => {
    const browser = (await openWith(store())).browser();
    expect((await browser.get('/visit')).json).toBe(1);
    expect((await browser.get('/visit')).json).toBe(2);
    expect((await browser.get('/login')).json).toEqual({ id: 'ada' });
    expect((await browser.get('/visit')).json).toBe(1);
    expect((await browser.get('/nested')).json).toEqual(['tea']);
    expect((await browser.get('/nested')).json).toEqual(['tea', 'tea']);
    expect((await browser.get('/whoami')).json).toEqual({ id: 'ada' });
    const stolen = await browser.clone();
    expect((await browser.get('/logout')).setCookies).toEqual([expect.stringMatching(/^sid=;/)]);
    expect((await stolen.get('/whoami')).json).toBeNull();
  });
});

describe('sessionMiddleware', () => {
  test('puts the store that it was given on req.sessionStore, when it was made for express-session', async () => {
    const store = new expressSession.MemoryStore();
    const app = await open(
      { store },
      { '/': (request, response) => response.json((request as { sessionStore?: unknown }).sessionStore === store) },
    );
    expect((await app.browser().get('/')).json).toBe(true);
  });

  test("gives req.sessionStore express-session's methods over a SessionStore", async () => {
    const read: Answerer = (request, response) =>
      (request as never as { sessionStore: expressSession.Store }).sessionStore.get(request.session.id, (_error, data) =>
        response.json(data),
      );
    const browser = (await open({ store: new MemorySessionStore() }, { ...HANDLERS, '/data': read })).browser();
    await browser.get('/visit');
    expect((await browser.get('/data')).json).toEqual({ cookie: {}, visits: 1 });
  });

  test('finds the identity where the application keeps it', async () => {
    const identity: SessionMiddlewareOptions['identity'] = (session) => (session as unknown as { user?: { id: string } }).user;
    const keep: Answerer = async ({ session }, response) => ((session['user'] = { id: 'ada' }), await session.save(), response.json(null));
    const gone: Answerer = async (request, response) => (
      await store.destroy(request.session.id as never),
      response.json(await refusal(() => request.session.regenerate()))
    );
    const store = new MemorySessionStore({ logErrors: false });
    const browser = (await open({ store, identity }, { '/keep': keep, '/gone': gone })).browser();
    await browser.get('/keep');
    expect((await browser.get('/gone')).json).toMatchObject({ code: 'SESSION_GONE' });
  });

  test('answers 503 with Retry-After through the error handler of Express when the session cannot be read', async () => {
    const store = new BlockableStore({ logErrors: false });
    const browser = (await open({ store }, { ...HANDLERS, '/health': (_, response) => response.json('well') })).browser();
    await browser.get('/visit');
    store.loadFailure = new SessionStoreUnavailableError('timeout');
    const answer = await browser.get('/visit');
    expect([answer.status, answer.headers.get('retry-after'), answer.setCookies]).toEqual([503, '1', []]);
    expect((await browser.get('/health')).json).toBe('well');
  });

  test('answers 503 when a wrapped store fails, and tells nothing of what that store said', async () => {
    const store = new expressSession.MemoryStore();
    store.set = (_sid, _data, callback) => callback?.(new Error('SET sess:secret-sid'));
    const answer = await (await open({ store })).browser().get('/visit');
    expect([answer.status, answer.json.code, answer.text.includes('secret')]).toEqual([503, 'SESSION_STORE_UNAVAILABLE', false]);
    expect(printed.mock.calls).toEqual([
      ['The session store is unavailable (store). This is logged once; further failures of this kind are counted.'],
    ]);
  });

  test.each(STORES.slice(2))('refuses to add to an entry in %s, which saves sessions as a whole', async (_, store) => {
    const add: Answerer = async (request, response) => response.json(await refusal(() => sessionOf(request).increment('visits')));
    const browser = (await open({ store: store(), logErrors: false }, { ...HANDLERS, '/add': add })).browser();
    await browser.get('/visit');
    expect((await browser.get('/add')).json).toMatchObject({ code: 'SESSION_UNSUPPORTED' });
    expect((await browser.get('/visit')).json).toBe(2);
  });

  test('takes the deadline and the log of a wrapped store as options of its own', async () => {
    const store = new expressSession.MemoryStore();
    const logged: Error[] = [];
    const visitor = (await open({ store })).browser();
    await visitor.get('/visit');
    const browser = visitor.at((await open({ store, deadline: 50, logErrors: (error) => void logged.push(error) })).origin);
    store.get = () => undefined;
    expect((await browser.get('/visit')).status).toBe(503);
    store.get = (_sid, callback) => callback(null);
    store.set = () => undefined;
    expect((await browser.get('/visit')).status).toBe(503);
    const failure = 'The session store is unavailable (timeout). Try again.';
    // The failed load, and the failed save.
    expect(logged.map(({ message }) => message)).toEqual([failure, failure]);
    expect(printed.mock.calls).toEqual([]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('at once');
      },
    ],
    ['calls back with an error', (_sid: string, callback: (error: unknown) => void) => callback(new Error('soon'))],
  ])('answers 503 when a wrapped store %s', async (_, get) => {
    const store = new expressSession.MemoryStore();
    const browser = (await open({ store })).browser();
    await browser.get('/visit');
    store.get = get as never;
    expect((await browser.get('/visit')).status).toBe(503);
  });

  test.each([
    [true, 60_000],
    [false, 30_000],
  ])('starts the idle timeout in a wrapped store that has no touch anew as resave says: %p', async (resave, expected) => {
    const store = memoryStore();
    store.touch = undefined as never;
    const browser = (await open({ store, resave, cookie: { maxAge: 60_000 } })).browser();
    await browser.get('/visit');
    leave(store, 30_000);
    await browser.get('/whoami');
    await browser.get('/whoami');
    const [text = ''] = Object.values(store.sessions);
    const { cookie, visits } = JSON.parse(text) as { cookie: { expires: string }; visits: number };
    expect(Math.abs(Date.parse(cookie.expires) - Date.now() - expected)).toBeLessThan(60_000);
    expect(visits).toBe(1);
  });

  test('tells what is left of a cookie whose session is in a wrapped store', async () => {
    const store = memoryStore();
    const left: Answerer = ({ session }, response) => response.json([session.cookie.maxAge, session.cookie.originalMaxAge]);
    const browser = (await open({ store, cookie: { maxAge: 60_000 } }, { ...HANDLERS, '/left': left })).browser();
    await browser.get('/visit');
    leave(store, 30_000);
    const [maxAge, originalMaxAge] = (await browser.get('/left')).json;
    expect([maxAge <= 30_000, maxAge > 25_000, originalMaxAge]).toEqual([true, true, 60_000]);
    expect((await browser.get('/left')).json[0]).toBeGreaterThan(55_000);
  });

  test('begins a new session when a wrapped store has no file of it', async () => {
    const store = new expressSession.MemoryStore();
    const browser = (await open({ store })).browser();
    await browser.get('/visit');
    store.get = (_sid, callback) => callback(Object.assign(new Error('no such file'), { code: 'ENOENT' }));
    expect((await browser.get('/visit')).json).toBe(1);
  });

  const session = (options: Partial<SessionMiddlewareOptions> = {}) =>
    sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore(), ...options }) as RequestHandler;
  const visit = HANDLERS['/visit'] as unknown as RequestHandler;
  const mounted: [string, () => Express][] = [
    ['a mounted application has the session and answers', () => express().use(express().use(session()).get('/visit', visit))],
    [
      'a mounted application has the session and leaves the answer to others',
      () => express().use(express().use(session())).get('/visit', visit),
    ],
    [
      'an application that another calls answers',
      () => express().use(session(), (request, response) => express().get('/visit', visit)(request, response)),
    ],
    ['a mounted application answers', () => express().use(session()).use(express().get('/visit', visit))],
    [
      'a mounted application has a session of another path too',
      () => express().use(session({ cookie: { path: '/other' } }), express().use(session()).get('/visit', visit)),
    ],
    [
      'one before it has answered without a session',
      () =>
        express()
          .get('/plain', (_, response) => void response.end())
          .use(session())
          .get('/visit', visit),
    ],
  ];
  test.each(mounted)('serves where %s', async (_, application) => {
    const server = await serve(application());
    servers.push(server);
    const browser = server.browser();
    await browser.get('/plain');
    expect((await browser.get('/visit')).setCookies).toHaveLength(1);
    expect((await browser.get('/visit')).json).toBe(2);
  });

  test('answers 503 through a compression that only some routes of the application have', async () => {
    const store = new BlockableStore({ logErrors: false });
    const compress = compression({ threshold: 0 });
    const application = express().get('/plain', session({ store }), (_, response) => void response.end());
    application.get('/visit', compress, session({ store }), visit);
    const server = await serve(application);
    servers.push(server);
    await server.browser().get('/plain');
    expect((await server.browser().get('/visit')).json).toBe(1);
    store.failure = new SessionStoreUnavailableError('timeout');
    const answer = await server.browser().get('/visit');
    expect([answer.status, answer.headers.get('content-encoding'), answer.json.code]).toEqual([503, 'gzip', 'SESSION_STORE_UNAVAILABLE']);
  });

  test('steps aside where it runs a second time', async () => {
    const outer = sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore() });
    const inner = sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore() });
    const server = await serve(
      plainExpress((request, response, next) => outer(request, response, () => inner(request, response, next)), HANDLERS),
    );
    servers.push(server);
    const browser = server.browser();
    expect((await browser.get('/visit')).setCookies).toHaveLength(1);
    expect((await browser.get('/visit')).json).toBe(2);
  });

  test.each([
    ['no store', { secret: TEST_SECRET }, /"store" must be/],
    ['a store that is none', { secret: TEST_SECRET, store: {} }, /"store" must be .* received an object\. Make one: new RedisSessionStore/],
    ['no secret', { store: new MemorySessionStore() }, /"secret" must be/],
    ['a wrong maxAge', { secret: TEST_SECRET, store: new MemorySessionStore(), cookie: { maxAge: '1h' } }, /"cookie.maxAge" must be/],
    ['an unknown option', { secret: TEST_SECRET, store: new MemorySessionStore(), secure: true }, /"secure" is .* "cookie.secure"/],
    ['nothing', undefined, /"secret"/],
    [
      'an option of the store',
      { secret: TEST_SECRET, store: new MemorySessionStore(), ttl: 60 },
      /"ttl" is not an option. Give it to the store: new RedisSessionStore\(redis, { ttl }\)/,
    ],
    [
      'a middleware to choose',
      { secret: TEST_SECRET, store: new MemorySessionStore(), middleware: 'express-session' },
      /"middleware" is an option of RedisSessionModule/,
    ],
    ['a wrong deadline', { secret: TEST_SECRET, store: new expressSession.MemoryStore(), deadline: 0 }, /"deadline" must be/],
    ['a wrong log', { secret: TEST_SECRET, store: new expressSession.MemoryStore(), logErrors: 'yes' }, /"logErrors" must be/],
    ['what the store has for itself', { secret: TEST_SECRET, store: new MemorySessionStore(), deadline: 50 }, /"deadline" .*to the store/],
  ])('refuses %s', async (_, options, message) => {
    const refused = await refusal(() => sessionMiddleware(options as never));
    expect(refused).toEqual({ code: 'SESSION_CONFIG_INVALID', message: expect.stringMatching(message) });
    expect(refused?.message).not.toContain(TEST_SECRET);
  });

  test.each([
    ['the middleware', () => sessionMiddleware({ secret: '', store: new MemorySessionStore() })],
    ['a store', () => new RedisSessionStore(client, { prefix: '' })],
  ])('speaks of no module where %s is refused', async (_, make) => {
    expect((await refusal(make))?.message).toMatch(/^Sessions cannot start with these options:\n  - "/);
  });

  test('loads nothing of Nest, and neither express-session nor connect-redis', async () => {
    const packages = [...(await packagesOf(resolve('src/express.ts')))];
    expect(packages).toContain('cookie');
    expect(packages.filter((name) => !['cookie', 'ioredis', 'proxy-addr'].includes(name))).toEqual([]);
    expect(sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore() })).toEqual(expect.any(Function));
  });
});

describe('a session of stock express-session, in connect-redis', () => {
  const store = () => new RedisStore({ client });
  const visit = async (app: PlainServer, browser: Browser, path = '/visit') => (await browser.at(app.origin).get(path)).json;

  test('is read and written by ours, and the reverse', async () => {
    const [stock, ours] = [await openStock(store()), await open({ store: store() })];
    for (const [first, second] of [
      [stock, ours],
      [ours, stock],
    ] as const) {
      const browser = first.browser();
      expect(await visit(first, browser)).toBe(1);
      expect(await visit(second, browser)).toBe(2);
      expect(await visit(first, browser, '/nested')).toEqual(['tea']);
      expect(await visit(second, browser, '/nested')).toEqual(['tea', 'tea']);
      expect(await visit(first, browser)).toBe(3);
    }
    expect((await sessionKeys(client)).length).toBe(2);
  });

  test('lives as long after a request to either', async () => {
    const [stock, ours] = [await openStock(store()), await open({ store: store() })];
    for (const app of [stock, ours]) {
      const browser = app.browser();
      await browser.get('/visit');
      const [key = ''] = await sessionKeys(client);
      expect(await client.ttl(key)).toBeGreaterThan(86_000);
      await client.expire(key, 100);
      await browser.get('/whoami');
      expect(await client.ttl(key)).toBeGreaterThan(86_000);
      await client.flushall();
    }
  });
});

describe('a switch of the middleware', () => {
  async function openNest(middleware: 'builtin' | 'express-session'): Promise<ScriptedApp> {
    const app = await createScriptedApp({ redis: redis.options, session: { middleware } });
    app.on('/visit', ({ session }) => (session['visits'] = Number(session['visits'] ?? 0) + 1));
    servers.push(app);
    return app;
  }

  test.each([
    ['builtin', 'express-session'],
    ['express-session', 'builtin'],
  ] as const)('from %s to %s signs nobody out', async (before, after) => {
    const [old, young] = [await openNest(before), await openNest(after)];
    const browser = old.browser();
    await browser.post('/login/ada');
    await browser.get('/visit');
    const moved = browser.at(young.origin);
    expect((await moved.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expect((await moved.get('/visit')).text).toBe('2');
    expect((await moved.get('/plain')).setCookies).toEqual([]);
    expect((await browser.at(old.origin).get('/visit')).text).toBe('3');
    expect(await sessionKeys(client)).toHaveLength(1);
  });
});

/** The packages that a source file loads, itself or through others. */
async function packagesOf(file: string, seen = new Set<string>()): Promise<Set<string>> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, name = ''] of (await readFile(file, 'utf8')).matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)'/gm)) {
    if (name.startsWith('node:')) continue;
    if (!name.startsWith('.')) packages.add(name);
    else for (const one of await packagesOf(resolve(dirname(file), name.replace(/\.js$/, '.ts')), seen)) packages.add(one);
  }
  return packages;
}
