import { describe, expect, test } from '@jest/globals';
import { Controller, Delete, Get, Module, Param, Post, Req, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import expressSession from 'express-session';
import type { Request } from 'express';
import { sessionOf } from '../../src/express.js';
import { Identity, RedisSessionModule, Session, SessionGuard, SessionManager, type HttpSession } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { ExpressStoreAdapter } from '../../src/express-session/express-store-adapter.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import type { Answer, Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { Barrier } from '../support/barrier.js';
import { refusal } from '../support/refusal.js';
import { signedCookie } from '../support/signed-cookie.js';
import { keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants, type HarnessOptions } from '../support/variants.js';

const REQUESTS = 10;
const SIGN_IN_FIRST = { statusCode: 401, error: 'Unauthorized', message: 'Sign in first.', code: 'SESSION_REQUIRED' };
const GONE = { statusCode: 401, error: 'Unauthorized', message: 'The session has ended. Sign in again.', code: 'SESSION_GONE' };
const REFUSED = {
  statusCode: 409,
  error: 'Conflict',
  message: 'This user has too many sessions already. Sign out on another device first.',
  code: 'SESSION_REFUSED',
};

/** What an application offers its users, and an administrator. */
@Controller('devices')
@UseGuards(SessionGuard)
class DevicesController {
  constructor(private readonly manager: SessionManager) {}

  @Get() list(@Identity('id') id: string, @Session() session: HttpSession) {
    return this.manager.list(id, { current: session });
  }
  @Delete(':handle') async end(@Identity('id') id: string, @Param('handle') handle: string) {
    return { ended: await this.manager.revoke(id, handle) };
  }
  @Post('others') async endOthers(@Req() request: Request) {
    return { ended: await this.manager.revokeOthers(sessionOf(request)) };
  }
}

const managerOf = ({ app }: ScriptedApp) => app.get(SessionManager);
const clears = ({ setCookies }: Answer) => setCookies.map((cookie) => /^sid=;.*Expires=Thu, 01 Jan 1970/.test(cookie));
const outcome = (answer: Answer) => [answer.status, answer.json, clears(answer)];

describe.each(variants)('a session that somebody else has ended, $name', (variant) => {
  const harness = useVariant(variant);

  async function open(options: HarnessOptions = {}): Promise<{ app: ScriptedApp; browser: Browser; cookie: string; sid: string }> {
    const app = await harness.open({ controllers: [DevicesController], ...options });
    const browser = app.browser();
    await browser.post('/login/ada');
    const cookie = (await browser.cookie('sid'))!.cookieString();
    return { app, browser, cookie, sid: (await browser.sid())! };
  }

  test.each(['revoked', 'password-changed', 'Stolen_phone.2'])(
    'the guard tells its holder %j, and the cookie is cleared',
    async (reason) => {
      const { app, browser } = await open();
      await managerOf(app).revokeAll('ada', reason);
      const answer = await browser.get('/devices');
      expect(outcome(answer)).toEqual([401, { ...SIGN_IN_FIRST, reason }, [true]]);
      if (variant.storesFirst) expect(answer.headers.get('cache-control')).toContain('no-store');
      // The cookie is gone, so nothing is left to tell of.
      expect(outcome(await browser.get('/devices'))).toEqual([401, SIGN_IN_FIRST, []]);
    },
  );

  test('revokeOthers() spares whoever has the same cookie, and reauthenticate() before it does not', async () => {
    const { app, browser } = await open();
    const [thief, other] = [await browser.clone(), app.browser()];
    await other.post('/login/ada');
    app.on('/others', async ({ session }) => ({ ended: await managerOf(app).revokeOthers(session) }));
    app.on('/password', async ({ session }) => {
      await session.reauthenticate();
      return { ended: await managerOf(app).revokeOthers(session) };
    });
    expect((await browser.post('/others')).json).toEqual({ ended: 1 });
    expect((await thief.get('/devices')).status).toBe(200);
    expect((await browser.post('/password')).json).toEqual({ ended: 0 });
    for (const one of [thief, other]) expect((await one.get('/devices')).status).toBe(401);
    expect((await browser.get('/devices')).status).toBe(200);
  });

  test('an object that merely has a handle is no session to revokeOthers(), nor is req.session', async () => {
    const { app, browser, sid } = await open();
    app.on('/forged', ({ request }) => refusal(() => managerOf(app).revokeOthers(request.body as HttpSession)));
    app.on('/express', ({ request }) => refusal(() => managerOf(app).revokeOthers(request.session as unknown as HttpSession)));
    const eve = app.browser();
    await eve.post('/login/eve');
    expect((await eve.post('/forged', { handle: app.sessions.handleOf(sid as Sid) })).json).toMatchObject({ code: 'SESSION_MISUSE' });
    expect((await eve.get('/express')).json).toMatchObject({ code: 'SESSION_MISUSE', message: expect.stringContaining('sessionOf(req)') });
    expect((await browser.get('/devices')).status).toBe(200);
  });

  test('a route without the guard answers as for anybody, and the cookie is cleared', async () => {
    const { app, browser } = await open();
    await managerOf(app).revokeAll('ada');
    expect(outcome(await browser.get('/whoami'))).toEqual([200, { identity: null }, [true]]);
    expect(await browser.cookie('sid')).toBeUndefined();
  });

  test('a route that leaves the session alone answers, and the cookie is cleared', async () => {
    const { app, browser } = await open();
    await managerOf(app).revokeAll('ada');
    const answer = await browser.get('/plain');
    expect([answer.status, answer.text, clears(answer)]).toEqual([200, 'plain', [true]]);
  });

  test('its holder can sign in again at once, and gets one cookie', async () => {
    const { app, browser, sid } = await open();
    await managerOf(app).revokeAll('ada');
    const answer = await browser.post('/login/ada');
    expect([answer.status, clears(answer)]).toEqual([200, [false]]);
    expect(await browser.sid()).not.toBe(sid);
    expect((await browser.get('/devices')).status).toBe(200);
  });

  test('its holder can begin a session as a visitor, and gets one cookie', async () => {
    const { app, browser } = await open();
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    await managerOf(app).revokeAll('ada');
    expect(clears(await browser.get('/fill'))).toEqual([false]);
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'] });
  });

  test('a stranger who knows the handle is told nothing', async () => {
    const { app, cookie, sid } = await open();
    await managerOf(app).revokeAll('ada');
    for (const forged of [sid.slice(0, 22) + generateSid().slice(22), generateSid()])
      expect(outcome(await app.browser().get('/devices', { cookie: signedCookie(forged) }))).toEqual([401, SIGN_IN_FIRST, []]);
    expect(outcome(await app.browser().get('/devices', { cookie: `${cookie.slice(0, -3)}xyz` }))).toEqual([401, SIGN_IN_FIRST, []]);
    expect((await app.browser().get('/devices', { cookie })).json).toEqual({ ...SIGN_IN_FIRST, reason: 'revoked' });
  });

  test('was evicted: its holder learns that', async () => {
    const { app, browser } = await open({ store: { maxSessionsPerUser: 1 } });
    const signedInAt = Date.now();
    // Of two sign-ins in one ms, either may be the first.
    await until(() => Date.now() > signedInAt + 1, 'some time has passed');
    expect((await app.browser().post('/login/ada')).status).toBe(200);
    expect(outcome(await browser.get('/devices'))).toEqual([401, { ...SIGN_IN_FIRST, reason: 'evicted' }, [true]]);
  });

  test.each<[string, (session: AnySession) => unknown, string]>([
    ['writes', (session) => (session['late'] = 1), 'done'],
    ['saves', (session) => Object.assign(session, { late: 1 }).save(), 'done'],
    ['touches', (session) => session.touch(), 'done'],
    ['rotates', (session) => session.rotate(), 'SESSION_GONE'],
    ['reauthenticates', (session) => session.reauthenticate(), 'SESSION_GONE'],
    ['regenerates', (session) => session.regenerate(), 'SESSION_GONE'],
    ['signs in again', (session) => session.login({ id: 'ada' }, { keep: true }), 'SESSION_GONE'],
    ['signs in as another', (session) => session.login({ id: 'eve' }), 'SESSION_GONE'],
    ['signs out', (session) => session.logout(), 'done'],
  ])('stays ended while each of %s requests is under way', async (_, operation, expected) => {
    const { app, cookie } = await open();
    const barrier = new Barrier(REQUESTS);
    app.on('/operation', async ({ session }) => {
      void session['cart'];
      await barrier.pass();
      return (await refusal(() => operation(session))) ?? { code: 'done' };
    });
    const answers = Promise.all(Array.from({ length: REQUESTS }, () => app.browser().get('/operation', { cookie })));
    await barrier.full;
    expect(await managerOf(app).revokeAll('ada')).toBe(1);
    barrier.open();
    expect([...new Set((await answers).map(({ json }) => json.code))]).toEqual([expected]);
    expect((await app.browser().get('/devices', { cookie })).json).toEqual({ ...SIGN_IN_FIRST, reason: 'revoked' });
    await until(async () => (await managerOf(app).count('ada')) + (await managerOf(app).count('eve')) === 0, 'nobody is signed in');
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['login', (session) => session.login({ id: 'ada' })],
    ['regenerate', (session) => session.regenerate()],
    ['rotate', (session) => session.rotate()],
    ['reauthenticate', (session) => session.reauthenticate()],
  ])('%s from it, when nobody catches that, answers 401 SESSION_GONE', async (_, operation) => {
    const { app, browser } = await open();
    app.on('/operation', async ({ session }) => {
      await managerOf(app).revokeAll('ada');
      await operation(session);
    });
    expect(outcome(await browser.get('/operation'))).toEqual([401, GONE, []]);
  });

  test('a sign-in beyond the limit answers 409, stores nothing and sets no cookie', async () => {
    const { app, browser } = await open({ store: { maxSessionsPerUser: { limit: 1, policy: 'reject' } } });
    const late = app.browser();
    expect(outcome(await late.post('/login/ada'))).toEqual([409, REFUSED, []]);
    expect((await browser.get('/devices')).json.sessions).toHaveLength(1);
    expect((await browser.post('/login/ada')).status).toBe(200);
    await browser.post('/logout');
    expect((await late.post('/login/ada')).status).toBe(200);
  });

  test('users see their devices, end one, and all others', async () => {
    const { app, browser, sid } = await open();
    const [second, third, grace] = [app.browser(), app.browser(), app.browser()];
    for (const other of [second, third]) await other.post('/login/ada');
    await grace.post('/login/grace');
    const { sessions } = (await browser.get('/devices')).json;
    expect(sessions.filter((one: { current?: true }) => one.current).map((one: { handle: string }) => one.handle)).toEqual([
      handleOf(sid as Sid),
    ]);
    expect([sessions.length, JSON.stringify(sessions).includes(sid.slice(22))]).toEqual([3, false]);
    const end = async (by: Browser, of: string | undefined) => (await by.send('DELETE', `/devices/${handleOf(of as Sid)}`)).json;
    expect(await end(grace, await second.sid())).toEqual({ ended: false });
    expect(await end(browser, await grace.sid())).toEqual({ ended: false });
    expect(await end(browser, await second.sid())).toEqual({ ended: true });
    expect((await second.get('/devices')).status).toBe(401);
    expect((await browser.post('/devices/others')).json).toEqual({ ended: 1 });
    expect([(await third.get('/devices')).status, (await browser.get('/devices')).status, (await grace.get('/devices')).status]).toEqual([
      401, 200, 200,
    ]);
    expect((await browser.send('DELETE', '/devices/user%3Aada')).json).toEqual({ ended: false });
  });

  test('who was ended is told so also by requests that come at once', async () => {
    const { app, cookie } = await open();
    await managerOf(app).revokeAll('ada');
    const answers = await Promise.all(Array.from({ length: REQUESTS }, () => app.browser().get('/devices', { cookie })));
    for (const { json } of answers) expect(json).toEqual({ ...SIGN_IN_FIRST, reason: 'revoked' });
  });

  test('a session that code writes to by its sid stays that of its user, and can be ended', async () => {
    const { app, browser, sid } = await open();
    app.on('/write', async ({ request }) => {
      const { sessionStore } = request as unknown as { sessionStore: expressSession.Store };
      const data = await new Promise<expressSession.SessionData>((resolve, reject) => {
        sessionStore.get(sid, (error, found) => (error ? reject(error as Error) : resolve(found!)));
      });
      await new Promise<void>((resolve, reject) => {
        sessionStore.set(sid, { ...data, cart: ['tea'] } as never, (error) => (error ? reject(error as Error) : resolve()));
      });
    });
    expect((await app.browser().get('/write')).status).toBe(200);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'] });
    expect(await managerOf(app).revokeAll('ada')).toBe(1);
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
  });
});

describe.each(variants.filter(({ storesFirst }) => storesFirst))('several cookies, $name', (variant) => {
  const harness = useVariant(variant);

  test('who has another session too is signed in by that one', async () => {
    const app = await harness.open();
    const first = app.browser();
    await first.post('/login/ada');
    const cookie = (await first.cookie('sid'))!.cookieString();
    const other = app.browser();
    await other.post('/login/grace');
    await managerOf(app).revokeAll('ada');
    const both = `${cookie}; ${(await other.cookie('sid'))!.cookieString()}`;
    const answer = await app.browser().get('/whoami', { cookie: both });
    expect([answer.json, answer.setCookies]).toEqual([{ identity: { id: 'grace' } }, []]);
  });

  test('of sessions that were all ended have the reason of the first one told', async () => {
    const app = await harness.open({ controllers: [DevicesController] });
    const cookies: string[] = [];
    for (const user of ['ada', 'grace']) {
      const browser = app.browser();
      await browser.post(`/login/${user}`);
      cookies.push((await browser.cookie('sid'))!.cookieString());
      await managerOf(app).revokeAll(user, `told-${user}`);
    }
    expect((await app.browser().get('/devices', { cookie: cookies.join('; ') })).json).toMatchObject({ reason: 'told-ada' });
  });

  test('are left alone when the other one cannot be looked for', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const cookie = (await browser.cookie('sid'))!.cookieString();
    await managerOf(app).revokeAll('ada');
    const find = app.store.find.bind(app.store);
    let looks = 0;
    app.store.find = (sid) => (++looks === 2 ? Promise.reject(new SessionStoreUnavailableError('timeout')) : find(sid));
    const answer = await app.browser().get('/plain', { cookie: `${cookie}; ${signedCookie(generateSid())}` });
    expect([answer.text, answer.setCookies, looks]).toEqual(['plain', [], 2]);
  });
});

