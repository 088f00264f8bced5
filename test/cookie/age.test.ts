import { describe, expect, test } from '@jest/globals';
import type { Cookie } from '../../src/http/cookie/cookie.js';
import type { Answer } from '../support/browser.js';
import type { AnySession } from '../support/scripted-app.js';
import { useVariant, variants, type HarnessOptions } from '../support/variants.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

function attribute({ setCookies }: Answer, name: string): string | undefined {
  expect(setCookies).toHaveLength(1);
  const attributes = (setCookies[0] ?? '').split('; ').filter((one) => one.startsWith(`${name}=`));
  expect(attributes.length).toBeLessThan(2);
  return attributes[0]?.slice(name.length + 1);
}

describe.each(variants)('the age in a Set-Cookie, $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[string, HarnessOptions, (session: AnySession) => unknown, number]>([
    ['configured', { session: { cookie: { maxAge: HOUR } } }, () => undefined, 3_600],
    ['configured as a fraction of a second', { session: { cookie: { maxAge: 1_500 } } }, () => undefined, 2],
    ['of a function', { session: { cookie: () => ({ maxAge: HOUR }) } }, () => undefined, 3_600],
    ['set by a handler', {}, (session) => void (session.cookie.maxAge = HOUR), 3_600],
    ['set as a date', {}, (session) => void (session.cookie.expires = new Date(Date.now() + HOUR)), 3_600],
    ['of a sign-in', {}, (session) => session.login({ id: 'ada' }, { ttl: 60 }), 60],
  ])('is told as Max-Age beside Expires, for clients whose clock is wrong: %s', async (_what, options, set, seconds) => {
    const app = await harness.open(options);
    app.on('/set', async ({ session }) => {
      session['note'] = 1;
      await set(session);
    });
    const asked = Date.now();
    const answer = await app.browser().get('/set');
    expect(attribute(answer, 'Max-Age')).toBe(String(seconds));
    // Whole seconds, both.
    const expires = Date.parse(attribute(answer, 'Expires') ?? '');
    expect(expires).toBeGreaterThan(asked + (seconds - 2) * SECOND);
    expect(expires).toBeLessThanOrEqual(Date.now() + seconds * SECOND);
  });

  test('is 0 where the cookie is dropped', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    const answer = await browser.post('/logout');
    expect([attribute(answer, 'Max-Age'), attribute(answer, 'Expires')]).toEqual(['0', 'Thu, 01 Jan 1970 00:00:00 GMT']);
  });

  test('is in neither where the cookie ends with the browser, nor in what a session shows of it', async () => {
    const app = await harness.open();
    const browser = app.browser();
    const answer = await browser.post('/login/ada');
    expect([attribute(answer, 'Max-Age'), attribute(answer, 'Expires')]).toEqual([undefined, undefined]);
    app.on('/cookie', ({ session }) => ({ json: session.cookie, spread: { ...(session.cookie as Cookie).data } }));
    const { json, spread } = (await browser.get('/cookie')).json;
    expect(json).toEqual(spread);
    expect(Object.keys(json)).not.toContain('maxAge');
  });
});

describe.each(variants)('a cookie whose age is changed for a session that is there, $name', (variant) => {
  const harness = useVariant(variant);

  async function remembered(options: HarnessOptions = {}) {
    const app = await harness.open({ session: { cookie: { maxAge: HOUR } }, ...options });
    const browser = app.browser();
    await browser.post('/login/ada');
    const idle = async () => {
      await app.sessions.drain();
      return (await app.sessions.load((await browser.sid()) as never))?.idle;
    };
    return { app, browser, idle };
  }

  test.each<[string, (session: AnySession) => unknown, number, string | undefined]>([
    ['longer', (session) => void (session.cookie.maxAge = 2 * HOUR), 2 * HOUR, '7200'],
    ['shorter', (session) => void (session.cookie.maxAge = MINUTE), MINUTE, '60'],
    ['with the browser', (session) => void (session.cookie.maxAge = null as never), 30 * MINUTE, undefined],
    ['with the browser, by expires', (session) => void (session.cookie.expires = false as never), 30 * MINUTE, undefined],
    ['by a plain object', (session) => void Object.assign(session, { cookie: { maxAge: MINUTE } }), MINUTE, '60'],
    ['and saved at once', (session) => ((session.cookie.maxAge = MINUTE), session.save()), MINUTE, '60'],
    ['with an entry', (session) => void ((session.cookie.maxAge = MINUTE), (session['note'] = 1)), MINUTE, '60'],
  ])('is told to the browser with the answer of that request, as the store is: %s', async (_what, change, ms, maxAge) => {
    const { app, browser, idle } = await remembered();
    app.on('/change', ({ session }) => change(session));
    const answer = await browser.get('/change');
    expect([await idle(), attribute(answer, 'Max-Age')]).toEqual([ms, maxAge]);
    // And once.
    expect((await browser.get('/whoami')).setCookies).toEqual([]);
    expect(await idle()).toBe(ms);
  });

  test('is told nothing by a request that sets it as it is', async () => {
    const { app, browser } = await remembered();
    app.on('/same', ({ session }) => void (session.cookie.maxAge = HOUR));
    expect((await browser.get('/same')).setCookies).toEqual([]);
  });

  test('is told other attributes at once too', async () => {
    const { app, browser } = await remembered();
    app.on('/strict', ({ session }) => void (session.cookie.sameSite = 'strict'));
    expect(attribute(await browser.get('/strict'), 'SameSite')).toBe('Strict');
  });
});
