import { describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, Injectable, UseGuards, type ExecutionContext } from '@nestjs/common';
import { FreshLogin, Public, Roles, SessionGuard, SessionHttpException, type Identity } from '../../src/index.js';
import { recovered, UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { Barrier } from '../support/barrier.js';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { age, keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

const MINUTE = 60_000;
const SIGNED_OUT = { statusCode: 401, error: 'Unauthorized', message: 'Sign in first.', code: 'SESSION_REQUIRED' };
const NOT_FRESH = {
  statusCode: 401,
  error: 'Unauthorized',
  message: 'Sign in again to do this.',
  code: 'SESSION_LOGIN_NOT_FRESH',
  reason: 'login-not-fresh',
};
const WITHOUT_ROLE = { statusCode: 403, error: 'Forbidden', message: 'You may not do this.', code: 'SESSION_ROLE_MISSING' };

@FreshLogin(300)
@Controller('fresh')
@UseGuards(SessionGuard)
class FreshController {
  @Get() byClass() {
    return 'fresh';
  }
  @FreshLogin(86_400) @Get('long') byHandler() {
    return 'fresh';
  }
  @Public() @Get('open') open() {
    return 'open';
  }
}

@Public()
@Controller('lobby')
@UseGuards(SessionGuard)
class LobbyController {
  @Get() open() {
    return 'open';
  }
  @FreshLogin(300) @Get('fresh') fresh() {
    return 'fresh';
  }
  @Roles('admin') @Get('admin') admin() {
    return 'admin';
  }
}

@Roles('admin')
@Controller('roles')
@UseGuards(SessionGuard)
class RolesController {
  @Get() byClass() {
    return 'admin';
  }
  @Roles('editor', 'author') @Get('either') either() {
    return 'either';
  }
  @Roles('length', 'map', 'constructor', '__proto__', '0') @Get('inherited') inherited() {
    return 'inherited';
  }
  @Public() @Get('open') open() {
    return 'open';
  }
}

@Injectable()
class OwnGuard extends SessionGuard {
  protected override hasRole(identity: Identity & { level?: number }, context: ExecutionContext): boolean {
    return identity.level === 9 || super.hasRole(identity, context);
  }
  protected override async isFresh(context: ExecutionContext): Promise<boolean> {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return headers['x-code'] === '123456' || super.isFresh(context);
  }
  protected override authorize(identity: Identity & { banned?: boolean }): boolean {
    return identity.banned !== true;
  }
  protected override forbidden(): Error {
    return new SessionHttpException(403, 'Not for you.', 'NOT_FOR_YOU');
  }
  protected override notFresh(): Error {
    return new SessionHttpException(401, 'Your code, please.', 'CODE_NEEDED', { reason: 'code' });
  }
  protected override unauthorized(): Error {
    return new SessionHttpException(401, 'Who goes there?', 'WHO');
  }
}

@Controller('own')
@UseGuards(OwnGuard)
class OwnController {
  @Roles('admin') @FreshLogin(300) @Get() all() {
    return 'all';
  }
}

const controllers = [FreshController, LobbyController, RolesController, OwnController];

async function signedIn(harness: Harness, identity: object = { id: 'ada' }, options: HarnessOptions = {}) {
  const app = await harness.open({ controllers, ...options });
  app.on('/in', ({ session }) => session.login(identity as Identity));
  app.on('/reauthenticate', ({ session }) => session.reauthenticate());
  const browser = app.browser();
  await browser.post('/in');
  const older = async (ms: number) => age(harness.client, keyOf(app.store, (await browser.sid()) ?? ''), ms);
  return { app, browser, older, sid: (await browser.sid()) ?? '' };
}

describe.each(variants)('@Roles(), $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[unknown, number, number]>([
    [['admin'], 200, 403],
    [['user', 'admin'], 200, 403],
    [['author'], 403, 200],
    [['editor', 'author'], 403, 200],
    [[], 403, 403],
    [undefined, 403, 403],
    [null, 403, 403],
    ['admin', 403, 403],
    [{ admin: true }, 403, 403],
    [{ 0: 'admin', length: 1 }, 403, 403],
    [[['admin']], 403, 403],
    [['Admin', 'admin ', 'administrator'], 403, 403],
    [[null, 0, true], 403, 403],
  ])('roles %j: %d where "admin" is asked for, %d where "editor" or "author" is', async (roles, admin, either) => {
    const { browser } = await signedIn(harness, { id: 'ada', roles });
    const answers = [await browser.get('/roles'), await browser.get('/roles/either'), await browser.get('/roles/inherited')];
    expect(answers.map(({ status }) => status)).toEqual([admin, either, 403]);
    expect(answers[2]?.json).toEqual(WITHOUT_ROLE);
  });

  test('asks first who it is: 401 for nobody, and @Public() opens a handler', async () => {
    const app = await harness.open({ controllers });
    expect((await app.browser().get('/roles')).json).toEqual(SIGNED_OUT);
    expect((await app.browser().get('/roles/open')).text).toBe('open');
  });

  test('and @FreshLogin() close a handler of a class that is @Public()', async () => {
    const { app, browser } = await signedIn(harness);
    expect((await app.browser().get('/lobby')).text).toBe('open');
    for (const path of ['/lobby/fresh', '/lobby/admin']) expect((await app.browser().get(path)).json).toEqual(SIGNED_OUT);
    expect([(await browser.get('/lobby/fresh')).text, (await browser.get('/lobby/admin')).json]).toEqual(['fresh', WITHOUT_ROLE]);
  });
});

