import { describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { Controller, Get } from '@nestjs/common';
import { peekSession, sessionMiddleware, sessionOf } from '../../src/express.js';
import { Session, SessionManager, SessionStoreUnavailableError, type HttpSession } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET } from '../support/create-app.js';
import { BlockableStore } from '../support/blockable-store.js';
import { plainExpress, serve } from '../support/plain-app.js';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { useVariant, variants } from '../support/variants.js';

const MISUSE = { code: 'SESSION_MISUSE', message: expect.anything() };

@Controller('hidden')
class HiddenController {
  @Get('whole') whole(@Session() session: HttpSession) {
    return { member: typeof session.login };
  }
  @Get('entry') entry(@Session('login') login: unknown) {
    return { login: login ?? null };
  }
}

describe.each(variants)('the two views of a session, $name', (variant) => {
  const harness = useVariant(variant);

  test('are two objects of one state: entries, what symbols name, cookie and end', async () => {
    const app = await harness.open();
    const browser = app.browser();
    const KEY = Symbol('key');
    app.on('/use', async ({ session, request: { session: theirs } }) => {
      if (!theirs) return 'none';
      theirs['cart'] = ['tea'];
      session['cart'].push('milk');
      Object.assign(theirs, { [KEY]: 1 });
      theirs.cookie.maxAge = 60_000;
      const same = [
        theirs['cart'] === session['cart'],
        Reflect.get(session, KEY),
        session.cookie === theirs.cookie,
        session.id === theirs.id,
      ];
      await session.login({ id: 'ada' }, { keep: ['cart'] });
      return { isOther: theirs !== (session as unknown), same, who: theirs['identity'] as unknown, cart: theirs['cart'] as unknown };
    });
    expect((await browser.get('/use')).json).toEqual({
      isOther: true,
      same: [true, 1, true, true],
      who: { id: 'ada' },
      cart: ['tea', 'milk'],
    });
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ identity: { id: 'ada' }, cart: ['tea', 'milk'] });
  });

  test('show the request out of sight, and no sid to who inspects the proxy', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/look', ({ session, request }) => ({
      same: [request.session?.['req'] === request, session['req'] === request],
      own: Object.getOwnPropertyNames(request.session),
      keys: Object.keys(request.session ?? {}),
      inspected: inspect([session, request.session], { showProxy: true, depth: 10 }),
    }));
    const { same, own, keys, inspected } = (await browser.get('/look')).json;
    expect([same, own, keys]).toEqual([
      [true, true],
      ['req', 'id', 'cookie', 'identity'],
      ['cookie', 'identity'],
    ]);
    expect(inspected).not.toContain(await browser.sid());
  });

  test('an entry that a member hides is read by @Session(name), and the log says so once', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, controllers: [HiddenController] });
    const browser = app.browser();
    app.on('/fill', ({ request }) => void Object.assign(request.session ?? {}, { login: true }));
    expect((await browser.get('/hidden/entry')).json).toEqual({ login: null });
    await browser.get('/fill');
    expect((await browser.get('/hidden/entry')).json).toEqual({ login: true });
    expect(logger.matching('hides it')).toEqual([]);
    for (const _ of [1, 2]) expect((await browser.get('/hidden/whole')).json).toEqual({ member: 'function' });
    expect(logger.matching('hides it')).toHaveLength(1);
  });

  test('sessionOf() stays readable after the end, and req.session is gone', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/end', async ({ session, request }) => {
      await session.logout();
      const after = sessionOf(request as never);
      return [after === session, after.identity, request.session ?? null, await refusal(() => (after as AnySession)['x'] === 1)];
    });
    expect((await browser.get('/end')).json).toEqual([true, { id: 'ada' }, null, null]);
  });

  test('with the option "identity", the entry of that name is like any other', async () => {
    const app = await harness.open({ identity: (session) => (session as { user?: { id: string } }).user });
    const browser = app.browser();
    app.on('/fill', ({ request }) => void Object.assign(request.session ?? {}, { identity: { roles: ['user'] } }));
    app.on('/change', ({ session }) => void session['identity'].roles.push('admin'));
    await browser.get('/fill');
    await browser.get('/change');
    expect((await harness.stored(app, await browser.sid()))?.entries).toEqual({ identity: { roles: ['user', 'admin'] } });
    expect((await browser.get('/read')).json).toEqual({ identity: { roles: ['user', 'admin'] } });
  });

  test('the option "identity" does not find our members in a session', async () => {
    const app = await harness.open({
      identity: (session) => ((session as { handle?: string }).handle ? { id: (session as { handle: string }).handle } : undefined),
    });
    app.on('/who', ({ request }) => ({
      who: peekSession(request as never)?.identity ?? null,
      authenticated: sessionOf(request as never).authenticatedAt ?? null,
    }));
    const browser = app.browser();
    app.on('/fill', ({ request }) => void Object.assign(request.session ?? {}, { note: 1 }));
    await browser.get('/fill');
    expect((await browser.get('/who')).json).toEqual({ who: null, authenticated: null });
    if (variant.kind === 'hash') expect(await harness.client.keys('*user:*')).toEqual([]);
  });

  test.each<[string, (session: AnySession, app: { get: (type: typeof SessionManager) => SessionManager }) => unknown]>([
    ['cookie = null', (session) => (session.cookie = null as never)],
    ["cookie = 'x'", (session) => (session.cookie = 'x' as never)],
    ['cookie = undefined', (session) => (session.cookie = undefined as never)],
    ['Object.assign of cookie: 7', (session) => Object.assign(session, { cookie: 7 })],
    ['a cookie that is defined as a function', (session) => Object.defineProperty(session, 'cookie', { value: () => undefined })],
    ["cookie.maxAge = '3600'", (session) => (session.cookie.maxAge = '3600' as never)],
    ["cookie = { maxAge: '3600' }", (session) => (session.cookie = { maxAge: '3600' } as never)],
    ['login() with null for options', (session) => session.login({ id: 'ada' }, null as never)],
    ['login() with a text for keep', (session) => session.login({ id: 'ada' }, { keep: 'cart' as never })],
    ['increment() without a name', (session) => session.increment(undefined as never)],
    ['revokeOthers() of what has no handle', ({ req }, app) => app.get(SessionManager).revokeOthers(req.session)],
    ['list() with such a current session', ({ req }, app) => app.get(SessionManager).list('ada', { current: req.session })],
  ])('%s is SESSION_MISUSE, with a cure', async (_, misuse) => {
    const app = await harness.open();
    app.on('/misuse', ({ session }) => refusal(() => misuse(session, app.app)));
    expect((await app.browser().get('/misuse')).json).toEqual(MISUSE);
  });
});

describe('sessionOf()', () => {
  test('throws the 503 error after a failed load', async () => {
    const store = new BlockableStore({ logErrors: false });
    store.loadFailure = new SessionStoreUnavailableError('timeout');
    const session = sessionMiddleware({ secret: TEST_SECRET, store });
    const server = await serve(
      plainExpress(session, { '/': async (request, response) => response.json(await refusal(() => sessionOf(request))) }),
    );
    try {
      const cookie = signedCookie(generateSid());
      expect((await server.browser().get('/', { cookie })).json).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    } finally {
      await server.close();
    }
  });

  test('without middleware is SESSION_MISUSE, with a cure', async () => {
    const server = await serve(
      plainExpress(undefined, { '/': async (request, response) => response.json(await refusal(() => sessionOf(request))) }),
    );
    try {
      expect((await server.browser().get('/')).json).toEqual({
        code: 'SESSION_MISUSE',
        message: expect.stringContaining('sessionMiddleware()'),
      });
    } finally {
      await server.close();
    }
  });
});
