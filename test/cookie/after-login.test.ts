import { describe, expect, test } from '@jest/globals';
import expressSession from 'express-session';
import type { SessionRecord } from '../../src/session/session-record.js';
import type { Sid } from '../../src/session/sid.js';
import type { Answer, Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { sidOf } from '../support/signed-cookie.js';
import { useVariant, variants, type HarnessOptions } from '../support/variants.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const CONFIGURED = ['Path=/', 'HttpOnly', 'SameSite=Lax'];
const PLANTED = {
  domain: '127.0.0.1',
  path: '/',
  sameSite: 'none',
  httpOnly: false,
  priority: 'high',
  partitioned: true,
  maxAge: 30 * DAY,
} as const;

/** The attributes of the only cookie that an answer sets, but for its age. */
function attributesOf({ setCookies }: Answer): string[] {
  expect(setCookies).toHaveLength(1);
  const [, ...attributes] = (setCookies[0] ?? '').split('; ');
  return attributes.filter((attribute) => !/^(Expires|Max-Age)=/.test(attribute));
}

const isPersistent = ({ setCookies }: Answer) => /; Expires=/.test(setCookies[0] ?? '');

describe.each(variants)('the cookie of a sign-in, $name', (variant) => {
  const harness = useVariant(variant);

  /** An application, and a visitor whose session has a cookie of its own. */
  async function planted(options: HarnessOptions = {}): Promise<{ app: ScriptedApp; browser: Browser }> {
    const app = await harness.open(options);
    const browser = app.browser();
    app.on('/plant', ({ session }) => {
      session['cart'] = 1;
      Object.assign(session.cookie, PLANTED);
    });
    app.on('/cookie', ({ session }) => session.cookie);
    const answer = await browser.get('/plant');
    expect(attributesOf(answer)).toContain('SameSite=None');
    expect((await browser.get('/cookie')).json).toMatchObject({ sameSite: 'none', httpOnly: false, originalMaxAge: 30 * DAY });
    return { app, browser };
  }

  test('has nothing of what the visitor had', async () => {
    const { browser } = await planted();
    const answer = await browser.post('/login/ada');
    expect([attributesOf(answer), isPersistent(answer)]).toEqual([CONFIGURED, false]);
    expect((await browser.get('/cookie')).json).toMatchObject({ sameSite: 'lax', httpOnly: true, originalMaxAge: null });
  });

  test.each<[string, object, string[], boolean]>([
    ['one attribute', { sameSite: 'strict' }, ['Path=/', 'HttpOnly', 'SameSite=Strict'], false],
    ['one as the visitor had it', { sameSite: 'none' }, ['Path=/', 'HttpOnly', 'SameSite=None'], false],
    ['its age as the visitor had it', { maxAge: 30 * DAY }, CONFIGURED, true],
    ['its expiry', { expires: new Date(Date.now() + DAY) }, CONFIGURED, true],
    ['several', { httpOnly: false, priority: 'low' }, ['Path=/', 'Priority=Low', 'SameSite=Lax'], false],
  ])('has what this very request has set: %s', async (_what, own, attributes, persistent) => {
    const { app, browser } = await planted();
    app.on('/own', async ({ session }) => {
      Object.assign(session.cookie, own);
      await session.login({ id: 'ada' });
    });
    const answer = await browser.get('/own');
    expect([attributesOf(answer), isPersistent(answer)]).toEqual([attributes, persistent]);
  });

  test('can be changed by who had it before the sign-in', async () => {
    const { app, browser } = await planted();
    app.on('/own', async ({ session }) => {
      const { cookie } = session;
      await session.login({ id: 'ada' });
      cookie.sameSite = 'strict';
    });
    expect(attributesOf(await browser.get('/own'))).toEqual(['Path=/', 'HttpOnly', 'SameSite=Strict']);
  });

  test('is as it was when the sign-in fails', async () => {
    const { app, browser } = await planted();
    app.on('/fail', async ({ session }) => {
      await session.login({} as never).catch(() => undefined);
      return session.cookie;
    });
    expect((await browser.get('/fail')).json).toMatchObject({ sameSite: 'none', httpOnly: false, originalMaxAge: 30 * DAY });
  });

  test('has nothing of that of a session that was regenerated, when it is assigned with the rest of it', async () => {
    const { app, browser } = await planted();
    app.on('/keep', async ({ session, request }) => {
      const before = { ...session };
      await session.regenerate();
      Object.assign(request.session!, before, { passport: 1 });
    });
    expect(attributesOf(await browser.get('/keep'))).toEqual(CONFIGURED);
  });
});

describe.each(variants)('a whole cookie that is assigned, $name', (variant) => {
  const harness = useVariant(variant);
  const BODY = {
    note: 'x',
    cookie: { ...PLANTED, maxAge: MINUTE, originalMaxAge: 5 * MINUTE, secure: true, serialize: 1, data: { domain: 'x' } },
  };

  test.each<[string, (session: AnySession) => unknown]>([
    ['and stored', () => undefined],
    ['and then somebody signs in', (session) => session.login({ id: 'ada' })],
  ])('as a plain object gives its age and nothing else, %s', async (_what, then) => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger });
    app.on('/assign', async ({ session, request }) => {
      Object.assign(session, request.body as object);
      await then(session);
    });
    app.on('/cookie', ({ session }) => session.cookie);
    const browser = app.browser();
    const answer = await browser.post('/assign', BODY);
    expect([attributesOf(answer), isPersistent(answer)]).toEqual([CONFIGURED, true]);
    expect((await browser.get('/cookie')).json).toMatchObject({ sameSite: 'lax', httpOnly: true, originalMaxAge: MINUTE });
    await browser.post('/assign', BODY);
    expect(logger.matching('req.session.cookie')).toEqual([expect.stringContaining('req.session.cookie.sameSite')]);
  });

  test.each<[string, object, number | null]>([
    ['maxAge', { maxAge: 2 * MINUTE }, 2 * MINUTE],
    ['no maxAge', { maxAge: null }, null],
    ['a date', { expires: new Date(Date.UTC(2099, 0)).toISOString() }, Date.UTC(2099, 0)],
    ['no date', { expires: null }, null],
    ['nothing', {}, 10 * MINUTE],
  ])('as a plain object may have %s', async (_what, cookie, expected) => {
    const app = await harness.open({ session: { cookie: { maxAge: 10 * MINUTE } } });
    app.on('/assign', ({ session, request }) => void Object.assign(session, request.body as object));
    app.on('/cookie', ({ session }) => session.cookie);
    const browser = app.browser();
    await browser.post('/assign', { note: 'x', cookie });
    const { originalMaxAge, expires } = (await browser.get('/cookie')).json;
    if (expected !== Date.UTC(2099, 0)) expect(originalMaxAge).toBe(expected);
    else expect(Math.abs(Date.parse(expires) - expected)).toBeLessThan(MINUTE);
  });

  test.each([{ maxAge: '60000' }, { maxAge: {} }, { expires: 'tomorrow' }, { expires: 1 }, { maxAge: 1e300 }])(
    'as a plain object with an age that is none is refused: %j',
    async (cookie) => {
      const logger = new CapturedLog();
      const app = await harness.open({ logger });
      app.on('/assign', ({ session, request }) => void Object.assign(session, request.body as object));
      const answer = await app.browser().post('/assign', { cookie });
      expect([answer.status, logger.matching('SESSION_MISUSE').length > 0]).toEqual([500, true]);
    },
  );

  test("of express-session's class is taken as it is", async () => {
    const app = await harness.open();
    const { Cookie } = expressSession as unknown as { Cookie: new (options: object) => AnySession['cookie'] };
    app.on('/assign', ({ session }) => void (session.cookie = new Cookie({ sameSite: 'strict', httpOnly: false, maxAge: HOUR })));
    app.on('/note', ({ session }) => void Object.assign(session, { note: 1 }));
    const browser = app.browser();
    app.on('/assign', async ({ session }) => {
      session.cookie = new Cookie({ sameSite: 'strict', httpOnly: false, maxAge: HOUR });
      await session.login({ id: 'ada' });
    });
    const answer = await browser.get('/assign');
    expect([attributesOf(answer), isPersistent(answer)]).toEqual([['Path=/', 'SameSite=Strict'], true]);
  });
});

