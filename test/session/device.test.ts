import { describe, expect, test } from '@jest/globals';
import { SessionManager } from '../../src/index.js';
import type { TrackOptions } from '../../src/session/store/store-options.js';
import { RawClient } from '../support/raw-client.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant, variants, type Harness, type HarnessOptions } from '../support/variants.js';

const BOTH = { ip: true, userAgent: true };
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64)';

async function signedIn(
  harness: Harness,
  track: TrackOptions | undefined,
  headers: Record<string, string> = {},
  options: HarnessOptions = {},
) {
  const app = await harness.open({ store: { track, touchAfter: 0 }, ...options });
  const browser = app.browser();
  await browser.post('/login/ada', undefined, headers);
  const manager = app.app.get(SessionManager);
  const device = async () => {
    await app.sessions.drain();
    const [info] = (await manager.list('ada')).sessions;
    return { ip: info?.ip, userAgent: info?.userAgent };
  };
  return { app, browser, device };
}

describe.each(variants)('store.track, $name', (variant) => {
  const harness = useVariant(variant);

  test.each<[TrackOptions | undefined, object]>([
    [undefined, {}],
    [{}, {}],
    [{ ip: false, userAgent: false }, {}],
    [{ ip: true }, { ip: '127.0.0.1' }],
    [{ userAgent: true }, { userAgent: BROWSER }],
    [BOTH, { ip: '127.0.0.1', userAgent: BROWSER }],
  ])('%j keeps what it says', async (track, expected) => {
    const { device } = await signedIn(harness, track, { 'user-agent': BROWSER });
    expect(await device()).toEqual(expected);
  });

  const settings: [string, boolean | string | undefined, string][] = [
    ['nobody', undefined, '127.0.0.1'],
    ['everybody', true, '203.0.113.7'],
    ['the proxy before it', 'loopback', '198.51.100.2'],
    ['another proxy', '10.0.0.1', '127.0.0.1'],
  ];
  test.each(settings.filter(([, proxies]) => proxies === undefined || variant.platform !== 'node'))(
    'keeps the address as "trust proxy" has it when it trusts %s',
    async (_, proxies, ip) => {
      const forwarded = { 'x-forwarded-for': '203.0.113.7, 198.51.100.2' };
      const { device } = await signedIn(
        harness,
        BOTH,
        forwarded,
        proxies === undefined ? {} : { trustProxy: proxies, store: { track: BOTH } },
      );
      expect((await device()).ip).toBe(ip);
    },
  );

  test.each<[string, NonNullable<HarnessOptions['session']>['proxy'], string]>([
    ['nobody', false, '127.0.0.1'],
    ['no proxy', 0, '127.0.0.1'],
    ['everybody', true, '203.0.113.7'],
    ['one proxy', 1, '198.51.100.2'],
    ['two proxies', 2, '203.0.113.7'],
    ['more proxies than there are', 9, '203.0.113.7'],
    ['the proxy before it', 'loopback', '198.51.100.2'],
    ['both', ['127.0.0.0/8', '198.51.100.2'], '203.0.113.7'],
    ['another proxy', '10.0.0.1', '127.0.0.1'],
  ])('keeps the address as session.proxy has it when it trusts %s, whatever the framework says', async (_, proxy, ip) => {
    for (const trustProxy of [true, false]) {
      const options = { session: { proxy }, trustProxy, store: { track: BOTH } };
      const { device } = await signedIn(harness, BOTH, { 'x-forwarded-for': '203.0.113.7, 198.51.100.2' }, options);
      expect((await device()).ip).toBe(ip);
    }
  });

  test('is what the latest write or touch came from', async () => {
    const { app, browser, device } = await signedIn(harness, BOTH, { 'user-agent': 'first' });
    app.on('/write', ({ session }) => void (session['note'] = 1));
    await browser.get('/whoami', { 'user-agent': 'touch' });
    expect((await device()).userAgent).toBe('touch');
    await browser.get('/write', { 'user-agent': 'write' });
    expect((await device()).userAgent).toBe('write');
  });

  test('of requests that cost no write is not kept', async () => {
    const { browser, device } = await signedIn(harness, BOTH, { 'user-agent': 'first' }, { store: { track: BOTH } });
    await browser.get('/whoami', { 'user-agent': 'second' });
    expect((await device()).userAgent).toBe('first');
  });

  test.each<[string, string, string | undefined]>([
    ['empty', '', undefined],
    ['256 bytes long', 'a'.repeat(256), 'a'.repeat(256)],
    ['257 bytes long', 'a'.repeat(257), 'a'.repeat(256)],
    ['8 kB long', 'a'.repeat(8_000), 'a'.repeat(256)],
    ['of latin1 bytes', '\u00e9\u00ff\u0080', '\u00e9\u00ff\u0080'],
    // Two bytes each in UTF-8, so that the limit falls into one.
    ['one that a cut would split', 'x' + '\u00e9'.repeat(200), 'x' + '\u00e9'.repeat(127)],
    ['JSON and markup', '{"ip":"1"}<b>"\\', '{"ip":"1"}<b>"\\'],
  ])('takes a User-Agent that is %s', async (_, sent, kept) => {
    const { app, device, browser } = await signedIn(harness, BOTH);
    const cookie = (await browser.cookie('sid'))?.cookieString() ?? '';
    const client = await RawClient.connect(app.origin);
    client.request('GET', '/whoami', { cookie, 'user-agent': sent });
    const answer = await client.answer();
    expect(answer.body).toBe('{"identity":{"id":"ada"}}');
    expect((await device()).userAgent).toBe(kept);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test('of a client that says nothing any more is not what it said before', async () => {
    const { app, device, browser } = await signedIn(harness, BOTH, { 'user-agent': 'first' });
    const cookie = (await browser.cookie('sid'))?.cookieString() ?? '';
    const client = await RawClient.connect(app.origin);
    client.request('GET', '/whoami', { cookie });
    await client.answer();
    expect(await device()).toEqual({ ip: '127.0.0.1', userAgent: undefined });
  });

  test('takes an odd X-Forwarded-For as it is, at most 256 bytes of it', async () => {
    const { device } = await signedIn(
      harness,
      BOTH,
      { 'x-forwarded-for': 'z'.repeat(5_000) },
      { session: { proxy: true }, store: { track: BOTH } },
    );
    expect((await device()).ip).toBe('z'.repeat(256));
  });
});

describe.each(redisVariants)('store.track in Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('is kept apart from the entries, and nothing is when it is off', async () => {
    const { app, browser } = await signedIn(harness, BOTH, { 'user-agent': BROWSER });
    const key = keyOf(app.store, (await browser.sid()) ?? '');
    expect(JSON.parse((await harness.client.hget(key, '@device')) ?? '')).toEqual({ ip: '127.0.0.1', userAgent: BROWSER });
    expect((await browser.get('/read')).json).toEqual({ identity: { id: 'ada' } });
    const other = await signedIn(harness, undefined, { 'user-agent': BROWSER });
    expect(await harness.client.hexists(keyOf(other.app.store, (await other.browser.sid()) ?? ''), '@device')).toBe(0);
  });
});