describe.each(redisVariants)('a session that somebody else has ended in Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('leaves word of it for five minutes, and nothing of what was in it', async () => {
    const app = await harness.open({ controllers: [DevicesController] });
    const browser = app.browser();
    await browser.post('/login/ada');
    const cookie = (await browser.cookie('sid'))!.cookieString();
    const key = keyOf(app.store, (await browser.sid())!);
    await managerOf(app).revokeAll('ada');
    // And of that moment, for whoever meets another session of that time.
    expect(new Set(await harness.client.keys('*'))).toEqual(new Set([key, 'sess:user:ada']));
    expect(await harness.client.zrange('sess:user:ada', 0, '-1')).toEqual([expect.stringMatching(/^!/)]);
    expect(await harness.client.hkeys(key)).toEqual(['@gone']);
    expect(await harness.client.pttl(key)).toBeGreaterThan(290_000);
    expect(await harness.client.pttl(key)).toBeLessThanOrEqual(300_000);
    const ask = async () => (await app.browser().get('/devices', { cookie })).json;
    expect(await ask()).toEqual({ ...SIGN_IN_FIRST, reason: 'revoked' });
    await harness.client.pexpire(key, 1);
    await until(async () => (await harness.client.exists(key)) === 0, 'the time is over');
    expect(await ask()).toEqual(SIGN_IN_FIRST);
  });
});