describe('@FreshLogin() with what is no time', () => {
  test.each([undefined, null, Number.NaN, 0, -1, Infinity, '300'])('%p is refused where it is written, and opens nothing', (seconds) => {
    expect(() => FreshLogin(seconds as number)).toThrow(/@FreshLogin\(\) needs a positive finite number of seconds/);
  });
});

describe.each(redisVariants)('@FreshLogin(), $name', (variant) => {
  const harness = useVariant(variant);

  test('answers 401 with a reason when the sign-in is older, until the user proves again who they are', async () => {
    const { app, browser, older } = await signedIn(harness);
    expect((await app.browser().get('/fresh')).json).toEqual(SIGNED_OUT);
    expect((await browser.get('/fresh')).text).toBe('fresh');
    await older(4 * MINUTE);
    expect((await browser.get('/fresh')).text).toBe('fresh');
    await older(2 * MINUTE);
    const answer = await browser.get('/fresh');
    expect([answer.status, answer.json, answer.setCookies]).toEqual([401, NOT_FRESH, []]);

    await browser.post('/reauthenticate');
    expect((await browser.get('/fresh')).text).toBe('fresh');
  });

  test('is not made fresh by use or by rotations', async () => {
    const { app, browser, older } = await signedIn(harness, { id: 'ada' }, { store: { touchAfter: 0 } });
    app.on('/use', async ({ session }) => {
      session['note'] = 1;
      await session.save();
      await session.rotate();
    });
    await older(6 * MINUTE);
    await browser.post('/use');
    await browser.get('/whoami');
    expect((await browser.get('/fresh')).json).toEqual(NOT_FRESH);
  });

  test('of a handler takes the place of that of its class, and @Public() needs no sign-in at all', async () => {
    const { app, browser, older } = await signedIn(harness, { id: 'ada' }, { store: { ttl: 120 * 60 } });
    await older(60 * MINUTE);
    expect([(await browser.get('/fresh')).status, (await browser.get('/fresh/long')).text]).toEqual([401, 'fresh']);
    expect([(await browser.get('/fresh/open')).text, (await app.browser().get('/fresh/open')).text]).toEqual(['open', 'open']);
  });

  test("goes by Redis' time, which a fresh process first asks for", async () => {
    const { browser, older } = await signedIn(harness);
    await older(4 * MINUTE);
    const fresh = async () => browser.at((await harness.open({ controllers })).origin);
    expect((await (await fresh()).get('/fresh')).text).toBe('fresh');
    await older(2 * MINUTE);
    expect((await (await fresh()).get('/fresh')).json).toEqual(NOT_FRESH);
  });

  test('in a process that was suspended since it learnt that time', async () => {
    const { now } = performance;
    // Seen from after the suspension, the monotonic clock was ahead of the one on the wall by an hour.
    const before = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + 60 * MINUTE);
    const { browser, older } = await signedIn(harness);
    expect((await browser.get('/fresh')).text).toBe('fresh');
    before.mockRestore();
    await older(6 * MINUTE);
    expect((await browser.get('/fresh')).json).toEqual(NOT_FRESH);
  });

  test('answers 503 when that cannot be learnt, and never lets pass', async () => {
    const { browser } = await signedIn(harness);
    const fresh = browser.at((await harness.open({ controllers })).origin);
    await harness.client.call('ACL', 'SETUSER', 'default', '-time');
    try {
      const answer = await fresh.get('/fresh');
      expect([answer.status, answer.json, answer.headers.get('retry-after')]).toEqual([503, UNAVAILABLE, '1']);
    } finally {
      await harness.client.call('ACL', 'SETUSER', 'default', '+time');
    }
  });

  test('and its other steps can be overridden', async () => {
    const { app, browser, older } = await signedIn(harness, { id: 'ada', roles: ['admin'] });
    const as = async (identity: object) => {
      app.on('/as', ({ session }) => session.login(identity as Identity));
      const other = app.browser();
      await other.post('/as');
      return other;
    };
    expect((await app.browser().get('/own')).json.code).toBe('WHO');
    expect((await browser.get('/own')).text).toBe('all');
    await older(6 * MINUTE);
    expect((await browser.get('/own')).json).toMatchObject({ statusCode: 401, code: 'CODE_NEEDED', reason: 'code' });
    expect((await browser.get('/own', { 'x-code': '123456' })).text).toBe('all');
    expect((await (await as({ id: 1 })).get('/own')).json).toMatchObject({ statusCode: 403, code: 'NOT_FOR_YOU' });
    expect((await (await as({ id: 2, level: 9 })).get('/own')).text).toBe('all');
    expect((await (await as({ id: 3, level: 9, banned: true })).get('/own')).status).toBe(403);
  });
});

