import { afterEach, describe, expect, test } from '@jest/globals';
import fastify, { type FastifyInstance } from 'fastify';
import {
  fastifySession,
  MemorySessionStore,
  requireSession,
  sessionOf,
  SessionManager,
  SessionStoreUnavailableError,
} from '../../src/fastify.js';
import { Barrier } from '../support/barrier.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';

const ADA = { id: 'ada', roles: ['reader'] };

let app: FastifyInstance;
let browser: Browser;
let store: MemorySessionStore;
afterEach(() => app.close());

/** An application with the plugin, in which `/login` signs in. */
async function open(add: (app: FastifyInstance) => unknown = () => undefined, options = {}): Promise<void> {
  store = new MemorySessionStore({ logErrors: false });
  app = fastify();
  await app.register(fastifySession, { secret: TEST_SECRET, store, ...options });
  app.post('/login', async (request) => {
    await sessionOf(request).login(ADA);
    return {};
  });
  await add(app);
  browser = new Browser(await app.listen({ host: '127.0.0.1', port: 0 }));
}

const signIn = () => browser.post('/login');

test('is a plugin in Fastify’s own manner: for the instance that it is registered on', async () => {
  await open((it) =>
    it.register(async (child) => void child.get('/child', (request) => ({ id: sessionOf(request).identity?.id ?? null }))),
  );
  expect(app.hasPlugin('nestjs-redis-session')).toBe(true);
  await signIn();
  expect((await browser.get('/child')).json).toEqual({ id: 'ada' });
});

test('what cannot be stored is answered 503 in the place of the payload, with what is said of every reply', async () => {
  await open((it) => {
    it.get('/change', (request, reply) => {
      request.session.set('cart', ['tea']);
      return reply
        .header('vary', 'Origin')
        .header('x-frame-options', 'DENY')
        .header('x-total', '1')
        .header('etag', '"1"')
        .send({ stored: true });
    });
  });
  Object.assign(store, { create: () => Promise.reject(new SessionStoreUnavailableError('timeout')) });
  const { status, headers, json, setCookies } = await browser.get('/change');
  expect([status, json.code, setCookies, headers.get('retry-after')]).toEqual([503, 'SESSION_STORE_UNAVAILABLE', [], '1']);
  expect(['vary', 'x-frame-options', 'x-total', 'etag'].map((name) => headers.get(name))).toEqual(['Origin, Accept', 'DENY', null, null]);
});

test('wrong options fail the registration, in the words of the others', async () => {
  app = fastify();
  await expect(app.register(fastifySession, {} as never).ready()).rejects.toThrow(/"secret" must be|"store" must be a SessionStore/);
});