describe.each(variants)('the default absolute timeout, $name', (variant) => {
  const harness = useVariant(variant);
  const EIGHT_HOURS = 8 * HOUR;

  async function lifetimeOf(app: ScriptedApp, { setCookies }: Answer): Promise<number> {
    const record = await app.sessions.load(sidOf(setCookies[0] ?? ''));
    const { absoluteEndsAt = Infinity, createdAt = Number.NaN } = record as SessionRecord;
    return absoluteEndsAt - createdAt;
  }

  const login = (session: AnySession) => session.login({ id: 'ada' });
  const long = (cookie: AnySession['cookie']) => void (cookie.maxAge = 30 * DAY);
  const cases: [string, (session: AnySession, request: { session?: AnySession | null | undefined }) => unknown, number][] = [
    ['login({ ttl })', (session) => session.login({ id: 'ada' }, { ttl: 30 * 86_400 }), 30 * DAY],
    ['login({ ttl, absoluteTtl })', (session) => session.login({ id: 'ada' }, { ttl: 86_400, absoluteTtl: 2 * 86_400 }), 2 * DAY],
    ['cookie.maxAge that a handler sets', (session) => ((session['cart'] = 1), long(session.cookie)), 30 * DAY],
    ['and then somebody signs in', (session) => (long(session.cookie), login(session)), 30 * DAY],
    [
      'after regenerate()',
      async (session, request) => (await session.regenerate(), (request.session!['user'] = 1), long(request.session!.cookie)),
      30 * DAY,
    ],
    ['at most by 400 days', (session) => ((session['cart'] = 1), void (session.cookie.maxAge = 3e12)), 400 * DAY],
    ['a plain object', (session) => void Object.assign(session, { cart: 1, cookie: { maxAge: 30 * DAY } }), EIGHT_HOURS],
    ['a plain object before login()', (session) => (Object.assign(session, { cookie: { maxAge: 30 * DAY } }), login(session)), EIGHT_HOURS],
    [
      'a plain object after a handler',
      (session) => (long(session.cookie), Object.assign(session, { cookie: { maxAge: 40 * DAY } }), login(session)),
      EIGHT_HOURS,
    ],
    [
      'a handler after a plain object',
      (session) => (Object.assign(session, { cookie: { maxAge: 40 * DAY } }), long(session.cookie), login(session)),
      30 * DAY,
    ],
    ['nothing', login, EIGHT_HOURS],
  ];

  test.each(cases)('goes as far as it is widened: %s', async (_what, begin, expected) => {
    const app = await harness.open();
    app.on('/begin', async ({ session, request }) => void (await begin(session, request as never)));
    expect(await lifetimeOf(app, await app.browser().get('/begin'))).toBe(expected);
  });

  test('is widened by cookie.expires that a handler sets', async () => {
    const app = await harness.open();
    app.on('/begin', ({ session }) => ((session.cookie.expires = new Date(Date.now() + 30 * DAY)), login(session)));
    expect(Math.round((await lifetimeOf(app, await app.browser().get('/begin'))) / MINUTE)).toBe((30 * DAY) / MINUTE);
  });

  test.each<[string, HarnessOptions['session'], HarnessOptions['store']]>([
    ['maxAge', { cookie: { maxAge: 500 * DAY } }, {}],
    ['ttl', {}, { ttl: 500 * 86_400 }],
    ['maxAge by a function', { cookie: () => ({ maxAge: 500 * DAY }) }, {}],
  ])('is widened by a configured %s, also where a plain object is assigned', async (_what, session, store) => {
    const app = await harness.open({ session, store });
    app.on('/assign', (context) => void Object.assign(context.session, { cart: 1, cookie: { maxAge: 900 * DAY } }));
    expect(await lifetimeOf(app, await app.browser().post('/login/ada'))).toBe(500 * DAY);
    expect(await lifetimeOf(app, await app.browser().get('/assign'))).toBe(500 * DAY);
  });

  test('is not widened by what the visitor had', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/visit', ({ session }) => ((session['cart'] = 1), long(session.cookie)));
    expect(await lifetimeOf(app, await browser.get('/visit'))).toBe(30 * DAY);
    expect(await lifetimeOf(app, await browser.post('/login/ada'))).toBe(EIGHT_HOURS);
  });

  test('is never moved afterwards', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/long', ({ session }) => long(session.cookie));
    await browser.get('/long');
    const { absoluteEndsAt = 0, createdAt = 0 } = (await app.sessions.load((await browser.sid()) as Sid))!;
    expect(absoluteEndsAt - createdAt).toBe(EIGHT_HOURS);
  });
});
