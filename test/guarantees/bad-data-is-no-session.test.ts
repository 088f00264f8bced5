import { describe, expect, test } from '@jest/globals';
import { CapturedLog } from '../support/captured-log.js';
import { keyOf, sessionKeys } from '../support/stored-session.js';
import { redisVariants, useVariant } from '../support/variants.js';

describe.each(redisVariants)('bad data is no session (G8), $name', (variant) => {
  const harness = useVariant(variant);

  async function spoilt(spoil: (key: string) => Promise<unknown>) {
    const logger = new CapturedLog();
    const app = await harness.open({ logger });
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, { cart: ['tea'], note: 1 }));
    await browser.post('/login/ada');
    await browser.get('/fill');
    const sid = (await browser.sid()) ?? '';
    await spoil(keyOf(app.store, sid));
    return { app, browser, logger, handle: sid.slice(0, 22) };
  }

  const redis = () => harness.client;
  test.each<[string, (key: string) => Promise<unknown>]>([
    ['a string', (key) => redis().set(key, '{"identity":{"id":"ada"}}')],
    ['a list', async (key) => redis().multi().del(key).rpush(key, 'identity').exec()],
    ['a hash without metadata', (key) => redis().hdel(key, '@meta')],
    ['metadata of another version', (key) => redis().hset(key, '@meta', '2|1|0||1aao||hash||||')],
    ['metadata that is nonsense', (key) => redis().hset(key, '@meta', 'NaN|x')],
    ['empty metadata', (key) => redis().hset(key, '@meta', '')],
    [
      'the secret hash of another session',
      async (key) => redis().hset(key, '@meta', ((await redis().hget(key, '@meta')) ?? '').replace(/\|[\w-]{22}\|/, `|${'A'.repeat(22)}|`)),
    ],
  ])('%s is treated as absent, told once, and gone after the next sign-in', async (what, spoil) => {
    const { browser, logger, handle, app } = await spoilt(spoil);
    for (let i = 0; i < 3; i++) {
      const answer = await browser.get('/whoami');
      expect([answer.status, answer.json]).toEqual([200, { identity: null }]);
    }
    const isForeign = !what.startsWith('the secret');
    expect(logger.matching(handle)).toHaveLength(isForeign ? 1 : 0);
    expect(app.sessions.events.count(isForeign ? 'rejected' : 'reused')).toBeGreaterThanOrEqual(3);
    await browser.post('/login/ada');
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test('an entry that is no JSON is absent, told once, left as it is, and mended when it is written', async () => {
    const { app, browser, logger, handle } = await spoilt((key) => redis().hset(key, 'cart', '{"half'));
    app.on('/cart', ({ session }) => ({ cart: session['cart'] ?? null, note: session['note'] }));
    for (let i = 0; i < 3; i++) expect((await browser.get('/cart')).json).toEqual({ cart: null, note: 1 });
    expect(logger.matching(handle)).toHaveLength(1);
    expect(await redis().hget(keyOf(app.store, (await browser.sid()) ?? ''), 'cart')).toBe('{"half');
    await browser.get('/fill');
    expect((await browser.get('/cart')).json).toEqual({ cart: ['tea'], note: 1 });
  });

  test('odd fields do no harm', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const { app, browser } = await spoilt((key) =>
      redis().hset(key, {
        ['__proto__']: '{"admin":true}',
        '@unknown': '1',
        '@cookie': '{"maxAge":',
        constructor: '{"prototype":{"admin":true}}',
        deep,
        '': '1',
      }),
    );
    app.on('/merge', ({ session }) => {
      const copy = Object.assign({}, session) as Record<string, unknown>;
      return {
        admin: copy['admin'] ?? null,
        own: ({} as Record<string, unknown>)['admin'] ?? null,
        isDeep: Array.isArray(session['deep']),
      };
    });
    app.on('/write', ({ session }) => void (session['note'] = 2));
    expect((await browser.get('/merge')).json).toEqual({ admin: null, own: null, isDeep: true });
    expect((await browser.get('/write')).status).toBe(200);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expect(await redis().hget(keyOf(app.store, (await browser.sid()) ?? ''), 'deep')).toBe(deep);
  });

  test.each([
    '{"originalMaxAge":"soon"}',
    '{"originalMaxAge":-1}',
    '{"expires":"never","path":7,"sameSite":"odd","domain":{}}',
    '[]',
    'null',
    '7',
    '{"originalMaxAge":1e999}',
  ])('the cookie attributes %s do not fail a request', async (attributes) => {
    const { app, browser } = await spoilt((key) => redis().hset(key, '@cookie', attributes));
    app.on('/write', ({ session }) => void (session['note'] = 2));
    for (const path of ['/whoami', '/write', '/fill', '/whoami']) expect([path, (await browser.get(path)).status]).toEqual([path, 200]);
    const [key = ''] = await sessionKeys(redis());
    expect(await redis().pttl(key)).not.toBe(-1);
  });
});