test('with "csrf", refuses what a page of another site sends, before a session is loaded', async () => {
  await open(undefined, { csrf: true });
  const { status, json, setCookies } = await browser.post('/login', undefined, { 'sec-fetch-site': 'cross-site' });
  expect([status, json.code, setCookies]).toEqual([403, 'SESSION_CROSS_ORIGIN', []]);
  expect((await browser.post('/login', undefined, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});

test('closing the instance waits for writes under way, and leaves the store to you', async () => {
  await open();
  const order: string[] = [];
  const barrier = new Barrier(1);
  const { drain } = store;
  Object.assign(store, {
    drain: async () => {
      await barrier.pass();
      order.push('drained');
      await drain.call(store);
    },
  });
  const closing = app.close().then(() => order.push('closed'));
  await barrier.full;
  barrier.open();
  await closing;
  expect(order).toEqual(['drained', 'closed']);
  expect(await store.find('none' as never)).toBeUndefined();
});

describe('request.session', () => {
  test('has the names of @fastify/session, over the state of the session of Node’s request', async () => {
    await open((it) => {
      it.get('/write', async (request) => {
        request.session.set('cart', ['tea']);
        (request.raw as unknown as { session: Record<string, unknown> }).session['theme'] = 'dark';
        return { cart: request.session.get('cart'), theme: request.session.get('theme'), all: request.session };
      });
      it.get('/keep', async (request) => {
        const before = request.session.sessionId;
        await request.session.regenerate(['cart', 'cookie', 'missing']);
        return { isNew: before !== request.session.sessionId, all: { ...request.session, cookie: undefined } };
      });
      it.get('/read', (request) => ({ ...request.session, cookie: undefined }));
      it.get('/end', async (request) => {
        await request.session.destroy();
        return { session: request.session };
      });
    });
    const written = await browser.get('/write');
    expect(written.json).toMatchObject({ cart: ['tea'], theme: 'dark', all: { cart: ['tea'], theme: 'dark' } });
    const before = await browser.clone();
    expect((await browser.get('/keep')).json).toEqual({ isNew: true, all: { cart: ['tea'] } });
    expect((await before.get('/read')).json).toEqual({});
    expect((await browser.get('/end')).json).toEqual({ session: null });
    expect(await browser.sid()).toBeUndefined();
  });

  test('of another plugin is refused, in either order', async () => {
    const words = /Only one plugin may give Fastify's requests a "session"/;
    app = fastify();
    app.decorateRequest('session', null as never);
    await expect(app.register(fastifySession, { secret: TEST_SECRET, store: new MemorySessionStore() }).ready()).rejects.toThrow(words);
    await app.close();
    app = fastify();
    await app.register(fastifySession, { secret: TEST_SECRET, store: new MemorySessionStore() });
    app.decorateRequest('session', null as never);
    await expect(app.ready()).rejects.toThrow(words);
  });
});

describe('requireSession()', () => {
  const guarded = (it: FastifyInstance) => {
    it.get('/me', { preHandler: requireSession() }, (request) => sessionOf(request).identity);
    it.get('/read', { preHandler: requireSession({ roles: ['reader'] }) }, () => 'read');
    it.get('/admin', { preHandler: requireSession({ roles: ['admin'] }) }, () => 'admin');
    it.get('/fresh', { preHandler: requireSession({ freshLogin: 600 }) }, () => 'fresh');
  };

  test('gives the answers of SessionGuard', async () => {
    await open(guarded);
    expect((await browser.get('/me')).json).toEqual({
      statusCode: 401,
      error: 'Unauthorized',
      message: 'Sign in first.',
      code: 'SESSION_REQUIRED',
    });
    await signIn();
    expect((await browser.get('/me')).json).toEqual(ADA);
    expect((await browser.get('/read')).text).toBe('read');
    expect((await browser.get('/fresh')).text).toBe('fresh');
    expect((await browser.get('/admin')).json).toMatchObject({ statusCode: 403, code: 'SESSION_ROLE_MISSING' });
    await new SessionManager(store).revokeAll('ada');
    expect((await browser.get('/me')).json).toMatchObject({ statusCode: 401, reason: 'revoked' });
  });

  test('with freshLogin, asks those whose sign-in is older to sign in again', async () => {
    await open(guarded);
    await signIn();
    const { clock } = store;
    const later = { now: () => (clock.now() ?? Date.now()) + 1_200_000 };
    Object.assign(store, { clock: later });
    const answer = await browser.get('/fresh');
    expect([answer.status, answer.json.reason]).toEqual([401, 'login-not-fresh']);
    expect((await browser.get('/me')).json).toEqual(ADA);
    await signIn();
    expect((await browser.get('/fresh')).text).toBe('fresh');
  });

  test('answers 503 with Retry-After when the session could not be read, and never 401', async () => {
    await open(guarded);
    await signIn();
    Object.assign(store, { find: () => Promise.reject(new SessionStoreUnavailableError('timeout')) });
    const { status, headers, json, setCookies } = await browser.get('/me');
    expect([status, headers.get('retry-after'), json.code, setCookies]).toEqual([503, '1', 'SESSION_STORE_UNAVAILABLE', []]);
  });

  test('throws where the application has an error handler of its own', async () => {
    await open((it) => {
      it.setErrorHandler((error: { code?: string }, _request, reply) => reply.redirect(`/login?${error.code}`));
      guarded(it);
    });
    expect((await browser.get('/me')).headers.get('location')).toBe('/login?SESSION_REQUIRED');
  });

  test('refuses wrong options', () => {
    expect(() => requireSession({ roles: [] })).toThrow(/"roles" of requireSession\(\) must be a list of names/);
    expect(() => requireSession({ freshLogin: 0 })).toThrow(/"freshLogin" of requireSession\(\) must be a positive finite number/);
  });
});
