import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import csrfProtection from '@fastify/csrf-protection';
import etag from '@fastify/etag';
import expressPlugin from '@fastify/express';
import helmet from '@fastify/helmet';
import middie from '@fastify/middie';
import multipart from '@fastify/multipart';
import { Authenticator, Strategy } from '@fastify/passport';
import rateLimit from '@fastify/rate-limit';
import staticFiles from '@fastify/static';
import { afterEach, describe, expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { json, type NextFunction, type Request, type Response } from 'express';
import fastify, { type FastifyInstance, type FastifyPluginCallback, type FastifyRequest } from 'fastify';
import { fastifySession, MemorySessionStore, requireSession, sessionOf, SessionStoreUnavailableError } from '../../src/fastify.js';
import { RedisSessionModule, type Identity } from '../../src/index.js';
import { Browser, type Answer } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { sessionStoredIn } from '../support/stored-session.js';

const ADA = { id: 'ada' };
const OTHER_SECRET = 'a secret of the cookie plugin, which is another one';
const CSRF_ENTRY = '_csrf';

/** Larger than what plugins take for small. */
const LONG_TEXT = 'tea and milk '.repeat(10_000);
const THIS_FILE = fileURLToPath(import.meta.url);

type Add = (app: FastifyInstance) => unknown;

interface DoorOptions {
  readonly identity?: (session: Record<string, unknown>) => Identity | undefined;
  /** Of Nest's adapter. */
  readonly skipMiddie?: boolean;
}

let origin: string;
let close: () => Promise<unknown>;
let browser: Browser;
let store: MemorySessionStore;
afterEach(() => close());

/** Where the sessions come from, and whether they are there before the plugin or after it. */
const doors = {
  'Fastify, the sessions first': async (plugin: Add, routes: Add, options: DoorOptions) => {
    const app = openFastify();
    await app.register(fastifySession, { secret: TEST_SECRET, store, identity: options.identity });
    await plugin(app);
    return listen(app, app, routes);
  },
  'Fastify, the sessions last': async (plugin: Add, routes: Add, options: DoorOptions) => {
    const app = openFastify();
    await plugin(app);
    await app.register(fastifySession, { secret: TEST_SECRET, store, identity: options.identity });
    return listen(app, app, routes);
  },
  Nest: async (plugin: Add, routes: Add, { identity, skipMiddie = false }: DoorOptions) => {
    store = new MemorySessionStore({ logErrors: false });
    const sessions = RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store, identity });
    const app = await NestFactory.create<NestFastifyApplication>(sessions, new FastifyAdapter({ skipMiddie }), { logger: false });
    close = () => app.close();
    const instance: FastifyInstance = app.getHttpAdapter().getInstance();
    await plugin(instance);
    return listen(app, instance, routes);
  },
} as const;

type Door = keyof typeof doors;
const DOORS = Object.keys(doors) as Door[];

/** Those where what comes later finds the session loaded. */
const DOORS_LOADED_FIRST = DOORS.filter((door) => door !== 'Fastify, the sessions last');

function openFastify(): FastifyInstance {
  store = new MemorySessionStore({ logErrors: false });
  const app = fastify();
  close = () => app.close();
  return app;
}

