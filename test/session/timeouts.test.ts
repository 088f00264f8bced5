import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { LoginOptions } from '../../src/index.js';
import { refusal } from '../support/refusal.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { age, endSoon, keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
/** Between a write and the look at what it has left. */
const SLACK = 50 * SECOND;

/** A browser that has signed in as the options say, and what its session and its cookie have left. */
async function signedIn(harness: Harness, login: LoginOptions = {}, options: HarnessOptions = {}) {
  const app = await harness.open(options);
  const browser = app.browser();
  equip(app);
  app.on('/in', ({ session }) => session.login({ id: 'ada' }, login));
  const answer = await browser.post('/in');
  const ttl = async () => {
    await app.sessions.drain();
    return (await harness.stored(app, await browser.sid()))?.ttl ?? -1;
  };
  const cookieTtl = async () => (await browser.cookie('sid'))?.TTL();
  return { app, browser, answer, ttl, cookieTtl };
}

function equip(app: ScriptedApp): void {
  app.on('/write', ({ session }) => void (session['count'] = Number(session['count'] ?? 0) + 1));
  app.on('/save', ({ session }) => Object.assign(session, { saved: true }).save());
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/reauthenticate', ({ session }) => session.reauthenticate());
  app.on('/ends', ({ session }) => ({ expiresAt: Number(session.expiresAt), createdAt: Number(session.createdAt) }));
}

function expectAbout(actual: number | undefined, expected: number): void {
  expect(actual).toBeGreaterThan(expected - SLACK);
  expect(actual).toBeLessThanOrEqual(expected);
}

describe.each(variants)('login with a lifetime of its own, $name', (variant) => {
  const harness = useVariant(variant);

  test('ttl is the idle timeout of the session and of its cookie, whatever comes later', async () => {
    const { browser, ttl, cookieTtl } = await signedIn(harness, { ttl: 30 * 86_400 }, { store: { touchAfter: 0 } });
    expectAbout(await ttl(), 30 * DAY);
    expectAbout(await cookieTtl(), 30 * DAY);
    for (const path of ['/whoami', '/write', '/save', '/rotate', '/reauthenticate', '/write']) {
      await browser.post(path);
      expectAbout(await ttl(), 30 * DAY);
      expectAbout(await cookieTtl(), 30 * DAY);
    }
  });

  test('without ttl the cookie ends with the browser, and store.ttl counts', async () => {
    const { answer, ttl } = await signedIn(harness, {}, { store: { ttl: 600 } });
    expect(answer.setCookies[0]).not.toContain('Expires=');
    expectAbout(await ttl(), 600 * SECOND);
  });

  test.each<[string, LoginOptions, number | false | undefined, number]>([
    ['a defaulted absolute timeout yields to a longer ttl', { ttl: 10 * 86_400 }, undefined, 10 * DAY],
    ['a configured absolute timeout does not', { ttl: 10 * 86_400 }, 7_200, 2 * HOUR],
    ['its own absolute timeout wins over the configured one', { ttl: 10 * 86_400, absoluteTtl: 5 * 86_400 }, 7_200, 5 * DAY],
    ['its own absolute timeout may be shorter', { absoluteTtl: 60 }, undefined, 60 * SECOND],
    ['absoluteTtl: false leaves the idle timeout alone', { ttl: 10 * 86_400, absoluteTtl: false }, 7_200, 10 * DAY],
  ])('%s', async (_, login, absoluteTtl, expected) => {
    const { browser, ttl } = await signedIn(harness, login, { store: { absoluteTtl, touchAfter: 0 } });
    expectAbout(await ttl(), expected);
    for (const path of ['/write', '/rotate', '/whoami']) {
      await browser.post(path);
      expectAbout(await ttl(), expected);
    }
  });

  test.each(
    ['ttl', 'absoluteTtl'].flatMap((name) =>
      [0, -1, Number.NaN, Infinity, '600', null, true, [600]].map((value) => [name, value] as const),
    ),
  )('%s: %p is refused, and changes nothing', async (name, value) => {
    const { app, browser } = await signedIn(harness, { ttl: 7_200 });
    const sid = await browser.sid();
    app.on('/again', async ({ session }) => ({
      refused: await refusal(() => session.login({ id: 'grace' }, { keep: true, [name]: value })),
      who: session['identity'],
      maxAge: session.cookie.originalMaxAge,
    }));
    const answer = await browser.post('/again');
    expect(answer.json).toEqual({
      refused: { code: 'SESSION_MISUSE', message: expect.stringContaining(`seconds for "${name}"`) },
      who: { id: 'ada' },
      maxAge: 2 * HOUR,
    });
    expect([answer.setCookies, await browser.sid()]).toEqual([[], sid]);
    expect((await harness.stored(app, sid))?.entries).toEqual({ identity: { id: 'ada' } });
  });

  test('a ttl beyond all measure is as long as can be', async () => {
    const { browser, answer } = await signedIn(harness, { ttl: 1e300, absoluteTtl: 1e300 }, { store: { touchAfter: 0 } });
    expect(answer.status).toBe(200);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expect((await browser.get('/write')).setCookies[0]).toMatch(/Expires=\w+, \d\d \w+ 21\d\d /);
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['refused', (session) => session.login({} as never, { ttl: 60 })],
    ['one that cannot be stored', (session) => session.login({ id: 'ada', balance: 1n } as never, { ttl: 60 })],
    [
      'one whose session has ended',
      async (session) => {
        await session.save();
        return session.login({ id: 'ada' }, { ttl: 60 });
      },
    ],
  ])('a login that fails, %s, leaves the cookie as it was', async (what, login) => {
    const { app, browser, ttl } = await signedIn(harness, { ttl: 7_200 });
    app.on('/again', async ({ session }) => {
      if (what.endsWith('ended')) await harness.end(app, session.id);
      return { refused: await refusal(() => login(session)), maxAge: session.cookie.originalMaxAge };
    });
    const answer = await browser.post('/again');
    expect(answer.json).toMatchObject({ refused: { code: expect.any(String) }, maxAge: 2 * HOUR });
    expect(answer.setCookies).toEqual([]);
    if (!what.endsWith('ended')) expectAbout(await ttl(), 2 * HOUR);
  });

  test('session.cookie.maxAge lowers and raises it later, and nobody is signed out', async () => {
    const { app, browser, ttl, cookieTtl } = await signedIn(harness, { ttl: 7_200 });
    for (const maxAge of [60 * SECOND, 20 * HOUR, 5 * HOUR]) {
      app.on('/change', ({ session }) => void (session.cookie.maxAge = maxAge));
      await browser.post('/change');
      await browser.post('/write');
      // What the session ends by at the latest was fixed when it began.
      expectAbout(await ttl(), Math.min(maxAge, 8 * HOUR));
      expectAbout(await cookieTtl(), maxAge);
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    }
  });

  test.each(['ada', 'grace'])('signing in again, as %s, does not keep it, and may choose another', async (user) => {
    const { app, browser, ttl } = await signedIn(harness, { ttl: 30 * 86_400 });
    const answer = await browser.post(`/login/${user}`);
    expect(answer.setCookies[0]).not.toContain('Expires=');
    expectAbout(await ttl(), 1_800 * SECOND);

    app.on('/chosen', async ({ session }) => {
      session.cookie.maxAge = HOUR;
      await session.login({ id: 'edsger' });
    });
    await browser.post('/chosen');
    expectAbout(await ttl(), HOUR);
  });
});