describe.each(redisVariants)('the manager of a job, which serves no requests, beside an application in Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('lists the sessions of a user, changes their identity and ends them', async () => {
    const app = await harness.open({ controllers: [DevicesController] });
    const browser = app.browser();
    await browser.post('/login/ada');
    @Module({ imports: [RedisSessionModule.forRoot({ redis: harness.redis.options, session: { secret: TEST_SECRET } })] })
    class JobModule {}
    const job = await NestFactory.createApplicationContext(JobModule, { logger: false });
    try {
      const manager = job.get(SessionManager);
      const [session] = (await manager.list('ada')).sessions;
      expect(session?.handle).toBe(handleOf((await browser.sid()) as Sid));
      expect(await manager.updateIdentity('ada', { roles: ['admin'] })).toBe(1);
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada', roles: ['admin'] } });
      expect(await manager.revoke('ada', session?.handle ?? '', 'account-closed')).toBe(true);
    } finally {
      await job.close();
    }
    expect(outcome(await browser.get('/devices'))).toEqual([401, { ...SIGN_IN_FIRST, reason: 'account-closed' }, [true]]);
  });
});

describe.each(['builtin', 'express-session'] as const)('the manager with a store made for express-session, %s', (middleware) => {
  test('says that it can do nothing by a handle', async () => {
    const app = await createScriptedApp({
      session: { middleware },
      store: new ExpressStoreAdapter(new expressSession.MemoryStore()),
    });
    try {
      const browser = app.browser();
      expect((await browser.post('/login/ada')).status).toBe(200);
      const manager = managerOf(app);
      const handle = app.sessions.handleOf((await browser.sid()) as Sid);
      const calls = [
        () => manager.list('ada'),
        () => manager.count('ada'),
        () => manager.get('ada', handle),
        () => manager.revoke('ada', handle),
        () => manager.revoke('ada', 'user:ada'),
        () => manager.revokeOthers('ada', handle),
        () => manager.revokeAll('ada'),
        () => manager.revokeBefore('ada', 1),
        () => manager.updateIdentity('ada', { roles: [] }),
      ];
      for (const call of calls) expect(await refusal(call)).toMatchObject({ code: 'SESSION_UNSUPPORTED', message: /"hash"/ });
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    } finally {
      await app.close();
    }
  });
});