async function listen(app: FastifyInstance | NestFastifyApplication, instance: FastifyInstance, routes: Add): Promise<string> {
  addRoutes(instance);
  await routes(instance);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = instance.server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** Starts an application with that plugin, and these routes beside those of every test. */
async function open(door: Door, plugin: Add, routes: Add = () => undefined, options: DoorOptions = {}): Promise<void> {
  origin = await doors[door](plugin, routes, options);
  browser = new Browser(origin);
}

function addRoutes(app: FastifyInstance): void {
  app.post('/login', async (request) => {
    await sessionOf(request).login(ADA);
    return {};
  });
  app.get('/me', (request) => ({ id: sessionOf(request).identity?.id ?? null }));
  app.get('/add', (request) => ({ cart: addToCart(request) }));
  app.get('/logout', async (request) => {
    await sessionOf(request).logout();
    return {};
  });
}

function addToCart(request: FastifyRequest): string[] {
  const cart = [...((request.session.get('cart') as string[] | undefined) ?? []), 'tea'];
  request.session.set('cart', cart);
  return cart;
}

const cookieNames = ({ setCookies }: Answer) => setCookies.map((text) => text.split('=', 1)[0] ?? '').toSorted((a, b) => (a < b ? -1 : 1));

const stored = async () => (await sessionStoredIn(store, undefined, await browser.sid()))?.entries;

/** Asks, and looks whether any cookie came twice. */
async function visit(path: string, headers: Record<string, string> = {}, method = 'GET', body?: unknown): Promise<Answer> {
  const answer = await browser.send(method, path, body, headers);
  expect([answer.status >= 500, answer.text]).toEqual([false, answer.text]);
  expect(cookieNames(answer)).toEqual([...new Set(cookieNames(answer))]);
  return answer;
}

async function signIn(): Promise<void> {
  const answer = await visit('/login', {}, 'POST');
  expect([answer.status, cookieNames(answer).filter((name) => name === 'sid')]).toEqual([200, ['sid']]);
  expect((await visit('/me')).json).toEqual({ id: 'ada' });
}

/** That sessions work as without the plugin: what every test of this file is about. */
async function expectSessions(): Promise<void> {
  await signIn();
  for (const cart of [['tea'], ['tea', 'tea']]) {
    const answer = await visit('/add');
    expect([answer.json, cookieNames(answer)]).toEqual([{ cart }, []]);
    expect(await stored()).toMatchObject({ cart });
  }
  const copy = await browser.clone();
  await visit('/logout');
  expect(await browser.sid()).toBeUndefined();
  expect((await copy.get('/me')).json).toEqual({ id: null });
}

function breakStore(): void {
  const fail = () => Promise.reject(new SessionStoreUnavailableError('timeout'));
  Object.assign(store, { create: fail, save: fail });
}

describe.each(DOORS)('on %s, sessions work beside', (door) => {
  test('@fastify/cookie, with cookies of its own, signed by another secret', async () => {
    await open(
      door,
      (app) => app.register(cookie, { secret: OTHER_SECRET }),
      (app) => {
        app.post('/before', async (request, reply) => {
          reply.setCookie('theme', 'dark', { signed: true }).setCookie('lang', 'en');
          await sessionOf(request).login(ADA);
          return {};
        });
        app.post('/after', async (request, reply) => {
          await sessionOf(request).login(ADA);
          return reply.setCookie('theme', 'light', { signed: true }).send({});
        });
        app.get('/theme', (request) => request.unsignCookie(request.cookies['theme'] ?? '').value);
        app.get('/lazy', (request, reply) => (addToCart(request), reply.setCookie('theme', 'lazy').send({})));
        app.get('/drop', (_request, reply) => reply.clearCookie('theme').send({}));
      },
    );
    await expectSessions();
    expect(cookieNames(await visit('/before', {}, 'POST'))).toEqual(['lang', 'sid', 'theme']);
    expect((await visit('/theme')).text).toBe('dark');
    expect((await visit('/me')).json).toEqual({ id: 'ada' });
    expect(cookieNames(await visit('/after', {}, 'POST'))).toEqual(['sid', 'theme']);
    expect((await visit('/theme')).text).toBe('light');
    expect(cookieNames(await visit('/drop'))).toEqual(['theme']);
    expect((await visit('/me')).json).toEqual({ id: 'ada' });
    breakStore();
    const refused = await browser.get('/lazy');
    expect([refused.status, cookieNames(refused)]).toEqual([503, []]);
  });

  test('@fastify/compress, small and streamed', async () => {
    const text = (request: FastifyRequest) => (addToCart(request), LONG_TEXT);
    await open(
      door,
      (app) => app.register(compress),
      (app) => {
        app.get('/long', (request, reply) => reply.type('text/plain').send(text(request)));
        app.get('/stream', (request, reply) => reply.type('text/plain').send(Readable.from([text(request)])));
      },
    );
    await expectSessions();
    await signIn();
    expect((await visit('/me', { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBeNull();
    for (const [index, path] of ['/long', '/stream'].entries()) {
      const { headers, text: body } = await visit(path, { 'accept-encoding': 'gzip' });
      expect([headers.get('content-encoding'), body]).toEqual(['gzip', LONG_TEXT]);
      expect((await stored())?.['cart']).toHaveLength(index + 1);
    }
    breakStore();
    for (const path of ['/long', '/stream']) {
      const { status, json: refusal } = await browser.get(path, { 'accept-encoding': 'gzip' });
      expect([status, refusal.code]).toEqual([503, 'SESSION_STORE_UNAVAILABLE']);
    }
  });

  test('@fastify/etag, whose 304 stores the session', async () => {
    await open(
      door,
      (app) => app.register(etag),
      (app) => app.get('/page', (request, reply) => (addToCart(request), reply.send('the same for all'))),
    );
    await expectSessions();
    await signIn();
    const tag = (await visit('/page')).headers.get('etag') ?? '';
    const again = await visit('/page', { 'if-none-match': tag });
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', tag]);
    expect((await stored())?.['cart']).toHaveLength(2);
    breakStore();
    expect((await browser.get('/page', { 'if-none-match': tag })).status).toBe(503);
  });

  test('@fastify/helmet, whose headers stay on a 503', async () => {
    await open(door, (app) => app.register(helmet));
    await expectSessions();
    await signIn();
    const good = await visit('/add');
    breakStore();
    const refused = await browser.get('/add');
    expect([good.status, refused.status]).toEqual([200, 503]);
    for (const name of ['content-security-policy', 'strict-transport-security', 'x-frame-options', 'cross-origin-opener-policy'])
      expect([name, refused.headers.get(name)]).toEqual([name, good.headers.get(name) ?? 'set by helmet']);
  });

  test('@fastify/cors, whose preflight has no session, and whose headers stay on a 503', async () => {
    const origin = 'https://shop.example';
    await open(door, (app) => app.register(cors, { origin: [origin], credentials: true, exposedHeaders: ['x-total'] }));
    await expectSessions();
    const preflight = await visit('/add', { origin, 'access-control-request-method': 'POST' }, 'OPTIONS');
    expect([preflight.status, preflight.setCookies, preflight.headers.get('access-control-allow-origin')]).toEqual([204, [], origin]);
    await signIn();
    breakStore();
    const { status, headers } = await browser.get('/add', { origin });
    expect(status).toBe(503);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('access-control-expose-headers')).toBe('x-total');
    expect(headers.get('vary')).toMatch(/Origin/);
  });

  test('@fastify/static, for files, parts of them and those that have not changed', async () => {
    await open(
      door,
      (app) => app.register(staticFiles, { root: fileURLToPath(new URL('.', import.meta.url)), prefix: '/files/' }),
      (app) =>
        app.get('/download', (request, reply) => {
          addToCart(request);
          return reply.sendFile('fastify-plugins.test.ts');
        }),
    );
    await expectSessions();
    await signIn();
    const file = await visit('/files/fastify-plugins.test.ts');
    expect([file.status, file.text, file.setCookies]).toEqual([200, readFileSync(THIS_FILE, 'utf8'), []]);
    const download = await visit('/download');
    expect([download.status, download.text]).toEqual([200, file.text]);
    expect((await stored())?.['cart']).toHaveLength(1);
    const part = await visit('/download', { range: 'bytes=0-5' });
    expect([part.status, part.text]).toEqual([206, 'import']);
    expect((await stored())?.['cart']).toHaveLength(2);
    const known = await visit('/download', { 'if-none-match': file.headers.get('etag') ?? '', 'cache-control': 'max-age=0' });
    expect([known.status, known.text]).toEqual([304, '']);
    expect((await stored())?.['cart']).toHaveLength(3);
    expect((await visit('/files/missing.txt')).status).toBe(404);
    breakStore();
    const refused = await browser.get('/download');
    expect([refused.status, refused.headers.get('etag'), refused.headers.get('last-modified')]).toEqual([503, null, null]);
  });

  test('@fastify/multipart, in the handler of an upload', async () => {
    await open(
      door,
      (app) => app.register(multipart),
      (app) =>
        app.post('/upload', async (request) => {
          const file = await request.file();
          const size = (await file?.toBuffer())?.length;
          request.session.set('upload', { id: request.id, name: file?.filename, size });
          return { id: sessionOf(request).identity?.id };
        }),
    );
    await expectSessions();
    await signIn();
    const upload = async () => {
      const body = new FormData();
      body.append('notes', new Blob([LONG_TEXT]), 'notes.txt');
      const headers = { cookie: await browser.jar.getCookieString(origin) };
      return fetch(`${origin}/upload`, { method: 'POST', body, headers });
    };
    const answer = await upload();
    expect([answer.status, await answer.json(), answer.headers.getSetCookie()]).toEqual([200, { id: 'ada' }, []]);
    expect(await stored()).toMatchObject({ upload: { name: 'notes.txt', size: LONG_TEXT.length } });
    breakStore();
    expect((await upload()).status).toBe(503);
  });

  test('@fastify/csrf-protection, which keeps its secret in request.session as in that of @fastify/session', async () => {
    await open(
      door,
      (app) => app.register(csrfProtection, { sessionPlugin: '@fastify/session' }),
      (app) => {
        app.get('/form', (_request, reply) => ({ token: reply.generateCsrf() }));
        app.post('/form', { preHandler: (...args) => app.csrfProtection(...args) }, (request) => ({ cart: addToCart(request) }));
      },
    );
    await expectSessions();
    expect((await visit('/form', {}, 'POST')).status).toBe(403);
    const form = await visit('/form');
    expect(cookieNames(form)).toEqual(['sid']);
    const { token } = form.json as { token: string };
    expect(await stored()).toEqual({ [CSRF_ENTRY]: expect.any(String) });
    expect((await visit('/form', { 'csrf-token': token }, 'POST')).json).toEqual({ cart: ['tea'] });
    expect((await visit('/form', { 'csrf-token': 'another' }, 'POST')).status).toBe(403);
    await signIn();
    // A sign-in drops the entries of the visitor.
    expect((await visit('/form', { 'csrf-token': token }, 'POST')).status).toBe(403);
    const { token: next } = (await visit('/form')).json as { token: string };
    expect((await visit('/form', { 'csrf-token': next }, 'POST')).json).toEqual({ cart: ['tea'] });
  });

  test('@fastify/rate-limit, whose 429 leaves the session as it was', async () => {
    await open(
      door,
      (app) => app.register(rateLimit, { global: false, keyGenerator: (request) => request.session.sessionId }),
      (app) => app.get('/rare', { config: { rateLimit: { max: 1, timeWindow: '1 hour' } } }, (request) => ({ cart: addToCart(request) })),
    );
    await expectSessions();
    await signIn();
    expect((await visit('/rare')).json).toEqual({ cart: ['tea'] });
    const limited = await visit('/rare');
    expect([limited.status, limited.setCookies, await stored()]).toMatchObject([429, [], { cart: ['tea'] }]);
    expect((await visit('/me')).json).toEqual({ id: 'ada' });
    const other = new Browser(origin);
    expect((await other.get('/rare')).status).toBe(200);
  });
});

const KNOWN: Readonly<Record<string, { id: string }>> = { ada: ADA };

class NameStrategy extends Strategy {
  override authenticate(request: FastifyRequest): void {
    const user = KNOWN[(request.query as { name: string }).name];
    if (user === undefined) this.fail();
    else this.success(user);
  }
}

const passport = new Authenticator();
passport.use('name', new NameStrategy('name'));
passport.registerUserSerializer<{ id: string }, string>(async ({ id }) => id);
passport.registerUserDeserializer<string, unknown>(async (id) => KNOWN[id] ?? null);

async function usePassport(app: FastifyInstance): Promise<void> {
  await app.register(passport.initialize());
  await app.register(passport.secureSession());
}

function addPassportRoutes(app: FastifyInstance): void {
  app.post('/passport/login', async (request, reply) => {
    const keepSessionInfo = (request.query as { keep?: string }).keep === 'yes';
    await passport.authenticate('name', { keepSessionInfo }).call(app, request, reply);
    return reply.sent ? reply : {};
  });
  app.post('/passport/logout', async (request) => {
    await request.logOut();
    return {};
  });
  app.get('/passport/guarded', { preHandler: requireSession() }, (request) => request.user);
  app.get('/passport/me', (request) => ({
    user: request.user ?? null,
    entry: request.session.get('passport'),
  }));
}

type Middleware = (request: Request, response: Response, next: NextFunction) => unknown;

const entriesOf = ({ session }: Request) => session as unknown as Record<string, unknown>;

/** `use()` of middie and of @fastify/express. */
const use = (app: FastifyInstance, path: string, middleware: Middleware) =>
  (app as unknown as { use(path: string, middleware: Middleware): void }).use(path, middleware);

describe.each(DOORS_LOADED_FIRST)('on %s, with the sessions loaded before them, sessions work beside', (door) => {
  test('@fastify/middie', async () => {
    await open(door, async (app) => {
      if (door !== 'Nest') await app.register(middie);
      addMiddleware(app);
      use(app, '/by-node', (request, response) => {
        entriesOf(request)['cart'] = ['by Node'];
        response.writeHead(302, { location: '/me' });
        response.end();
      });
    });
    await expectSessions();
    await expectMiddlewareServed();
    const answer = await visit('/by-node');
    expect([answer.status, await stored()]).toMatchObject([302, { cart: ['by Node'] }]);
  });

  test('@fastify/express, which Nest takes with skipMiddie', async () => {
    await open(
      door,
      async (app) => {
        await app.register(expressPlugin);
        addMiddleware(app);
        use(app, '/by', json() as Middleware);
        use(app, '/by/login', (request, response, next) => {
          sessionOf(request)
            .login({ id: (request.body as { id: string }).id })
            .then(() => response.json({ signedIn: true }), next);
        });
        use(app, '/by/send', (request, response) => {
          entriesOf(request)['cart'] = ['sent'];
          response.cookie('theme', 'dark').send('sent');
        });
        use(app, '/by/redirect', (request, response) => {
          entriesOf(request)['cart'] = ['redirected'];
          response.redirect('/me');
        });
        use(app, '/by/end', (request, response) => {
          entriesOf(request)['cart'] = ['ended'];
          response.end('ended');
        });
        use(app, '/by/logout', (request, response, next) => {
          sessionOf(request)
            .logout()
            .then(() => response.json({}), next);
        });
      },
      undefined,
      { skipMiddie: true },
    );
    await expectSessions();
    await expectMiddlewareServed();
    const login = await visit('/by/login', {}, 'POST', { id: 'ada' });
    expect([login.json, cookieNames(login)]).toEqual([{ signedIn: true }, ['sid']]);
    expect((await visit('/me')).json).toEqual(ADA);
    const sent = await visit('/by/send');
    expect([sent.status, sent.text, cookieNames(sent), await stored()]).toMatchObject([200, 'sent', ['theme'], { cart: ['sent'] }]);
    const redirected = await visit('/by/redirect');
    expect([redirected.status, redirected.headers.get('location'), await stored()]).toMatchObject([302, '/me', { cart: ['redirected'] }]);
    const ended = await visit('/by/end');
    expect([ended.status, ended.text, await stored()]).toMatchObject([200, 'ended', { cart: ['ended'] }]);
    const copy = await browser.clone();
    expect(cookieNames(await visit('/by/logout'))).toEqual(['sid']);
    expect((await copy.get('/me')).json).toEqual({ id: null });
    breakStore();
    for (const path of ['/by/send', '/by/redirect', '/by/end']) {
      const { status, setCookies } = await browser.get(path);
      expect([path, status, setCookies]).toEqual([path, 503, []]);
    }
  });

  test('@fastify/passport, which signs in with a new sid, and out', async () => {
    await open(door, usePassport, addPassportRoutes, {
      identity: ({ passport }) => (typeof passport === 'string' ? { id: passport } : undefined),
    });
    await visit('/add');
    const anonymous = { browser: await browser.clone(), sid: await browser.sid() };
    expect((await visit('/passport/login?name=eve', {}, 'POST')).status).toBe(401);
    expect(await browser.sid()).toBe(anonymous.sid);
    expect(cookieNames(await visit('/passport/login?name=ada', {}, 'POST'))).toEqual(['sid']);
    expect(await browser.sid()).not.toBe(anonymous.sid);
    expect(await stored()).toEqual({ passport: 'ada' });
    expect((await visit('/passport/me')).json).toEqual({ user: ADA, entry: 'ada' });
    expect((await visit('/passport/guarded')).json).toEqual(ADA);
    expect((await anonymous.browser.get('/passport/me')).json).toEqual({ user: null });

    expect((await visit('/add')).json).toEqual({ cart: ['tea'] });
    const signedIn = await browser.clone();
    expect((await visit('/passport/login?name=ada&keep=yes', {}, 'POST')).status).toBe(200);
    expect(await stored()).toEqual({ passport: 'ada', cart: ['tea'] });
    expect((await signedIn.get('/passport/me')).json).toMatchObject({ user: null });

    const before = await browser.clone();
    await visit('/passport/logout', {}, 'POST');
    for (const one of [browser, before]) {
      expect((await one.get('/passport/me')).json).toEqual({ user: null });
      expect((await one.get('/passport/guarded')).json).toMatchObject({ statusCode: 401 });
    }
  });
});

/** A middleware that goes on, and sets a cookie on Node's response. */
function addMiddleware(app: FastifyInstance): void {
  use(app, '/me', (request, response, next) => {
    response.setHeader('set-cookie', 'seen=yes');
    if (request.headers['x-visitor'] !== undefined) entriesOf(request)['visitor'] = request.headers['x-visitor'];
    next();
  });
}

async function expectMiddlewareServed(): Promise<void> {
  await signIn();
  const answer = await visit('/me', { 'x-visitor': 'a browser' });
  expect([answer.json, cookieNames(answer), await stored()]).toMatchObject([ADA, ['seen'], { visitor: 'a browser' }]);
  await visit('/logout');
  expect(cookieNames(await visit('/me', { 'x-visitor': 'a browser' }))).toEqual(['seen', 'sid']);
}

describe('another plugin that gives requests a session', () => {
  const OURS = { secret: TEST_SECRET };
  const KEY = { key: Buffer.alloc(32, 'k') };
  const WORDS =
    /Only one plugin may give Fastify's requests a "session", and another one does, such as @fastify\/session or @fastify\/secure-session\. Remove that plugin/;
  const others = [
    ['@fastify/session', { secret: OTHER_SECRET }],
    ['@fastify/secure-session', KEY],
  ] as const;

  /** Without their types, which say of `request.session` what ours say otherwise. */
  const load = async (name: string) => ((await import(name)) as { default: FastifyPluginCallback<Record<string, unknown>> }).default;

  test.each(others)('is refused in words: %s, before ours', async (name, options) => {
    const app = openFastify();
    await app.register(cookie);
    await app.register(await load(name), options);
    await expect(app.register(fastifySession, { ...OURS, store }).ready()).rejects.toThrow(WORDS);
  });

  test.each(others)('is refused in words: %s, after ours', async (name, options) => {
    const app = openFastify();
    await app.register(cookie);
    await app.register(fastifySession, { ...OURS, store });
    await expect(app.register(await load(name), options).ready()).rejects.toThrow(WORDS);
  });

  test.each(others)('is refused in words: %s, in an application of Nest', async (name, options) => {
    store = new MemorySessionStore();
    const sessions = RedisSessionModule.forRoot({ session: OURS, store });
    const app = await NestFactory.create<NestFastifyApplication>(sessions, new FastifyAdapter(), { logger: false });
    close = () => app.close();
    const instance: FastifyInstance = app.getHttpAdapter().getInstance();
    instance.register(cookie).register(await load(name), options);
    await expect(app.listen(0, '127.0.0.1')).rejects.toThrow(WORDS);
  });

  test.each(DOORS)('is served beside ours under another name: @fastify/secure-session, on %s', async (door) => {
    interface Vault {
      get(name: string): unknown;
      set(name: string, value: unknown): void;
    }
    const vaultOf = (request: FastifyRequest) => (request as unknown as { vault: Vault }).vault;
    const secureSession = await load('@fastify/secure-session');
    await open(
      door,
      (app) => app.register(secureSession, { ...KEY, sessionName: 'vault', cookieName: 'vault' }),
      (app) => {
        app.post('/both', async (request) => {
          vaultOf(request).set('gold', 3);
          await sessionOf(request).login(ADA);
          return {};
        });
        app.get('/both', (request) => ({ gold: vaultOf(request).get('gold'), id: sessionOf(request).identity?.id }));
      },
    );
    await expectSessions();
    expect(cookieNames(await visit('/both', {}, 'POST'))).toEqual(['sid', 'vault']);
    expect((await visit('/both')).json).toEqual({ gold: 3, id: 'ada' });
  });
});
