import { describe, expect, test } from '@jest/globals';
import { commandsDuring, recordedDuring } from '../support/command-recorder.js';
import { startProxy } from '../support/start-proxy.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { age, keyOf } from '../support/stored-session.js';
import { signedCookie } from '../support/signed-cookie.js';
import { redisVariants, useVariant, type Harness, type HarnessOptions } from '../support/variants.js';
import { generateSid } from '../../src/session/sid.js';

const HOUR = 3_600_000;

/** What Redis was asked for because of `call`. An "eval" comes after an "evalsha" whose script the server has not seen yet. */
async function askedFor(harness: Harness, app: ScriptedApp, call: () => Promise<unknown>): Promise<string[]> {
  return (await commandsDuring(harness.redis, app.store, call)).filter((name) => name !== 'eval');
}

describe.each(redisVariants)('nothing for nothing (G4) and one round trip (G9), $name', (variant) => {
  const harness = useVariant(variant);

  async function signedIn(options?: HarnessOptions) {
    const app = await harness.open(options);
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = [{ sku: 'tea', options: { b: 1, a: 2 } }]));
    await browser.post('/login/ada');
    await browser.get('/fill');
    return { app, browser, key: keyOf(app.store, (await browser.sid()) ?? '') };
  }

  test('a visitor who writes nothing costs no command, no key and no cookie', async () => {
    const app = await harness.open({ session: { rolling: true, resave: true, cookie: { maxAge: HOUR } } });
    const setCookies: string[] = [];
    const commands = await askedFor(harness, app, async () => {
      for (const path of ['/plain', '/read', '/whoami', '/absent']) setCookies.push(...(await app.browser().get(path)).setCookies);
    });
    expect(commands).toEqual([]);
    expect(setCookies).toEqual([]);
    expect(await harness.client.dbsize()).toBe(0);
  });

  test('a request that only reads costs one HGETALL, and no cookie', async () => {
    const { app, browser } = await signedIn();
    app.on('/look', ({ session }) => ({ ...session, json: JSON.stringify(session), sku: session['cart'][0].sku }));
    for (const path of ['/plain', '/read', '/look']) {
      let setCookies: readonly string[] = [];
      const commands = await askedFor(harness, app, async () => ({ setCookies } = await browser.get(path)));
      expect([path, commands, setCookies]).toEqual([path, ['hgetall'], []]);
    }
  });

  test.each<[string, (session: AnySession) => unknown]>([
    ['the same value again', (session) => (session['cart'] = structuredClone(session['cart']))],
    ['its keys in another order', (session) => (session['cart'][0].options = { a: 2, b: 1 })],
    ['a change that is taken back', (session) => session['cart'].push(1) && session['cart'].pop()],
    ['an entry that comes and goes', (session) => Object.assign(session, { temporary: 1 }) && delete session['temporary']],
    ['undefined for what is not there', (session) => (session['absent'] = undefined)],
    ['a removal of what is not there', (session) => delete session['absent']],
    ['save without a change', (session) => session.save()],
  ])('%s writes nothing', async (_, change) => {
    const { app, browser } = await signedIn();
    app.on('/change', async ({ session }) => void (await change(session)));
    expect(await askedFor(harness, app, () => browser.get('/change'))).toEqual(['hgetall']);
  });

  test('a change writes its entry and no other', async () => {
    const { app, browser, key } = await signedIn();
    app.on('/change', ({ session }) => session['cart'].push('cup'));
    const commands = await recordedDuring(harness.redis, app.store, () => browser.get('/change'));
    const fields = commands.filter(({ name, source }) => source === 'lua' && name === 'hset').map(({ args }) => args);
    expect(fields.map(([at, field]) => [at, field])).toEqual([
      [key, '@meta'],
      [key, 'cart'],
    ]);
  });

  test('a touch is made once the session was not seen for touchAfter, and only once', async () => {
    const { app, browser, key } = await signedIn({ store: { touchAfter: 60 } });
    await age(harness.client, key, 50_000);
    expect(await askedFor(harness, app, () => browser.get('/plain'))).toEqual(['hgetall']);
    await age(harness.client, key, 11_000);
    await harness.client.pexpire(key, 600_000);

    expect(await askedFor(harness, app, () => browser.get('/plain'))).toEqual(['hgetall', 'evalsha', 'evalsha']);

    expect(await harness.client.pttl(key)).toBeGreaterThan(1_700_000);
    expect(await askedFor(harness, app, () => browser.get('/plain'))).toEqual(['hgetall']);
  });

  test('the cookie is sent again when the session is touched, and not in between', async () => {
    const { browser, key } = await signedIn({ session: { cookie: { maxAge: HOUR } } });
    expect((await browser.get('/plain')).setCookies).toEqual([]);
    await age(harness.client, key, 61_000);
    expect((await browser.get('/plain')).setCookies).toHaveLength(1);
    expect((await browser.get('/plain')).setCookies).toEqual([]);
  });

  test('resave: true sends the cookie with every request, as it touches the session', async () => {
    const { browser } = await signedIn({ session: { resave: true, cookie: { maxAge: HOUR } } });
    for (const path of ['/plain', '/read']) expect((await browser.get(path)).setCookies).toHaveLength(1);
  });

  test('rolling: false sends the cookie only when the session changed', async () => {
    const { app, browser, key } = await signedIn({ session: { rolling: false, cookie: { maxAge: HOUR } } });
    await age(harness.client, key, 61_000);
    expect((await browser.get('/plain')).setCookies).toEqual([]);
    app.on('/write', ({ session }) => void (session['note'] = 1));
    expect((await browser.get('/write')).setCookies).toHaveLength(1);
  });

  test('nobody waits for a touch', async () => {
    const proxy = await startProxy(harness.redis.port);
    try {
      const { app, browser, key } = await signedIn({ redis: { host: '127.0.0.1', port: proxy.port, commandTimeout: 30_000 } });
      await age(harness.client, key, 61_000);
      app.on('/stall', () => proxy.stall());
      const before = await harness.client.hget(key, '@meta');

      expect((await browser.get('/stall')).status).toBe(200);

      expect(await harness.client.hget(key, '@meta')).toBe(before);
      await proxy.heal();
      await app.sessions.drain();
      expect(await harness.client.hget(key, '@meta')).not.toBe(before);
    } finally {
      await proxy.stop();
    }
  });

  test('cookies that are not ours cost no command', async () => {
    const app = await harness.open();
    const sid = generateSid();
    const headers = [
      'sid=',
      'sid=abc',
      `sid=${sid}`,
      `sid=s%3A${sid}`,
      `sid=s%3A${sid}.`,
      signedCookie(sid, { secret: 'another' }),
      signedCookie(sid, { name: 'other' }),
    ];
    const commands = await askedFor(harness, app, () => Promise.all(headers.map((cookie) => app.browser().get('/read', { cookie }))));
    expect(commands).toEqual([]);
  });

  test('200 parallel reads of one session write nothing', async () => {
    const { app, browser } = await signedIn();
    const commands = await askedFor(harness, app, () => Promise.all(Array.from({ length: 200 }, () => browser.get('/read'))));
    expect(new Set(commands)).toEqual(new Set(['hgetall']));
    expect(commands.length).toBeLessThanOrEqual(200);
  });
});
