import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

async function open(harness: Harness, options?: HarnessOptions) {
  const app = await harness.open(options);
  addRoutes(app);
  return app;
}

function addRoutes(app: ScriptedApp): void {
  app.on('/form', ({ session }) => session.csrfToken());
  app.on('/send', ({ session, request }) => session.verifyCsrfToken(request.body?.token));
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/regenerate', async ({ session, request }) => {
    await session.regenerate();
    Object.assign(request.session ?? {}, { fresh: true });
  });
  app.on('/fill', ({ session }) => void Object.assign(session, { cart: ['tea'] }));
}

const tokenOf = async (browser: Browser) => (await browser.get('/form')).text;
const accepts = async (browser: Browser, token: unknown) => (await browser.post('/send', { token })).text;

describe.each(variants)('the CSRF token, $name', (variant) => {
  const harness = useVariant(variant);

  test('is good in later requests of its session, and other on each call', async () => {
    const browser = (await open(harness)).browser();
    await browser.get('/login/ada');
    const tokens = [await tokenOf(browser), await tokenOf(browser), await tokenOf(browser)];
    expect(new Set(tokens).size).toBe(3);
    for (const token of tokens) {
      expect(token).toMatch(/^[\w-]{86}$/);
      expect(await accepts(browser, token)).toBe('true');
    }
  });

  test('is not good in another session', async () => {
    const app = await open(harness);
    const [ada, eve] = [app.browser(), app.browser()];
    await ada.get('/login/ada');
    await eve.get('/login/eve');
    expect(await accepts(eve, await tokenOf(ada))).toBe('false');
    expect(await accepts(app.browser(), await tokenOf(ada))).toBe('false');
  });

  test('of a visitor has the session stored, empty as it is, so that it is good when the form comes back', async () => {
    const app = await open(harness);
    const browser = app.browser();
    const answer = await browser.get('/form');
    expect(answer.setCookies).toHaveLength(1);
    expect(await harness.stored(app, await browser.sid())).toMatchObject({ entries: {} });
    expect(await accepts(browser, answer.text)).toBe('true');
  });

  test('of a session that is stored says nothing of its cookie', async () => {
    const browser = (await open(harness, { session: { cookie: { maxAge: 600_000 } } })).browser();
    expect((await browser.get('/form')).setCookies).toHaveLength(1);
    expect((await browser.get('/form')).setCookies).toEqual([]);
  });

  test('of a visitor is not good after the sign-in, nor is that of one user for the next', async () => {
    const browser = (await open(harness)).browser();
    const tokens = [await tokenOf(browser)];
    for (const user of ['ada', 'ada', 'bob']) {
      await browser.get(`/login/${user}`);
      for (const token of tokens) expect(await accepts(browser, token)).toBe('false');
      tokens.push(await tokenOf(browser));
      expect(await accepts(browser, tokens.at(-1))).toBe('true');
    }
  });

  test('is not good after regenerate and after logout', async () => {
    const browser = (await open(harness)).browser();
    await browser.get('/login/ada');
    const first = await tokenOf(browser);
    await browser.get('/regenerate');
    expect(await accepts(browser, first)).toBe('false');
    const second = await tokenOf(browser);
    await browser.get('/logout');
    expect(await accepts(browser, second)).toBe('false');
  });

  test('stays good after a rotation, for the secret before it too', async () => {
    const browser = (await open(harness)).browser();
    await browser.get('/login/ada');
    const [token, before] = [await tokenOf(browser), await browser.clone()];
    await browser.get('/rotate');
    expect(await browser.sid()).not.toBe(await before.sid());
    expect(await accepts(browser, token)).toBe('true');
    expect(await accepts(before, token)).toBe('true');
    expect(await accepts(browser, await tokenOf(browser))).toBe('true');
  });

  test('is that of the new session when the sign-in is in the same request', async () => {
    const app = await open(harness);
    app.on('/enter', async ({ session }) => {
      const before = session.csrfToken();
      await session.login({ id: 'ada' });
      return [before, session.csrfToken()];
    });
    const browser = app.browser();
    const [before, after] = (await browser.get('/enter')).json as string[];
    expect(await accepts(browser, before)).toBe('false');
    expect(await accepts(browser, after)).toBe('true');
  });

  test('is not good when it was tampered with, and what is no token is none', async () => {
    const browser = (await open(harness)).browser();
    await browser.get('/login/ada');
    const token = await tokenOf(browser);
    const bytes = Buffer.from(token, 'base64url');
    const flipped = [0, 31, 32, 63].map((at) => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy.toString('base64url');
    });
    const last = token.at(-1) === 'A' ? 'B' : 'A';
    const sid = (await browser.sid()) ?? '';
    const forged = [sid, sid.slice(0, 22)].map((text) =>
      Buffer.concat([Buffer.alloc(32), createHmac('sha256', TEST_SECRET).update(text).digest()]).toString('base64url'),
    );
    const others = [
      ...flipped,
      token.slice(0, -1),
      token.slice(0, -1) + last,
      `${token}A`,
      `${token}==`,
      ` ${token}`,
      token.slice(0, 43),
      token + token,
      Buffer.alloc(64).toString('base64url'),
      Buffer.alloc(32).toString('base64url'),
      ...forged,
      sid,
      '',
      null,
      undefined,
      0,
      true,
      [token],
      { token },
    ];
    for (const other of others) expect([other, await accepts(browser, other)]).toEqual([other, 'false']);
    expect(await accepts(browser, token)).toBe('true');
  });

  test("works with ids of one's own making, where a rotation makes a new session", async () => {
    let count = 0;
    const browser = (await open(harness, { session: { genid: () => `visitor-${++count}` } })).browser();
    await browser.get('/login/ada');
    const token = await tokenOf(browser);
    expect(await accepts(browser, token)).toBe('true');
    await browser.get('/rotate');
    expect(await accepts(browser, token)).toBe('false');
  });

  test('of a destroyed session is not given out, and none is good for it', async () => {
    const app = await open(harness);
    app.on('/end', async ({ session }) => {
      const token = session.csrfToken();
      await session.logout();
      const verified = session.verifyCsrfToken(token);
      try {
        return [verified, session.csrfToken()];
      } catch (error) {
        return [verified, (error as { code: string }).code];
      }
    });
    const browser = app.browser();
    await browser.get('/login/ada');
    expect((await browser.get('/end')).json).toEqual([false, 'SESSION_MISUSE']);
  });

  test('does not show up in the session, nor in the store', async () => {
    const app = await open(harness);
    const browser = app.browser();
    await browser.get('/fill');
    await tokenOf(browser);
    expect((await browser.get('/read')).json).toEqual({ cart: ['tea'] });
    expect(await harness.stored(app, await browser.sid())).toMatchObject({ entries: { cart: ['tea'] } });
  });
});

describe.each(redisVariants)('the CSRF token of applications that share a store, $name', (variant) => {
  const harness = useVariant(variant);

  test('is good with any secret in use, and no longer with one that is not', async () => {
    const withSecrets = (secret: string[]) => open(harness, { session: { secret } });
    const [old, both, fresh] = [
      await withSecrets(['old'.repeat(20)]),
      await withSecrets(['new'.repeat(20), 'old'.repeat(20)]),
      await withSecrets(['new'.repeat(20)]),
    ];
    const browser = old.browser();
    await browser.get('/login/ada');
    const token = await tokenOf(browser);
    expect(await accepts(browser.at(both.origin), token)).toBe('true');
    await browser.at(both.origin).get('/rotate');
    expect(await accepts(browser.at(fresh.origin), token)).toBe('false');
    expect(await accepts(browser.at(fresh.origin), await tokenOf(browser.at(both.origin)))).toBe('true');
  });
});