describe.each(variants)('session.reauthenticate(), $name', (variant) => {
  const harness = useVariant(variant);
  const who = async (app: Awaited<ReturnType<typeof signedIn>>['app'], sid: string) =>
    (await app.browser().get('/whoami', { cookie: signedCookie(sid) })).json.identity;

  test('gives a new sid and keeps all else; the old one is dead at once', async () => {
    const { app, browser, sid } = await signedIn(harness);
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    app.on('/prove', async ({ session }) => {
      const before = Number(session.authenticatedAt);
      session['note'] = 'unsaved';
      const { handle, createdAt } = session;
      await session.reauthenticate();
      return [session.handle === handle, Number(session.createdAt) === Number(createdAt), Number(session.authenticatedAt) >= before];
    });
    await browser.post('/fill');
    const answer = await browser.post('/prove');
    expect([answer.json, answer.setCookies.length]).toEqual([[true, true, true], 1]);
    expect(await browser.sid()).not.toBe(sid);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, cart: ['tea'], note: 'unsaved' });
    expect(await who(app, sid)).toBeNull();
  });

  test('leaves no way back to a sid of an earlier rotation either', async () => {
    const { app, browser, sid } = await signedIn(harness);
    app.on('/rotate', ({ session }) => session.rotate());
    await browser.post('/rotate');
    expect(await who(app, sid)).toEqual({ id: 'ada' });
    await browser.post('/reauthenticate');
    expect(await who(app, sid)).toBeNull();
  });

  test('keeps what requests in parallel have changed before (G3), and lets none write after it with the secret that it has ended', async () => {
    const { app, browser } = await signedIn(harness);
    const barrier = new Barrier(2);
    app.on('/late', async ({ session }) => {
      void session['identity'];
      await barrier.pass();
      session['late'] = 1;
    });
    app.on('/prove', async ({ session }) => {
      session['mine'] = 1;
      await barrier.pass();
      await session.reauthenticate();
    });
    const other = await browser.clone();
    const answers = [other.post('/late'), browser.post('/prove')];
    await barrier.full;
    app.on('/early', ({ session }) => void (session['early'] = 1));
    await (await browser.clone()).post('/early');
    barrier.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, early: 1, mine: 1 });
  });

  test('of two at once one wins, and the other, whose secret that has ended, is 401 with no cookie', async () => {
    const { app, browser } = await signedIn(harness, { id: 'ada' }, { session: { rolling: true } });
    const barrier = new Barrier(2);
    app.on('/prove', async ({ session }) => {
      void session['identity'];
      await barrier.pass();
      await session.reauthenticate();
    });
    const answers = Promise.all([browser.post('/prove'), browser.post('/prove')]);
    await barrier.full;
    barrier.open();
    expect((await answers).map(({ status }) => status)).toEqual(expect.arrayContaining([200, 401]));
    expect((await answers).find(({ status }) => status === 401)?.json).toMatchObject({ code: 'SESSION_GONE' });
    expect((await answers).flatMap(({ setCookies }) => setCookies)).toHaveLength(1);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['a new visitor', () => undefined],
    ['a visitor with a cart', (session) => Object.assign(session, { cart: [] }).save()],
  ])('is refused for %s: nobody is signed in', async (_, before) => {
    const app = await harness.open();
    app.on('/prove', async ({ session }) => {
      await before(session);
      return { refused: await refusal(() => session.reauthenticate()), at: session.authenticatedAt ?? null };
    });
    const { json } = await app.browser().post('/prove');
    expect(json).toEqual({ refused: { code: 'SESSION_MISUSE', message: expect.stringContaining('Call session.login() first') }, at: null });
  });

  test('answers 401 SESSION_GONE when the session has ended meanwhile, and leaves the cookie alone', async () => {
    const { app, browser } = await signedIn(harness);
    app.on('/prove', async ({ session }) => {
      await harness.end(app, session.id);
      await session.reauthenticate();
    });
    const answer = await browser.post('/prove');
    expect([answer.status, answer.json.code, answer.setCookies]).toEqual([401, 'SESSION_GONE', []]);
  });

  test('moves a session whose sid is of a custom genid, with all it has, and its end', async () => {
    let count = 0;
    const { app, browser, sid } = await signedIn(harness, { id: 'ada' }, { session: { genid: () => `custom-${++count}` } });
    app.on('/prove', async ({ session }) => {
      session['note'] = 1;
      const before = Number(session.authenticatedAt);
      await session.reauthenticate();
      return Number(session.authenticatedAt) >= before;
    });
    expect((await browser.post('/prove')).text).toBe('true');
    expect(await browser.sid()).not.toBe(sid);
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' }, note: 1 });
    expect(await who(app, sid)).toBeNull();
  });
});

describe.each(redisVariants)('session.reauthenticate() while Redis is away, $name', (variant) => {
  const outages = useOutages(variant);

  test.each(blackouts.slice(0, 2))('answers 503 when it $name, and the session goes on as it was', async (outage) => {
    const { browser: patient, sid } = await signedIn(outages.harness);
    const app = await outages.open({ controllers });
    const browser = patient.at(app.origin);
    app.on('/prove', async ({ session }) => {
      void session['identity'];
      await outages.begin(outage);
      await session.reauthenticate();
    });
    const answer = await browser.post('/prove');
    expect([answer.status, answer.json, answer.setCookies]).toEqual([503, UNAVAILABLE, []]);
    await outages.end();
    // A command that waits in a stalled connection may still run; one to a closed one did not.
    if (outage === blackouts[0]) {
      await recovered(browser);
      expect((await browser.get('/fresh')).text).toBe('fresh');
      expect(await browser.sid()).toBe(sid);
    }
  });
});
