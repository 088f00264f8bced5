import { describe, expect, test } from '@jest/globals';
import type { AnySession } from '../support/scripted-app.js';
import { until } from '../support/until.js';
import { useVariant, variants } from '../support/variants.js';

describe.each(variants)('the lifetime that a session chooses for itself, $name', (variant) => {
  const harness = useVariant(variant);
  const DAY = 86_400_000;

  async function remembered(set: (session: AnySession) => unknown, options?: Parameters<typeof harness.open>[0]) {
    const app = await harness.open(options);
    const browser = app.browser();
    app.on('/remember', ({ session }) => {
      session['note'] = 1;
      set(session);
    });
    const answer = await browser.get('/remember');
    return { app, browser, answer, ttl: async () => (await harness.stored(app, await browser.sid()))?.ttl ?? -1 };
  }

  test('cookie.maxAge set for one session wins over store.ttl, and stays', async () => {
    const { app, browser, answer, ttl } = await remembered((session) => (session.cookie.maxAge = 3 * DAY));
    expect(answer.setCookies[0]).toContain('Expires=');
    expect(await ttl()).toBeGreaterThan(3 * DAY - 60_000);

    app.on('/write', ({ session }) => void (session['note'] = 2));
    await browser.get('/write');
    app.on('/age', ({ session }) => ({ maxAge: session.cookie.maxAge, original: session.cookie.originalMaxAge }));
    const { maxAge, original } = (await browser.get('/age')).json;
    expect(await ttl()).toBeGreaterThan(3 * DAY - 60_000);
    // express-session's Cookie works out the original from the clock, which may have gone on by a millisecond.
    for (const value of [original, maxAge]) {
      expect(value).toBeGreaterThan(3 * DAY - 60_000);
      expect(value).toBeLessThanOrEqual(3 * DAY);
    }
  });

  test('cookie.maxAge set for a session that is there already counts at once', async () => {
    const { app, browser, ttl } = await remembered(() => undefined);
    for (const maxAge of [7_200_000, 60_000]) {
      app.on('/change', ({ session }) => void (session.cookie.maxAge = maxAge));
      await browser.get('/change');
      await app.sessions.drain();
      expect(await ttl()).toBeGreaterThan(maxAge - 60_000);
      expect(await ttl()).toBeLessThanOrEqual(maxAge);
    }
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['expires = false', (session) => (session.cookie.expires = false as never)],
    ['maxAge = null', (session) => (session.cookie.maxAge = null as never)],
  ])('cookie.%s makes it a cookie of the browser session, and store.ttl counts', async (_, set) => {
    const { browser, answer, ttl } = await remembered(set, { session: { cookie: { maxAge: DAY } }, store: { ttl: 600 } });
    expect(answer.setCookies[0]).not.toContain('Expires=');
    expect(await ttl()).toBeGreaterThan(540_000);
    expect(await ttl()).toBeLessThanOrEqual(600_000);
    expect((await browser.get('/read')).json).toEqual({ note: 1 });
  });

  test('cookie.expires = false for a session that is there already reaches the browser with each change, and stays', async () => {
    const { app, browser, ttl } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } }, store: { ttl: 600 } });
    app.on('/forget', ({ session }) => Object.assign(session.cookie, { expires: false, httpOnly: false }));
    app.on('/write', ({ session }) => void (session['note'] = Number(session['note']) + 1));
    await browser.get('/forget');
    for (let note = 2; note < 4; note++) {
      const { setCookies } = await browser.get('/write');
      expect(setCookies).toEqual([expect.stringMatching(/^sid=s%3A[^;]+; Path=\/; SameSite=Lax$/)]);
      expect((await browser.get('/read')).json).toEqual({ note });
      expect(await ttl()).toBeLessThanOrEqual(600_000);
    }
  });

  test('cookie.maxAge tells what is left of it, originalMaxAge all of it', async () => {
    const { app, browser } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } } });
    app.on('/age', ({ session }) => ({ left: session.cookie.maxAge, original: session.cookie.originalMaxAge }));
    await until(async () => {
      const { left, original } = (await browser.get('/age')).json;
      expect(original).toBe(DAY);
      return left < DAY - 20;
    }, 'the cookie is older');
  });

  test('touch moves the expiry of the cookie to originalMaxAge from now', async () => {
    const { app, browser } = await remembered(() => undefined, { session: { cookie: { maxAge: DAY } } });
    app.on('/touch', ({ session }) => {
      session.cookie.expires = new Date(Date.now() + 5_000);
      session.cookie.originalMaxAge = DAY;
      return { same: session.touch() === session, left: session.cookie.maxAge };
    });
    const { same, left } = (await browser.get('/touch')).json;
    expect([same, left > DAY - 5_000]).toEqual([true, true]);
  });

  test('other attributes set for one session are sent and stay', async () => {
    const { app, browser, answer } = await remembered((session) =>
      Object.assign(session.cookie, { sameSite: 'strict', path: '/', httpOnly: false }),
    );
    expect(answer.setCookies[0]).toMatch(/SameSite=Strict/);
    expect(answer.setCookies[0]).not.toContain('HttpOnly');
    app.on('/cookie', ({ session }) => session.cookie);
    expect((await browser.get('/cookie')).json).toMatchObject({ sameSite: 'strict', httpOnly: false });
  });

  test('a remembered session is sent its cookie again when a touch is due', async () => {
    const { browser } = await remembered((session) => (session.cookie.maxAge = DAY), { store: { touchAfter: 0 } });
    const { setCookies } = await browser.get('/plain');
    expect(setCookies).toHaveLength(1);
    expect(setCookies[0]).toContain('Expires=');
  });
});
