import { afterEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import { FreshLogin, SessionGuard, SessionManager, type StoreOptions } from '../../src/index.js';
import { Barrier, sessionBehind, signIn, testSessions, type TestSessionsOptions } from '../../src/testing.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import type { TestAppOptions } from '../support/create-app.js';

const START = '2030-01-01T00:00:00.000Z';
const ADA = { id: 'ada' };

@Controller('fresh')
@UseGuards(SessionGuard)
class FreshController {
  @FreshLogin(300) @Get() fresh() {
    return 'fresh';
  }
  @Get('any') any() {
    return 'any';
  }
}

const apps: ScriptedApp[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function open(store: StoreOptions & TestSessionsOptions = {}, session: TestAppOptions['session'] = {}) {
  const sessions = testSessions({ now: START, ...store });
  const app = await createScriptedApp({ store: sessions.store, session, controllers: [FreshController] });
  apps.push(app);
  const status = async (path: string, headers: Record<string, string>) => (await app.browser().get(path, headers)).status;
  return { app, nest: app.app, sessions, manager: app.app.get(SessionManager), status };
}

/** The cookie that an answer sets. */
function told(setCookies: readonly string[]): { cookie: string } {
  return { cookie: setCookies.map((line) => line.split(';')[0]).join('; ') };
}

describe('the clock of testSessions()', () => {
  test('stands still, and gives each new session a millisecond of its own', async () => {
    const { sessions, nest } = await open();
    expect(sessions.now()).toEqual(new Date(START));
    const [first, second] = [await signIn(nest, ADA), await signIn(nest, ADA)];
    const times = [await sessionBehind(nest, first), await sessionBehind(nest, second)].map((one) => one?.createdAt?.toISOString());
    expect(times).toEqual(['2030-01-01T00:00:00.001Z', '2030-01-01T00:00:00.002Z']);
  });

  test.each<[number | string, string]>([
    [1, '00:00:00.001'],
    ['500ms', '00:00:00.500'],
    ['1.5 s', '00:00:01.500'],
    ['31m', '00:31:00.000'],
    ['8h', '08:00:00.000'],
    ['0.5d', '12:00:00.000'],
  ])('goes on by %j', async (time, clock) => {
    const sessions = testSessions({ now: START });
    await sessions.advance(time);
    expect(sessions.now().toISOString()).toBe(`2030-01-01T${clock}Z`);
  });

  test.each([['31'], ['m'], ['-1m'], ['1w'], [-1], [Number.NaN], [undefined as never]])('refuses to go on by %j', async (time) => {
    const sessions = testSessions({ now: START });
    await expect(sessions.advance(time)).rejects.toThrow('Write something like advance("31m")');
    expect(sessions.now()).toEqual(new Date(START));
  });

  test('ends a session to the millisecond', async () => {
    const { sessions, nest } = await open({ ttl: 60 });
    const ada = await signIn(nest, ADA);
    await sessions.advance(59_999);
    expect(await sessionBehind(nest, ada)).toBeDefined();
    await sessions.advance(1);
    expect(await sessionBehind(nest, ada)).toBeUndefined();
  });

  test('ends a session in use when its absolute timeout is over', async () => {
    const { sessions, nest, status } = await open({ absoluteTtl: 3_600 });
    const ada = await signIn(nest, ADA);
    for (let use = 0; use < 3; use++) {
      await sessions.advance('15m');
      expect(await status('/fresh/any', ada.asHeader)).toBe(200);
    }
    await sessions.advance('15m');
    expect(await status('/fresh/any', ada.asHeader)).toBe(401);
  });

  test('makes a sign-in one that is not fresh any more', async () => {
    const { sessions, nest, status } = await open();
    const ada = await signIn(nest, ADA);
    expect(await status('/fresh', ada.asHeader)).toBe(200);
    await sessions.advance('5m');
    expect(await status('/fresh', ada.asHeader)).toBe(200);
    await sessions.advance('1s');
    expect(await status('/fresh', ada.asHeader)).toBe(401);
    expect(await status('/fresh/any', ada.asHeader)).toBe(200);
  });

  test('ends the grace of a secret that was rotated', async () => {
    const { app, sessions, nest, status } = await open({ rotationGrace: 30 });
    app.on('/rotate', ({ session }) => session.rotate());
    const ada = await signIn(nest, ADA);
    const next = told((await app.browser().get('/rotate', ada.asHeader)).setCookies);
    // The first to present the new secret begins the grace of the old one.
    await sessions.advance('2m');
    expect(await status('/fresh/any', next)).toBe(200);
    await sessions.advance('29s');
    expect(await status('/fresh/any', ada.asHeader)).toBe(200);
    await sessions.advance('1s');
    expect([await status('/fresh/any', ada.asHeader), await status('/fresh/any', next)]).toEqual([401, 200]);
  });

  test('makes the rotation due that "rotateAfter" asks for', async () => {
    const { app, sessions, nest } = await open({ rotateAfter: 600 });
    const ada = await signIn(nest, ADA);
    expect((await app.browser().get('/fresh/any', ada.asHeader)).setCookies).toEqual([]);
    await sessions.advance('10m');
    expect((await app.browser().get('/fresh/any', ada.asHeader)).setCookies).toHaveLength(1);
  });

  test('lets a tombstone tell for five minutes why a session has ended', async () => {
    const { app, sessions, nest, manager } = await open();
    const ada = await signIn(nest, ADA);
    await manager.revokeAll('ada', 'stolen');
    const reason = async () => (await app.browser().get('/fresh/any', ada.asHeader)).json.reason as unknown;
    await sessions.advance('4m');
    expect(await reason()).toBe('stolen');
    await sessions.advance('1m');
    expect(await reason()).toBeUndefined();
  });

  test('lets who signs in right after all of a user were ended keep their session', async () => {
    const { nest, manager, status } = await open({ revokeBefore: true });
    const before = await signIn(nest, ADA);
    await manager.revokeBefore('ada');
    const between = await signIn(nest, ADA);
    expect([await status('/fresh/any', before.asHeader), await status('/fresh/any', between.asHeader)]).toEqual([401, 200]);
    await manager.revokeAll('ada');
    const after = await signIn(nest, ADA);
    expect([await status('/fresh/any', between.asHeader), await status('/fresh/any', after.asHeader)]).toEqual([401, 200]);
  });

  test('says who is the oldest of several sessions that began at once', async () => {
    const { nest, status } = await open({ maxSessionsPerUser: 2 });
    const all = [await signIn(nest, ADA), await signIn(nest, ADA), await signIn(nest, ADA)];
    const statuses = [];
    for (const { asHeader } of all) statuses.push(await status('/fresh/any', asHeader));
    expect(statuses).toEqual([401, 200, 200]);
  });

  test.each(['builtin', 'express-session'] as const)('is that of the cookie, with %s', async (middleware) => {
    const { app, sessions, nest } = await open({}, { middleware, cookie: { maxAge: 3_600_000 } });
    app.on('/cookie', ({ session }) => ({ maxAge: session.cookie.maxAge, expires: session.cookie.expires }));
    app.on('/write', ({ session }) => void (session['cart'] = ['tea']));
    const ada = await signIn(nest, ADA);
    expect(ada.forBrowser('http://localhost').expires).toBe(Date.parse('2030-01-01T01:00:01Z') / 1_000);
    await sessions.advance('20m');
    const shown = (await app.browser().get('/cookie', { ...ada.asHeader })).json;
    expect(shown).toEqual({ maxAge: 2_400_000, expires: '2030-01-01T01:00:00.001Z' });
    await sessions.advance('20m');
    const { setCookies } = await app.browser().get('/write', ada.asHeader);
    expect(setCookies[0]).toContain('Expires=Tue, 01 Jan 2030 01:40:00 GMT');
    expect(setCookies[0]).toContain('Max-Age=3600');
  });

  test('is that of the manager', async () => {
    const { sessions, nest, manager } = await open();
    const ada = await signIn(nest, ADA);
    await sessions.advance('20m');
    expect((await manager.list('ada')).sessions).toMatchObject([{ expiresAt: new Date('2030-01-01T00:30:00.001Z') }]);
    await sessions.advance('10m');
    expect(await manager.get('ada', ada.handle)).toBeUndefined();
    expect(await manager.count('ada')).toBe(0);
  });

  test('is also that of a request under way, whose guard asks again when time has passed', async () => {
    const held = new Barrier(1);

    @Controller('held')
    @UseGuards({ canActivate: () => held.pass().then(() => true) }, SessionGuard)
    class HeldController {
      @Get() any() {
        return 'any';
      }
    }

    const sessions = testSessions({ now: START });
    const app = await createScriptedApp({ store: sessions.store, controllers: [HeldController] });
    apps.push(app);
    const ada = await signIn(app.app, ADA);
    const waiting = app.browser().get('/held', ada.asHeader);
    await held.full;
    await sessions.advance('31m');
    held.open();
    expect(await waiting).toMatchObject({ status: 401 });
  });
});

describe('holdLoads()', () => {
  test('lets a request know nothing of what happens once it has read its session', async () => {
    const { app, nest, sessions } = await open();
    app.on('/write', ({ session }) => void (session['cart'] = ['tea']));
    const ada = await signIn(nest, ADA);
    const barrier = sessions.holdLoads();
    const reading = app.browser().get('/read', ada.asHeader);
    await barrier.full;
    await app.browser().post('/write', undefined, ada.asHeader);
    expect(await sessionBehind(nest, ada)).toMatchObject({ entries: { cart: ['tea'] } });
    barrier.open();
    expect((await reading).json).toEqual({ identity: ADA });
    expect((await app.browser().get('/read', ada.asHeader)).json).toEqual({ identity: ADA, cart: ['tea'] });
  });

  test('holds as many as it is told, and no request that comes after them', async () => {
    const { app, nest, sessions } = await open();
    app.on('/add/a', ({ session }) => void (session['a'] = 1));
    app.on('/add/b', ({ session }) => void (session['b'] = 1));
    const ada = await signIn(nest, ADA);
    const barrier = sessions.holdLoads(2);
    const writes = ['/add/a', '/add/b'].map((path) => app.browser().post(path, undefined, ada.asHeader));
    await barrier.full;
    expect((await app.browser().get('/read', ada.asHeader)).json).toEqual({ identity: ADA });
    barrier.open();
    await Promise.all(writes);
    expect(await sessionBehind(nest, ada)).toMatchObject({ entries: { a: 1, b: 1 } });
  });
});

describe('holdCommits()', () => {
  test('holds a change before it is stored, and the answer with it', async () => {
    const { app, nest, sessions, status } = await open();
    app.on('/write', ({ session }) => void (session['cart'] = ['tea']));
    const ada = await signIn(nest, ADA);
    const barrier = sessions.holdCommits();
    const writing = app.browser().post('/write', undefined, ada.asHeader);
    let isAnswered = false;
    void writing.then(() => (isAnswered = true));
    await barrier.full;
    expect((await sessionBehind(nest, ada))?.entries).toEqual({});
    expect(await status('/fresh/any', ada.asHeader)).toBe(200);
    expect(isAnswered).toBe(false);
    barrier.open();
    expect((await writing).status).toBe(200);
    expect(await sessionBehind(nest, ada)).toMatchObject({ entries: { cart: ['tea'] } });
  });

  test('lets a sign-out overtake a change: the session stays ended', async () => {
    const { app, nest, sessions, manager } = await open();
    app.on('/write', ({ session }) => void (session['cart'] = ['tea']));
    const ada = await signIn(nest, ADA);
    const barrier = sessions.holdCommits();
    const writing = app.browser().post('/write', undefined, ada.asHeader);
    await barrier.full;
    expect(await manager.revoke('ada', ada.handle)).toBe(true);
    barrier.open();
    await writing;
    expect(await sessionBehind(nest, ada)).toBeUndefined();
  });

  test('holds nothing that the test itself asks for', async () => {
    const { nest, sessions } = await open();
    const barriers = [sessions.holdLoads(), sessions.holdCommits()];
    const ada = await signIn(nest, ADA);
    expect(await sessionBehind(nest, ada)).toMatchObject({ identity: ADA });
    for (const barrier of barriers) barrier.open();
  });

  test.each(['holdLoads', 'holdCommits'] as const)('%s() that nobody has opened keeps no application from closing', async (hold) => {
    const { app, nest, sessions } = await open();
    app.on('/write', ({ session }) => void (session['cart'] = ['tea']));
    const ada = await signIn(nest, ADA);
    const barrier = sessions[hold]();
    const held = app.browser().post('/write', undefined, ada.asHeader);
    await barrier.full;
    await app.close();
    expect((await held).status).toBe(200);
  });

  test.each([[0], [-1], [1.5], [Infinity]])('cannot hold %j', (count) => {
    expect(() => testSessions().holdCommits(count)).toThrow('holdCommits() needs how many it is to hold, a positive integer.');
    expect(() => testSessions().holdLoads(count)).toThrow('holdLoads() needs how many it is to hold, a positive integer.');
  });
});
