import { afterEach, describe, expect, test } from '@jest/globals';
import { Catch, type ArgumentsHost } from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter } from '@nestjs/core';
import { inspect } from 'node:util';
import { CapturedLog } from '../support/captured-log.js';
import { CapturedOutput } from '../support/captured-output.js';
import { TEST_SECRET } from '../support/create-app.js';
import { KeysWithoutTtl } from '../support/keys-without-ttl.js';
import type { Browser } from '../support/browser.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { keyOf, sessionKeys } from '../support/stored-session.js';
import { until } from '../support/until.js';
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

const found = (secrets: readonly string[], text: string) => secrets.filter((secret) => text.includes(secret));

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

/** Every error that reached the filters, as the most talkative logger would print it. */
const caught: string[] = [];

@Catch()
class RecordingFilter extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    caught.push(inspect(error, { depth: 20, showHidden: true }));
    // oxlint-disable-next-line promise/valid-params, promise/no-promise-in-callback -- the method of a filter, not of a promise
    super.catch(error, host);
  }
}

describe.each(redisVariants)('secrets stay out (G6), $name', (variant) => {
  const harness = useVariant(variant);
  let output: CapturedOutput | undefined;
  afterEach(() => output?.release());

  test('neither Redis nor logs nor errors nor bodies hold a sid, a secret or a cookie', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, providers: [{ provide: APP_FILTER, useClass: RecordingFilter }] });
    equip(app);
    const recorder = await harness.redis.monitor();
    output = new CapturedOutput();
    caught.length = 0;

    const { secrets, bodies } = await journey(app.browser());

    expect(secrets.length).toBeGreaterThan(20);
    expect(caught.length).toBeGreaterThan(2);
    await app.sessions.drain();
    expect(found(secrets, inspect(await recorder.stop(), { depth: 5, maxArrayLength: null, maxStringLength: null }))).toEqual([]);
    expect(found([...secrets, TEA], logger.lines.join() + output.text + caught.join())).toEqual([]);
    expect(found(secrets, bodies.join())).toEqual([]);
  });

  test('errors of an outage hold neither key nor data nor password', async () => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger, providers: [{ provide: APP_FILTER, useClass: RecordingFilter }] });
    equip(app);
    const browser = app.browser();
    await browser.post('/login/ada');
    const sid = (await browser.sid()) ?? '';
    caught.length = 0;
    output = new CapturedOutput();
    await harness.client.config('SET', 'maxmemory', '1');
    try {
      for (const path of ['/write', '/save', '/rotate', '/login/grace']) await browser.post(path);
      await until(() => logger.matching('unavailable (OOM').length >= 1, 'the failures are logged');
    } finally {
      await harness.client.config('SET', 'maxmemory', '0');
    }
    expect(caught.length).toBe(3);
    const said = logger.lines.join() + output.text + caught.join();
    expect(found([sid, sid.slice(22), keyOf(app.store, sid), TEA, 'grace', TEST_SECRET], said)).toEqual([]);
  });

  test('a request that is logged with all that hangs on it does not show the signing secret', async () => {
    const app = await harness.open();
    app.on('/inspect', ({ request }) => inspect(request, { depth: 20, showHidden: true }));
    expect(found([TEST_SECRET], (await app.browser().get('/inspect')).text)).toEqual([]);
  });
});

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
