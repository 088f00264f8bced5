import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { Passive, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import type { Script, ScriptedApp } from '../support/scripted-app.js';
import { age, keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { useVariant, variants, type HarnessOptions } from '../support/variants.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

class BaseController {
  @Get() look(@Session() session: HttpSession): unknown {
    return { who: session.identity?.id ?? null, expires: session.expiresAt?.getTime() ?? null };
  }
}

@Controller('handler')
class HandlerController extends BaseController {
  @Passive() @Get() override look(session: HttpSession): unknown {
    return super.look(session);
  }
}

@Passive()
class PassiveBase extends BaseController {}

@Controller('class')
@Passive()
class ClassController extends BaseController {}

@Controller('inherited')
class InheritedController extends PassiveBase {}

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Passive() @Get() look(): string {
    return 'guarded';
  }
  @Get('active') active(): string {
    return 'active';
  }
}

@Controller('calls')
@Passive()
class CallsController {
  @Post('change') change(@Session() session: HttpSession): void {
    Object.assign(session, { n: 1 });
  }
  @Post('save') save(@Session() session: HttpSession): Promise<void> {
    return session.save();
  }
  @Post('change-and-save') changeAndSave(@Session() session: HttpSession): Promise<void> {
    Object.assign(session, { n: 1 });
    return session.save();
  }
  @Post('age') age(@Session() session: HttpSession): void {
    session.cookie.maxAge = 5 * HOUR;
  }
  @Post('token') token(@Session() session: HttpSession): string {
    return session.csrfToken();
  }
  @Post('login') login(@Session() session: HttpSession): Promise<void> {
    return session.login({ id: 'grace' }, { keep: true });
  }
  @Post('logout') logout(@Session() session: HttpSession): Promise<void> {
    return session.logout();
  }
}

const controllers = [HandlerController, ClassController, InheritedController, GuardedController, CallsController];

const realNow = Date.now.bind(Date);
let passed = 0;
afterEach(() => {
  jest.restoreAllMocks();
  passed = 0;
});

describe.each(variants)('a passive request, $name', (variant) => {
  const harness = useVariant(variant);

  /** Somebody signed in, so long ago that a touch, and a rotation where they are on, are due. */
  async function signedIn({ session, store, ...options }: HarnessOptions = {}) {
    const app = await harness.open({
      controllers,
      session: { passive: (request: IncomingMessage) => request.url === '/option', ...session },
      store: { ttl: 86_400, ...store },
      ...options,
    });
    app.on('/option', ({ session: { identity } }) => ({ who: (identity as { id?: unknown } | undefined)?.id ?? null }));
    const browser = app.browser();
    await browser.post('/login/ada');
    await pass(app, browser, 2 * HOUR);
    return { app, browser };
  }

  /** Lets that much time pass for a session; in memory, for the whole process. */
  async function pass(app: ScriptedApp, browser: Browser, ms: number): Promise<void> {
    if (variant.kind === 'hash') return age(harness.client, keyOf(app.store, (await browser.sid()) ?? ''), ms);
    passed += ms;
    jest.spyOn(Date, 'now').mockImplementation(() => realNow() + passed);
  }

  /** When the idle timeout of the browser's session last began, by its store. */
  async function seen(app: ScriptedApp, browser: Browser): Promise<number | undefined> {
    await app.sessions.drain();
    const [facts] = await app.sessions.describe([app.sessions.handleOf(((await browser.sid()) ?? '') as never)]);
    return facts?.lastSeenAt;
  }

  const OPTIONS: [string, HarnessOptions][] = [
    ['by default', {}],
    ['with cookie.maxAge', { session: { cookie: { maxAge: 24 * HOUR } } }],
    ['with rolling: true', { session: { rolling: true, cookie: { maxAge: 24 * HOUR } } }],
    ['with resave: true', { session: { resave: true } }],
    ['with saveUninitialized: true', { session: { saveUninitialized: true } }],
    ['with rotateAfter', { store: { rotateAfter: 3_600 } }],
  ];
  const PATHS = ['/handler', '/class', '/inherited', '/guarded', '/option'];

  test.each(OPTIONS)('reads the session, and neither touches nor rotates nor tells it, %s', async (_when, options) => {
    const { app, browser } = await signedIn(options);
    const before = await seen(app, browser);
    for (const path of PATHS) {
      const answer = await browser.get(path);
      expect([path, answer.status, answer.setCookies]).toEqual([path, 200, []]);
    }
    expect(await seen(app, browser)).toBe(before);
    expect(app.sessions.events.count('rotated')).toBe(0);
  });

  test('says when the session will end', async () => {
    const { browser } = await signedIn();
    const first = (await browser.get('/handler')).json;
    expect(first).toEqual({ who: 'ada', expires: expect.any(Number) });
    expect((await browser.get('/handler')).json).toEqual(first);
  });

  test('is passive too when the guard refuses it', async () => {
    const { app, browser } = await signedIn();
    await browser.post('/logout');
    app.on('/cart', ({ session }) => void (session['n'] = 1));
    await browser.post('/cart');
    await pass(app, browser, 2 * HOUR);
    const before = await seen(app, browser);
    expect((await browser.get('/guarded')).status).toBe(401);
    expect(await seen(app, browser)).toBe(before);
  });

  test('leaves the cookie of a session that was revoked, so that every tab that asks is told why', async () => {
    const { app, browser } = await signedIn();
    await app.app.get(SessionManager).revokeAll('ada');
    for (const [path, cookies] of [
      ['/guarded', 0],
      ['/guarded', 0],
      ['/guarded/active', 1],
    ] as const) {
      const answer = await browser.get(path);
      expect([path, answer.status, answer.setCookies.length]).toEqual([path, 401, cookies]);
      expect(answer.json).toMatchObject({ reason: 'revoked' });
    }
  });

  test('leaves what is due to the next request that is not', async () => {
    const { app, browser } = await signedIn({ store: { rotateAfter: 3_600 } });
    const before = await seen(app, browser);
    await browser.get('/handler');
    expect((await browser.get('/guarded/active')).setCookies).toHaveLength(1);
    expect((await browser.get('/guarded/active')).text).toBe('active');
    expect(await seen(app, browser)).not.toBe(before);
    expect(app.sessions.events.count('rotated')).toBe(1);
  });

  test.each([false, true])('begins no session for a visitor, with saveUninitialized: %p', async (saveUninitialized) => {
    const app = await harness.open({ controllers, session: { saveUninitialized, passive: ({ url }) => url === '/option' } });
    app.on('/option', () => ({}));
    for (const path of ['/handler', '/option']) expect((await app.browser().get(path)).setCookies).toEqual([]);
    await app.sessions.drain();
    expect(app.sessions.events.count('created')).toBe(0);
  });

  test.each(['/calls/change', '/calls/age', '/calls/token'])('that changes its session stores nothing, and says why: %s', async (path) => {
    const logger = new CapturedLog();
    const { app, browser } = await signedIn({ logger });
    const before = await seen(app, browser);
    const visitor = path === '/calls/token' ? app.browser() : browser;
    const answer = await visitor.post(path);
    // express-session saves when the head is out already.
    expect([answer.status, answer.setCookies]).toEqual([variant.storesFirst ? 500 : 201, []]);
    await until(() => logger.matching('A passive request has changed its session').length > 0, 'the log says why');
    expect([await seen(app, browser), (await browser.get('/read')).json]).toEqual([before, expect.not.objectContaining({ n: 1 })]);
  });

  test('that saves rejects with SESSION_MISUSE if there is a change, and does nothing otherwise', async () => {
    const { app, browser } = await signedIn();
    const before = await seen(app, browser);
    expect((await browser.post('/calls/save')).status).toBe(201);
    expect((await browser.post('/calls/change-and-save')).status).toBe(500);
    expect(await seen(app, browser)).toBe(before);
  });

  test('can sign out, and in', async () => {
    const { browser } = await signedIn();
    const login = await browser.post('/calls/login');
    expect([login.status, login.setCookies.length]).toEqual([201, 1]);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'grace' } });
    const logout = await browser.post('/calls/logout');
    expect([logout.status, logout.setCookies.length]).toEqual([201, 1]);
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
  });

  test('that unsets its session ends it where unset says so, and touches nothing otherwise', async () => {
    for (const unset of ['keep', 'destroy'] as const) {
      const { app, browser } = await signedIn({ session: { unset } });
      const before = await seen(app, browser);
      const drop: Script = ({ request }) => void (request.session = null);
      app.on('/option', drop);
      await browser.get('/option');
      expect(await seen(app, browser)).toBe(unset === 'keep' ? before : undefined);
    }
  });

  test.each<[string, (request: IncomingMessage) => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['returns a promise', async () => true],
  ])('a session.passive that %s fails whoever asks for the session', async (_what, passive) => {
    const app = await harness.open({ session: { passive: passive as never } });
    expect((await app.browser().get('/whoami')).status).toBe(500);
    expect((await app.browser().get('/plain')).status).toBe(200);
  });
});
