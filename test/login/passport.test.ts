import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { Identity, SessionGuard, SessionManager, type SessionEntries } from '../../src/index.js';
import { passportModule, type PassportUser } from '../support/passport-module.js';
import { refusal } from '../support/refusal.js';
import { signedCookie } from '../support/signed-cookie.js';
import { until } from '../support/until.js';
import { expressVariants, useVariant, variants } from '../support/variants.js';

@Controller('account')
@UseGuards(SessionGuard)
class AccountController {
  @Get() me(@Identity() who: Identity, @Identity('id') id: string, @Req() request: Request) {
    return { who, id, user: (request.user as PassportUser | undefined)?.name ?? null };
  }
}

const identity = (session: SessionEntries) => (session as { passport?: { user?: Identity } }).passport?.user;

describe.each(variants)('an identity that the application keeps where Passport does, $name', (variant) => {
  const harness = useVariant(variant);

  test('is the identity for guard and decorators', async () => {
    const app = await harness.open({ identity, controllers: [AccountController] });
    const browser = app.browser();
    app.on('/sign-in', ({ session }) => void (session['passport'] = { user: { id: 'ada' } }));
    app.on('/sign-out', ({ session }) => delete session['passport'].user);
    expect((await browser.get('/account')).status).toBe(401);
    await browser.get('/sign-in');
    expect((await browser.get('/account')).json).toEqual({ who: { id: 'ada' }, id: 'ada', user: null });
    await browser.get('/sign-out');
    expect((await browser.get('/account')).status).toBe(401);
  });

  test('counts for what is kept at login and for what ends with the session', async () => {
    const either: typeof identity = (session) => identity(session) ?? (session as { identity?: Identity }).identity;
    const app = await harness.open({ identity: either, controllers: [AccountController] });
    const browser = app.browser();
    app.on('/sign-in', ({ session }) => void Object.assign(session, { passport: { user: { id: 'ada' } }, cart: ['tea'] }));
    app.on('/regenerate', async ({ session }) => {
      await harness.end(app, session.id);
      return refusal(() => session.regenerate());
    });
    await browser.get('/sign-in');
    await browser.post('/login/grace');
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'grace' } });
    await browser.get('/sign-in');
    expect((await browser.get('/regenerate')).json).toMatchObject({ code: 'SESSION_GONE' });
  });

  test('refuses a login of ours, which nobody would find there', async () => {
    const app = await harness.open({ identity });
    const browser = app.browser();
    app.on('/login', ({ session }) => refusal(() => session.login({ id: 'grace' })));
    expect((await browser.post('/login')).json).toMatchObject({ code: 'SESSION_MISUSE' });
  });

  test("stays the same user's through a save that says nothing of it", async () => {
    const app = await harness.open({ identity });
    const browser = app.browser();
    app.on('/sign-in', ({ session }) => void Object.assign(session, { passport: { user: { id: 'ada' } } }));
    app.on('/note', ({ session }) => void (session['note'] = 1));
    app.on('/since', ({ session }) => ({ since: session.authenticatedAt }));
    await browser.get('/sign-in');
    const { since } = (await browser.get('/since')).json;
    await browser.get('/note');
    expect((await browser.get('/since')).json).toEqual({ since });
    expect(await new SessionManager(app.store).count('ada')).toBe(1);
  });
});

describe.each(expressVariants)('passport 0.7 with passport-local, $name', (variant) => {
  const harness = useVariant(variant);

  async function open() {
    const app = await harness.open({ identity, imports: [passportModule()], controllers: [AccountController] });
    app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
    const browser = app.browser();
    const signIn = (username: string, password: string, query = '') => browser.post(`/passport/login${query}`, { username, password });
    await browser.get('/cart');
    return { app, browser, signIn };
  }

  test('signs in with a new sid, and knows the user on each request', async () => {
    const { app, browser, signIn } = await open();
    const before = (await browser.sid()) ?? '';
    expect((await signIn('ada', 'lovelace')).json).toEqual({ user: 'Ada' });
    expect(await browser.sid()).not.toBe(before);
    expect(await harness.stored(app, before)).toBeUndefined();
    expect((await browser.get('/account')).json).toEqual({ who: { id: 'ada' }, id: 'ada', user: 'Ada' });
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ passport: { user: { id: 'ada' } } });
    expect((await app.browser().get('/account', { cookie: signedCookie(before) })).status).toBe(401);
  });

  test('refuses a wrong password and leaves the session as it is', async () => {
    const { browser, signIn } = await open();
    expect((await signIn('ada', 'wrong')).status).toBe(401);
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'] });
    expect((await browser.get('/account')).status).toBe(401);
  });

  test('keeps the visitor’s entries with keepSessionInfo, at sign-in and at sign-out', async () => {
    const { browser, signIn } = await open();
    await signIn('ada', 'lovelace', '?keep=yes');
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'], passport: { user: { id: 'ada' } } });
    await browser.post('/passport/logout?keep=yes');
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'], passport: {} });
    expect((await browser.get('/account')).status).toBe(401);
  });

  test('signs out: the session before it is dead', async () => {
    const { app, browser, signIn } = await open();
    await signIn('ada', 'lovelace');
    const sid = (await browser.sid()) ?? '';
    expect((await browser.post('/passport/logout')).json).toEqual({ user: null });
    expect(await harness.stored(app, sid)).toBeUndefined();
    expect((await browser.get('/account')).status).toBe(401);
    expect((await app.browser().get('/account', { cookie: signedCookie(sid) })).status).toBe(401);
  });

  test.each<[string, (request: Request, done: () => void) => void]>([
    ['destroy() and then logout()', (request, done) => (request.session.destroy(done), request.logout(done))],
    ['logout() and then destroy()', (request, done) => (request.logout(done), request.session.destroy(done))],
  ])('signs out by %s, for neither of which anybody waits', async (_, signOut) => {
    const { app, browser, signIn } = await open();
    await signIn('ada', 'lovelace');
    const sid = (await browser.sid()) ?? '';
    app.on('/out', ({ request, response }) => {
      signOut(request as unknown as Request, () => undefined);
      response.type('text').end('signed out');
    });
    const answer = await browser.get('/out');
    expect([answer.status, answer.text]).toEqual([200, 'signed out']);
    await until(async () => (await harness.stored(app, sid)) === undefined, 'the session has ended');
    expect((await browser.get('/account')).status).toBe(401);
  });

  test('changes users', async () => {
    const { browser, signIn } = await open();
    await signIn('ada', 'lovelace');
    await signIn('grace', 'hopper');
    expect((await browser.get('/account')).json).toMatchObject({ id: 'grace', user: 'Grace' });
  });

  test('forgets a user who no longer exists', async () => {
    const { app, browser, signIn } = await open();
    await signIn('ada', 'lovelace');
    app.on('/rename', ({ session }) => void (session['passport'].user.id = 'nobody'));
    await browser.get('/rename');
    app.on('/user', ({ request }) => ({
      user: request.user ?? null,
      left: (request.session as { passport?: object } | undefined)?.passport,
    }));
    expect((await browser.get('/user')).json).toEqual({ user: null, left: {} });
  });
});
