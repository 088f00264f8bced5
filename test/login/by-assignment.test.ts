import { describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { FreshLogin, SessionEvents, SessionGuard, type Identity, type SessionEntries } from '../../src/index.js';
import type { SessionEventName } from '../../src/session/session-event-map.js';
import type { Browser } from '../support/browser.js';
import { passportModule } from '../support/passport-module.js';
import { refusal } from '../support/refusal.js';
import { CapturedLog } from '../support/captured-log.js';
import { signedCookie } from '../support/signed-cookie.js';
import { until } from '../support/until.js';
import { useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

@Controller('secrets')
@UseGuards(SessionGuard)
class SecretsController {
  @FreshLogin(60)
  @Get()
  show() {
    return 'secret';
  }
}

const identity = (session: SessionEntries) => (session as { passport?: { user?: Identity } }).passport?.user;
const TOLD: readonly SessionEventName[] = ['loggedIn', 'loggedOut', 'destroyed', 'lost'];

/** An application that signs in and out by assignment, and a visitor with a cart. */
async function open(harness: Harness, options: HarnessOptions = {}) {
  const app = await harness.open({ identity, controllers: [SecretsController], ...options });
  app.on('/cart', ({ session }) => void (session['cart'] = ['tea']));
  app.on(
    '/sign-in',
    ({ session, request }) => void (session['passport'] = { user: { id: (request.query['as'] as string | undefined) ?? 'ada' } }),
  );
  app.on('/sign-in-save', async ({ session }) => {
    session['passport'] = { user: { id: 'ada' } };
    await session.save();
  });
  app.on('/sign-out', ({ session }) => void (session['passport'] = {}));
  app.on('/since', ({ session }) => ({ since: session.authenticatedAt?.getTime() ?? null }));
  const browser = app.browser();
  await browser.post('/cart');
  const told: object[] = [];
  for (const name of TOLD) app.app.get(SessionEvents).on(name, (event) => told.push({ name, ...event }));
  const handle = async () => app.sessions.handleOf(((await browser.sid()) ?? '') as never);
  return { app, browser, told, handle };
}

/** When its user proved who they are, as the application sees it. */
async function sinceOf(browser: Browser): Promise<unknown> {
  return (await browser.get('/since')).json['since'];
}

/** So that a time is another one than before. */
function aMomentLater(since: number): Promise<void> {
  return until(() => Date.now() > since + 1, 'the clock has moved');
}

describe('express-session, which tells the cookie before it saves', () => {
  const harness = useVariant({
    platform: 'express',
    name: 'express-session × memory',
    middleware: 'express-session',
    kind: 'memory',
    storesFirst: false,
  });
  const WARNING = /keeps its sid.*session fixation.*req\.session\.regenerate\(\)/;

  test('keeps the sid of a session that is assigned an identity, and the log says once what to do', async () => {
    // First in this file: it is said once in a process.
    const logger = new CapturedLog();
    const { app, browser } = await open(harness, { logger });
    const sid = await browser.sid();
    app.on('/sign-in-regenerated', async (context) => {
      await context.session.regenerate();
      context.session['passport'] = { user: { id: 'ada' } };
    });
    await browser.post('/sign-in-regenerated');
    expect(await browser.sid()).not.toBe(sid);
    expect(logger.matching(WARNING)).toEqual([]);
    await app.browser().post('/sign-in');
    expect(logger.matching(WARNING)).toEqual([]);
    for (const id of ['grace', 'ada']) await browser.post(`/sign-in?as=${id}`);
    expect(logger.matching(WARNING)).toEqual([expect.stringContaining('warn')]);
  });
});

describe.each(variants.filter(({ storesFirst }) => storesFirst))('a session that becomes somebody’s by assignment, $name', (variant) => {
  const harness = useVariant(variant);

  test.each(['/sign-in', '/sign-in-save'])('has a new sid, and a planted cookie is dead at once: %s', async (path) => {
    const { app, browser } = await open(harness);
    const planted = (await browser.sid()) ?? '';
    await browser.post(path);
    expect(await browser.sid()).not.toBe(planted);
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'], passport: { user: { id: 'ada' } } });
    expect(await harness.stored(app, planted)).toBeUndefined();
    expect((await app.browser().get('/read', { cookie: signedCookie(planted) })).json).toEqual({});
    expect((await app.browser().get('/secrets', { cookie: signedCookie(planted) })).status).toBe(401);
  });

  test('has another one when it becomes somebody else’s, and none when the same user is assigned again', async () => {
    const { app, browser } = await open(harness);
    await browser.post('/sign-in');
    const ada = (await browser.sid()) ?? '';
    await browser.post('/sign-in');
    expect(await browser.sid()).toBe(ada);
    await browser.post('/sign-in?as=grace');
    expect(await browser.sid()).not.toBe(ada);
    expect(await harness.stored(app, ada)).toBeUndefined();
    expect((await browser.get('/read')).json).toMatchObject({ passport: { user: { id: 'grace' } } });
  });

  test('keeps a sid that nobody had before this request', async () => {
    const { app, told } = await open(harness);
    let sid = '';
    app.on('/sign-in-late', async ({ session }) => {
      session['cart'] = [];
      await session.save();
      sid = session.id;
      session['passport'] = { user: { id: 'ada' } };
    });
    const browser = app.browser();
    await browser.post('/sign-in-late');
    expect(await browser.sid()).toBe(sid);
    expect(told).toEqual([{ name: 'loggedIn', handle: app.sessions.handleOf(sid as never), userId: 'ada' }]);
  });

  test('stays a visitor’s when the head of the response has left, and the log says so', async () => {
    const logErrors = jest.fn<(error: Error) => void>();
    const { app, browser } = await open(harness, { store: { logErrors } });
    const sid = await browser.sid();
    app.on('/late', ({ session, response }) => {
      response.write('head');
      session['passport'] = { user: { id: 'ada' } };
      return '';
    });
    app.on('/late-save', async ({ session, response }) => {
      response.write('head');
      session['passport'] = { user: { id: 'ada' } };
      const refused = await refusal(() => session.save());
      delete session['passport'];
      response.write(String(refused?.code));
      return '';
    });
    await browser.post('/late').catch(() => undefined);
    expect(logErrors.mock.calls.map(([error]) => String(error))).toEqual([
      expect.stringMatching(/identity was put into a session after the response had begun/),
    ]);
    expect((await browser.post('/late-save')).text).toContain('SESSION_MISUSE');
    expect(await browser.sid()).toBe(sid);
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'] });
    expect((await browser.get('/secrets')).status).toBe(401);
  });

  test('does not end a session beside which another request has written to it', async () => {
    const { app, browser } = await open(harness);
    const other = await browser.clone();
    app.on('/note', ({ session }) => void (session['note'] = 'kept'));
    app.on('/sign-in-beside', async ({ session }) => {
      session['passport'] = { user: { id: 'ada' } };
      await other.post('/note');
    });
    await browser.post('/sign-in-beside');
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'], note: 'kept', passport: { user: { id: 'ada' } } });
  });

  test('is dropped where the session has ended meanwhile, and the cookie is left alone', async () => {
    const { app, browser, told } = await open(harness);
    app.on('/sign-in-ended', async ({ session }) => {
      session['passport'] = { user: { id: 'ada' } };
      await harness.end(app, session.id);
    });
    const answer = await browser.post('/sign-in-ended');
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(told.filter((event) => !('name' in event && event.name === 'destroyed'))).toEqual([expect.objectContaining({ name: 'lost' })]);
  });
});

describe.each(variants)('an identity that is assigned, $name', (variant) => {
  const harness = useVariant(variant);

  test('counts as a sign-in the first time, and never when another one takes its place', async () => {
    const { browser } = await open(harness);
    expect(await sinceOf(browser)).toBe(null);
    const before = Date.now();
    await browser.post('/sign-in');
    const since = Number(await sinceOf(browser));
    // By the clock of Redis, which may be that of another machine.
    expect(since).toBeGreaterThan(before - 60_000);
    expect((await browser.get('/secrets')).text).toBe('secret');
    await aMomentLater(Math.max(since, Date.now()));
    await browser.post('/sign-in?as=grace');
    expect(await sinceOf(browser)).toBe(since);
  });

  test('does not make a session live longer when another one takes its place', async () => {
    const { app, browser } = await open(harness);
    await browser.post('/sign-in');
    const absolute = async () => (await app.sessions.load(((await browser.sid()) ?? '') as never))?.absoluteEndsAt;
    const end = await absolute();
    await aMomentLater(Date.now());
    await browser.post('/sign-in?as=grace');
    expect(await absolute()).toBe(end);
  });

  test('is told of as a sign-in, and when it is taken away as a sign-out', async () => {
    const { browser, told, handle } = await open(harness);
    const visitor = await handle();
    await browser.post('/sign-in');
    const ada = await handle();
    await browser.post('/sign-out');
    const moved = variant.storesFirst
      ? [
          { name: 'destroyed', handle: visitor, userId: undefined },
          { name: 'loggedIn', handle: ada, userId: 'ada', replaced: visitor },
        ]
      : [{ name: 'loggedIn', handle: ada, userId: 'ada' }];
    expect(told).toEqual([...moved, { name: 'loggedOut', handle: ada, userId: 'ada' }]);
    expect(await handle()).toBe(ada);
  });

  test('is told of as a sign-out of who was there before', async () => {
    const { browser, told, handle } = await open(harness);
    await browser.post('/sign-in');
    const ada = await handle();
    told.length = 0;
    await browser.post('/sign-in?as=grace');
    const grace = await handle();
    expect(told).toEqual(
      variant.storesFirst
        ? [
            { name: 'destroyed', handle: ada, userId: 'ada' },
            { name: 'loggedIn', handle: grace, userId: 'grace', replaced: ada },
          ]
        : [
            { name: 'loggedOut', handle: ada, userId: 'ada' },
            { name: 'loggedIn', handle: ada, userId: 'grace' },
          ],
    );
  });

  // On Fastify it is @fastify/passport.
  if (variant.platform === 'express')
    test('by Passport’s req.login() counts as a sign-in each time, and is told of; so is its req.logout()', async () => {
      const { browser, told, handle } = await open(harness, { imports: [passportModule()] });
      const signIn = (username: string, password: string) => browser.post('/passport/login?keep=yes', { username, password });
      await signIn('ada', 'lovelace');
      const ada = await handle();
      expect(told.at(-1)).toEqual({ name: 'loggedIn', handle: ada, userId: 'ada' });
      const since = Number(await sinceOf(browser));
      await aMomentLater(Math.max(since, Date.now()));
      await signIn('grace', 'hopper');
      expect(Number(await sinceOf(browser))).toBeGreaterThan(since);
      const grace = await handle();
      expect(told.at(-1)).toEqual({ name: 'loggedIn', handle: grace, userId: 'grace' });
      told.length = 0;
      await browser.post('/passport/logout');
      expect(told[0]).toEqual({ name: 'loggedOut', handle: grace, userId: 'grace' });
      expect(told.slice(1)).toEqual([expect.objectContaining({ name: 'destroyed', handle: grace })]);
    });
});
