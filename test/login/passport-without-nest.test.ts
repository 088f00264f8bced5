import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { MemorySessionStore, sessionMiddleware } from '../../src/express.js';
import type { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import type { Sid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';

interface User {
  readonly id: string;
}

describe('passport with passport-local over the builtin middleware', () => {
  let store: MemorySessionStore;
  let server: PlainServer;
  let browser: Browser;
  beforeEach(async () => {
    store = new MemorySessionStore({ logErrors: false });
    server = await serve(application());
    browser = server.browser();
  });
  afterEach(() => server.close());

  function application() {
    const auth = new passport.Passport();
    auth.use(
      new Strategy((name, password, done) => done(null, password === 'right' ? { id: name } : false, { message: 'wrong password' })),
    );
    auth.serializeUser((user, done) => done(null, (user as User).id));
    auth.deserializeUser((id: string, done) => done(null, { id }));
    const identity = (session: object) => (session as { passport?: { user?: string } }).passport?.user;
    const session = sessionMiddleware({
      secret: TEST_SECRET,
      store,
      identity: (entries) => (identity(entries) === undefined ? undefined : { id: identity(entries) ?? '' }),
    });
    const logIn = (options: object): RequestHandler => auth.authenticate('local', options) as RequestHandler;
    return express()
      .use(session as RequestHandler, express.json(), auth.session())
      .post('/login', logIn({ failureMessage: true }), (request, response) => response.json(request.user))
      .post('/login-redirect', logIn({ successRedirect: '/me', failureRedirect: '/sorry', failureMessage: true }))
      .post('/logout', (request, response, next) => request.logout((error) => (error ? next(error) : response.json('bye'))))
      .get('/me', (request, response) => response.json({ user: request.user ?? null, signedIn: request.isAuthenticated() }))
      .get('/session', (request, response) => response.json(Object.assign({}, request.session, { cookie: undefined })))
      .post('/cart', (request, response) => response.json(Object.assign(request.session, { cart: ['tea'] }) && null));
  }

  const logIn = (path: string, password = 'right') => browser.post(path, { username: 'ada', password });

  test('signs in with a new sid, and knows the user from then on', async () => {
    await browser.post('/cart');
    const before = await browser.sid();
    expect((await logIn('/login')).json).toEqual({ id: 'ada' });
    expect(await browser.sid()).not.toBe(before);
    expect((await browser.get('/me')).json).toEqual({ user: { id: 'ada' }, signedIn: true });
    expect((await browser.get('/session')).json).toEqual({ passport: { user: 'ada' } });
    expect(await Sessions.of(store).load(before as Sid)).toBeUndefined();
  });

  test('has stored the sign-in before it redirects', async () => {
    const answer = await logIn('/login-redirect');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/me']);
    expect((await browser.get('/me')).json).toMatchObject({ signedIn: true });
  });

  test('refuses a wrong password, and keeps the message', async () => {
    expect((await logIn('/login', 'wrong')).status).toBe(401);
    expect((await browser.get('/session')).json).toEqual({ messages: ['wrong password'] });
    expect((await logIn('/login-redirect', 'wrong')).headers.get('location')).toBe('/sorry');
    expect((await browser.get('/session')).json).toEqual({ messages: ['wrong password', 'wrong password'] });
    expect((await browser.get('/me')).json).toEqual({ user: null, signedIn: false });
  });

  test('signs out for good', async () => {
    await logIn('/login');
    const stolen = await browser.clone();
    const before = await browser.sid();
    expect((await browser.post('/logout')).json).toBe('bye');
    for (const client of [browser, stolen]) expect((await client.get('/me')).json).toEqual({ user: null, signedIn: false });
    expect(await Sessions.of(store).load(before as Sid)).toBeUndefined();
  });
});
