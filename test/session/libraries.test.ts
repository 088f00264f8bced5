import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import flash from 'connect-flash';
import { csrfSync } from 'csrf-sync';
import csurf from 'csurf';
import express, { Router, type ErrorRequestHandler, type RequestHandler } from 'express';
import grant from 'grant';
import lusca from 'lusca';
import passport from 'passport';
import { Strategy } from 'passport-local';
import expressSession from 'express-session';
import { MemorySessionStore } from '../../src/express.js';
import { builtinSessionMiddleware } from '../../src/http/request/builtin-session.middleware.js';
import { expressSessionMiddleware } from '../../src/express-session/express-session.middleware.js';
import { resolveSessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { Sessions } from '../../src/session/sessions.js';

/** `/form` gives a token of the library, and `/send` takes it in a header. */
function protectedBy(protection: RequestHandler, tokenOf: (...args: Parameters<RequestHandler>) => unknown): Router {
  return Router()
    .use(protection)
    .get('/form', (...args) => void args[1].json(tokenOf(...args)))
    .post('/send', (_request, response) => void response.json('taken'));
}

// Its types leave out what its README shows.
const { express: forExpress } = grant as unknown as { express(config: object): RequestHandler };

const sync = csrfSync();

const CSRF: Record<string, Router> = {
  'csrf-sync': protectedBy(sync.csrfSynchronisedProtection, (request) => sync.generateToken(request)),
  csurf: protectedBy(csurf(), (request) => request.csrfToken?.()),
  // oxlint-disable-next-line no-underscore-dangle -- lusca's name
  lusca: protectedBy(lusca.csrf(), (_request, response) => (response.locals as { _csrf?: unknown })._csrf),
};

function withFlash(): Router {
  return Router()
    .use(flash())
    .get('/say', (request, response) => void response.json(request.flash('info', 'saved')))
    .get('/hear', (request, response) => void response.json(request.flash('info')));
}

function withPassport(): Router {
  const auth = new passport.Passport();
  auth.use(new Strategy((name, password, done) => done(null, password === 'right' ? { id: name } : false)));
  auth.serializeUser((user, done) => done(null, (user as { id: string }).id));
  auth.deserializeUser((id: string, done) => done(null, { id }));
  return Router()
    .use(express.json(), auth.session() as RequestHandler)
    .post('/login', auth.authenticate('local') as RequestHandler, (request, response) => void response.json(request.user))
    .get('/me', (request, response) => void response.json(request.user ?? null))
    .post('/logout', (request, response, next) => request.logout((error) => (error ? next(error) : response.json('bye'))));
}

/** Signs in with a provider that is the application itself. */
function withGrant(origin: string): Router {
  const provider = {
    key: 'shop',
    secret: 'a secret',
    oauth: 2,
    authorize_url: `${origin}/authorize`,
    access_url: `${origin}/token`,
    callback: '/granted',
    state: true,
    transport: 'session',
  };
  return Router()
    .post('/token', (_request, response) => void response.json({ access_token: 'granted' }))
    .use(forExpress({ defaults: { origin, transport: 'session' }, local: provider }))
    .get('/granted', ({ session }, response) => void response.json((session as { grant?: unknown }).grant));
}

/** lusca says what it means by the status of the response. */
const failed: ErrorRequestHandler = (error: { status?: number }, _request, response, _next) =>
  void response.status(error.status ?? Math.max(response.statusCode, 400)).end();

describe.each([
  ['builtin', builtinSessionMiddleware],
  ['express-session', (runtime: SessionRuntime) => expressSessionMiddleware(runtime, expressSession)],
])('on plain Express with %s', (_, make) => {
  let server: PlainServer;
  beforeAll(async () => {
    const settings = resolveSessionOptions({ secret: TEST_SECRET });
    const runtime = new SessionRuntime({
      sessions: Sessions.of(new MemorySessionStore()),
      settings,
      translate: (error) => error,
      warn: () => undefined,
    });
    const app = express();
    server = await serve(app);
    app.use(make(runtime) as RequestHandler);
    for (const [name, router] of Object.entries(CSRF)) app.use(`/${name}`, router);
    app.use('/flash', withFlash()).use('/passport', withPassport()).use(withGrant(server.origin), failed);
  });
  afterAll(() => server.close());

  test.each(Object.keys(CSRF))('%s gives a token to a page and takes it with a post', async (name) => {
    const browser = server.browser();
    const { status, json: token } = await browser.get(`/${name}/form`);
    expect([status, typeof token]).toEqual([200, 'string']);
    expect((await browser.post(`/${name}/send`, {}, { 'x-csrf-token': token })).json).toBe('taken');
    expect((await browser.post(`/${name}/send`)).status).toBe(403);
    expect((await server.browser().post(`/${name}/send`, {}, { 'x-csrf-token': token })).status).toBe(403);
  });

  test('connect-flash shows a message once', async () => {
    const browser = server.browser();
    await browser.get('/flash/say');
    expect((await browser.get('/flash/hear')).json).toEqual(['saved']);
    expect((await browser.get('/flash/hear')).json).toEqual([]);
  });

  test('passport signs in and out', async () => {
    const browser = server.browser();
    expect((await browser.post('/passport/login', { username: 'ada', password: 'wrong' })).status).toBe(401);
    expect((await browser.post('/passport/login', { username: 'ada', password: 'right' })).json).toEqual({ id: 'ada' });
    expect((await browser.get('/passport/me')).json).toEqual({ id: 'ada' });
    expect((await browser.post('/passport/logout')).json).toBe('bye');
    expect((await browser.get('/passport/me')).json).toBeNull();
  });

  test('grant keeps its state over the redirects, and what the provider gave', async () => {
    const browser = server.browser();
    const away = await browser.get('/connect/local');
    expect(away.status).toBe(302);
    const { origin, pathname, searchParams } = new URL(away.headers.get('location') ?? '');
    expect(origin + pathname).toBe(`${server.origin}/authorize`);
    const back = await browser.get(`/connect/local/callback?code=good&state=${searchParams.get('state')}`);
    expect([back.status, back.headers.get('location')]).toEqual([302, '/granted']);
    expect((await browser.get('/granted')).json).toMatchObject({ provider: 'local', response: { access_token: 'granted' } });
  });
});
