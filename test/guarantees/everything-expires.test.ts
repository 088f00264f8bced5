import { describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { TEST_SECRET } from '../support/create-app.js';
import { KeysWithoutTtl } from '../support/keys-without-ttl.js';
import type { Browser } from '../support/browser.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant } from '../support/variants.js';

const TEA = 'tea of the visitor';

/** Adds handlers that do all that can be done to a session. */
function equip(app: ScriptedApp): void {
  app.on('/write', ({ session }) => void (session['cart'] = [TEA]));
  app.on('/save', async ({ session }) => {
    session['saved'] = TEA;
    await session.save();
  });
  app.on('/rotate', ({ session }) => session.rotate());
  app.on('/regenerate', async ({ session, request }) => {
    await session.regenerate();
    if (request.session) request.session['cart'] = [TEA];
  });
  app.on('/remember', ({ session }) => void (session.cookie.maxAge = 86_400_000));
  app.on('/misuse', ({ session }) => Object.assign(session, { handle: TEA }));
  app.on('/unstorable', async ({ session }) => {
    session['cart'] = [1n];
    await session.save();
  });
  app.on('/too-large', ({ session }) => void (session['cart'] = TEA.repeat(5_000)));
  app.on('/gone', async ({ session }) => {
    await app.sessions.destroy(session.id as never);
    await session.rotate();
  });
}

const PATHS = [
  '/write',
  '/save',
  '/login/ada',
  '/write',
  '/rotate',
  '/read',
  '/remember',
  '/misuse',
  '/unstorable',
  '/too-large',
  '/regenerate',
  '/login/ada',
  '/gone',
  '/login/ada',
  '/logout',
];

/** Takes a browser through all of it. Answers with what nobody but the two sides may know. */
async function journey(browser: Browser): Promise<{ secrets: string[]; bodies: string[] }> {
  const secrets = new Set<string>();
  const bodies: string[] = [];
  for (const path of PATHS) {
    const { text, headers } = await browser.post(path);
    bodies.push(text + inspect([...headers].filter(([name]) => name !== 'set-cookie')));
    const cookie = await browser.cookie('sid');
    const sid = await browser.sid();
    if (cookie === undefined || sid === undefined) continue;
    const raw = decodeURIComponent(cookie.value);
    for (const secret of [cookie.value, raw, sid, sid.slice(22), raw.slice(raw.lastIndexOf('.') + 1)]) secrets.add(secret);
  }
  return { secrets: [...secrets, TEST_SECRET], bodies };
}

describe.each(redisVariants)('everything expires (G5), $name', (variant) => {
  const harness = useVariant(variant);

  test('no key is ever seen without a TTL', async () => {
    const app = await harness.open({ store: { touchAfter: 0 } });
    equip(app);
    const watch = new KeysWithoutTtl(harness.client);
    await Promise.all(Array.from({ length: 4 }, () => journey(app.browser())));
    expect(await watch.stop()).toEqual([]);
    expect(watch.looks).toBeGreaterThan(20);
  });

  test('the TTL never exceeds what is left of the absolute timeout', async () => {
    const app = await harness.open({ store: { ttl: 100, absoluteTtl: 100, touchAfter: 0 } });
    equip(app);
    const browser = app.browser();
    await browser.post('/login/ada');
    const key = keyOf(app.store, (await browser.sid()) ?? '');
    const created = Number.parseInt((await harness.client.hget(key, '@meta'))?.split('|')[1] ?? '', 36);
    for (const path of ['/write', '/read', '/save', '/rotate']) {
      await browser.post(path);
      await app.sessions.drain();
      expect(await harness.client.pexpiretime(key)).toBeLessThanOrEqual(created + 100_000);
    }
  });
});