describe.each(redisVariants)('timeouts in Redis, $name', (variant) => {
  const harness = useVariant(variant);
  afterEach(() => void jest.restoreAllMocks());

  const keyOfBrowser = async ({ app, browser }: Awaited<ReturnType<typeof signedIn>>) => keyOf(app.store, (await browser.sid()) ?? '');

  test('a ttl of the session is what the key has left, in the first answer and after every change', async () => {
    const session = await signedIn(harness, { ttl: 7_200 }, { store: { touchAfter: 0, absoluteTtl: false } });
    const key = await keyOfBrowser(session);
    for (const path of ['/whoami', '/write', '/rotate', '/reauthenticate']) {
      expectAbout(await harness.client.pttl(key), 2 * HOUR);
      await harness.client.pexpire(key, HOUR);
      await session.browser.post(path);
      await session.app.sessions.drain();
      // A new secret is not a sign of life; a touch by the same request is.
      expect(await harness.client.pttl(key)).toBeGreaterThan(2 * HOUR - SLACK);
    }
  });

  test.each([
    ['shorter', 600],
    ['longer', 7_200],
  ])('a %s store.ttl counts from the next touch on, and signs nobody out', async (_, changed) => {
    const session = await signedIn(harness, {}, { store: { ttl: 1_200, absoluteTtl: 28_800 } });
    const key = await keyOfBrowser(session);
    const next = await harness.open({ store: { ttl: changed, absoluteTtl: 28_800, touchAfter: 0 } });
    expectAbout(await harness.client.pttl(key), 1_200 * SECOND);

    expect((await session.browser.at(next.origin).get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    await next.store.drain();
    expectAbout(await harness.client.pttl(key), changed * SECOND);
  });

  test.each<[string, number | false]>([
    ['longer', 50_000],
    ['none', false],
  ])('another store.absoluteTtl (%s) moves the end of no session that is there', async (_, absoluteTtl) => {
    const session = await signedIn(harness, {}, { store: { ttl: 2_000, absoluteTtl: 2_000 } });
    const key = await keyOfBrowser(session);
    const next = await harness.open({ store: { ttl: 2_000, absoluteTtl, touchAfter: 0 } });
    equip(next);
    const browser = session.browser.at(next.origin);
    const { createdAt } = (await browser.get('/ends')).json;
    for (const path of ['/whoami', '/write', '/rotate', '/reauthenticate', '/save']) {
      await browser.post(path);
      await next.store.drain();
      expect(await harness.client.pexpiretime(key)).toBe(createdAt + 2_000 * SECOND);
    }
  });

  test('constant traffic ends at the absolute limit, to the millisecond, whatever the requests do', async () => {
    const session = await signedIn(harness, {}, { store: { ttl: 1_000, absoluteTtl: 1_000, touchAfter: 0 } });
    const { app, browser } = session;
    const key = await keyOfBrowser(session);
    const { createdAt } = (await browser.get('/ends')).json;
    const traffic = async () => {
      for (const path of ['/write', '/whoami', '/save']) await browser.post(path);
      await app.sessions.drain();
      return harness.client.pexpiretime(key);
    };
    expect(await traffic()).toBe(createdAt + 1_000 * SECOND);

    const end = await endSoon(harness.client, key, 500);
    await until(async () => {
      const at = await traffic();
      if (at > 0) expect(at).toBe(end);
      return at < 0;
    }, 'the session has ended');
    const [seconds = 0, microseconds = 0] = await harness.client.time();
    expect(seconds * 1_000 + microseconds / 1_000).toBeGreaterThanOrEqual(end);
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
    await app.sessions.drain();
    expect(await harness.client.exists(key)).toBe(0);
  });

  test('a request that is under way at the absolute end stores nothing any more', async () => {
    const session = await signedIn(harness, {}, { store: { ttl: 600, absoluteTtl: 600 } });
    const key = await keyOfBrowser(session);
    session.app.on('/late', async ({ session: late }) => {
      void late['identity'];
      // What ends it is that Redis deletes the key, which need not be waited for.
      await harness.client.pexpire(key, 1);
      await until(async () => (await harness.client.exists(key)) === 0, 'the session has ended');
      late['note'] = 'late';
    });
    expect((await session.browser.post('/late')).setCookies).toEqual([]);
    expect(await harness.client.exists(key)).toBe(0);
  });

  test.each([-10, 10])('an application clock that is %d minutes off changes nothing', async (minutes) => {
    const real = Date.now.bind(Date);
    // The browser of this test has the same clock, so the cookie must live for longer than that is off.
    jest.spyOn(Date, 'now').mockImplementation(() => real() + minutes * 60 * SECOND);
    const session = await signedIn(
      harness,
      { ttl: 1_200, absoluteTtl: 2_400 },
      { store: { touchAfter: 120, rotationGrace: 60, rotateAfter: 240 } },
    );
    const { app, browser, cookieTtl } = session;
    const key = await keyOfBrowser(session);

    expectAbout(await harness.client.pttl(key), 1_200 * SECOND);
    expectAbout(await cookieTtl(), 1_200 * SECOND);
    const { createdAt, expiresAt } = (await browser.get('/ends')).json;
    expect(Math.abs(createdAt - real())).toBeLessThan(SLACK);
    expect(expiresAt - createdAt).toBe(1_200 * SECOND);

    // No touch is due, and none is made.
    await harness.client.pexpire(key, 60 * SECOND);
    expect((await browser.get('/whoami')).setCookies).toEqual([]);
    await app.sessions.drain();
    expectAbout(await harness.client.pttl(key), 60 * SECOND);

    // Nor is a new secret due, until its time has come.
    const before = await browser.clone();
    await age(harness.client, key, 250 * SECOND);
    expect((await browser.get('/whoami')).setCookies).toHaveLength(1);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    await app.sessions.drain();
    expect((await before.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expectAbout(await harness.client.pttl(key), 1_200 * SECOND);
  });

  test('an application clock that jumps while sessions are in use ends none, and prolongs none', async () => {
    const session = await signedIn(harness, {}, { store: { ttl: 300, absoluteTtl: 400, touchAfter: 0 } });
    const key = await keyOfBrowser(session);
    const end = (await session.browser.get('/ends')).json.createdAt + 400 * SECOND;
    const real = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now');
    for (const minutes of [10, -10, 600, -600]) {
      clock.mockImplementation(() => real() + minutes * 60 * SECOND);
      await session.browser.post('/write');
      await session.app.sessions.drain();
      expect((await session.browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
      expect(await harness.client.pexpiretime(key)).toBeLessThanOrEqual(end);
      expectAbout(await harness.client.pttl(key), 300 * SECOND);
    }
  });
});
