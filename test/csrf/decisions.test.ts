import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { All, Controller } from '@nestjs/common';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { refused, sendTo } from '../support/origin-client.js';
import { RawClient } from '../support/raw-client.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';

@Controller()
class TransferController {
  static calls = 0;

  @All() transfer(): string {
    TransferController.calls++;
    return 'done';
  }
}

type Settings = Pick<TestAppOptions, 'session' | 'prepare'>;
const trustProxy: Settings['prepare'] = (app) => void app.set('trust proxy', 'loopback');
const TRUSTED = [
  'https://app.example',
  'https://pay.example:8443',
  'http://shop.example:8080',
  'http://[2001:db8::1]',
  'capacitor://localhost',
];

/** The application that a row asks. The host is `shop.example` unless the row says otherwise. */
const SETTINGS = {
  on: { session: { csrf: true } },
  strict: { session: { csrf: { strict: true } } },
  trusting: { session: { csrf: { trustedOrigins: TRUSTED } } },
  'strict and trusting': { session: { csrf: { strict: true, trustedOrigins: TRUSTED } } },
  'trust proxy': { session: { csrf: true }, prepare: trustProxy },
  'proxy: true': { session: { csrf: true, proxy: true } },
  'proxy: 1': { session: { csrf: true, proxy: 1 } },
  'proxy: loopback': { session: { csrf: true, proxy: 'loopback' } },
  'proxy: another': { session: { csrf: true, proxy: ['10.0.0.0/8'] }, prepare: trustProxy },
  'proxy: false': { session: { csrf: true, proxy: false }, prepare: trustProxy },
} satisfies Record<string, Settings>;

type Row = [settings: keyof typeof SETTINGS, what: string, method: string, headers: Record<string, string>, outcome: string];

const FROM_EVIL = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
const site = (value: string, origin = 'https://shop.example') => ({ 'sec-fetch-site': value, origin });
const from = (origin: string, host = 'shop.example') => ({ origin, host });
const forwarded = (origin: string, forwardedHost: string, host = 'inner:3000') => ({ origin, host, 'x-forwarded-host': forwardedHost });
const overHttps = (origin: string) => ({ origin, 'x-forwarded-proto': 'https' });
const opening = (headers: Record<string, string>, protocol = 'websocket') => ({
  connection: 'upgrade, close',
  upgrade: protocol,
  ...headers,
});

const ROWS: Row[] = [
  // methods
  ['on', 'a GET of another site', 'GET', FROM_EVIL, 'passes'],
  ['on', 'a HEAD of another site', 'HEAD', FROM_EVIL, 'passes'],
  ['on', 'an OPTIONS of another site', 'OPTIONS', FROM_EVIL, 'passes'],
  ['strict', 'a GET that says nothing', 'GET', {}, 'passes'],
  ['on', 'a POST of another site', 'POST', FROM_EVIL, 'cross-site'],
  ['on', 'a PUT of another site', 'PUT', FROM_EVIL, 'cross-site'],
  ['on', 'a PATCH of another site', 'PATCH', FROM_EVIL, 'cross-site'],
  ['on', 'a DELETE of another site', 'DELETE', FROM_EVIL, 'cross-site'],
  ['on', 'a method that hardly anybody uses', 'PROPFIND', FROM_EVIL, 'cross-site'],

  // Sec-Fetch-Site
  ['on', 'Sec-Fetch-Site same-origin', 'POST', site('same-origin'), 'passes'],
  ['on', 'Sec-Fetch-Site none', 'POST', { 'sec-fetch-site': 'none' }, 'passes'],
  ['on', 'Sec-Fetch-Site same-origin without Origin', 'POST', { 'sec-fetch-site': 'same-origin' }, 'passes'],
  ['on', 'Sec-Fetch-Site same-origin with Origin null, as by Referrer-Policy no-referrer', 'POST', site('same-origin', 'null'), 'passes'],
  [
    'on',
    'Sec-Fetch-Site same-origin and a host that a proxy has changed',
    'POST',
    { ...site('same-origin'), host: 'inner:3000' },
    'passes',
  ],
  ['strict', 'Sec-Fetch-Site same-origin, strictly', 'POST', { 'sec-fetch-site': 'same-origin' }, 'passes'],
  ['strict', 'Sec-Fetch-Site none, strictly', 'POST', { 'sec-fetch-site': 'none' }, 'passes'],
  ['on', 'Sec-Fetch-Site same-site: a subdomain', 'POST', site('same-site', 'https://blog.shop.example'), 'same-site'],
  ['on', 'Sec-Fetch-Site cross-site without Origin', 'POST', { 'sec-fetch-site': 'cross-site' }, 'cross-site'],
  ['on', 'Sec-Fetch-Site cross-site with an Origin that is the host', 'POST', site('cross-site'), 'cross-site'],
  ['on', 'Sec-Fetch-Site same-site with an Origin that is the host', 'POST', site('same-site'), 'same-site'],
  ['on', 'a Sec-Fetch-Site of the future', 'POST', site('same-planet'), 'cross-site'],
  ['on', 'Sec-Fetch-Site in upper case, which no browser sends', 'POST', site('SAME-ORIGIN'), 'cross-site'],
  ['on', 'two values of Sec-Fetch-Site', 'POST', site('same-origin, cross-site'), 'cross-site'],
  ['on', 'an empty Sec-Fetch-Site and another Origin', 'POST', site('', 'https://evil.example'), 'cross-origin'],
  ['on', 'an empty Sec-Fetch-Site and the host as Origin', 'POST', site(''), 'passes'],

  // neither
  ['on', 'neither header', 'POST', {}, 'passes'],
  ['on', 'both headers empty', 'POST', site('', ''), 'passes'],
  ['strict', 'neither header, strictly', 'POST', {}, 'no-origin'],
  ['strict', 'both headers empty, strictly', 'POST', site('', ''), 'no-origin'],
  ['strict', 'only a Referer, strictly', 'POST', { referer: 'https://shop.example/form' }, 'no-origin'],

  // Origin
  ['on', 'Origin is the host', 'POST', from('https://shop.example'), 'passes'],
  ['strict', 'Origin is the host, strictly', 'POST', from('https://shop.example'), 'passes'],
  ['on', 'Origin is the host, over http', 'POST', from('http://shop.example'), 'passes'],
  ['on', 'Origin is the host with its port', 'POST', from('http://shop.example:3000', 'shop.example:3000'), 'passes'],
  ['on', 'Origin is another site', 'POST', from('https://evil.example'), 'cross-origin'],
  ['on', 'Origin null', 'POST', from('null'), 'cross-origin'],
  ['strict', 'Origin null, strictly', 'POST', from('null'), 'cross-origin'],
  ['on', 'Origin null, and a host of that name', 'POST', from('null', 'null'), 'cross-origin'],
  ['on', 'another port', 'POST', from('https://shop.example:8443'), 'cross-origin'],
  ['on', 'another port where the host has one', 'POST', from('http://shop.example:3001', 'shop.example:3000'), 'cross-origin'],
  ['on', 'no port where the host has one', 'POST', from('http://shop.example', 'shop.example:3000'), 'cross-origin'],
  ['on', 'a port that begins like that of the host', 'POST', from('http://shop.example:30001', 'shop.example:3000'), 'cross-origin'],
  ['on', 'the default port of https in the host', 'POST', from('https://shop.example', 'shop.example:443'), 'passes'],
  ['on', 'the default port of http in the host', 'POST', from('http://shop.example', 'shop.example:80'), 'passes'],
  [
    'on',
    'the default port of https, where the page came over http',
    'POST',
    from('http://shop.example', 'shop.example:443'),
    'cross-origin',
  ],
  [
    'on',
    'the default port of http, where the page came over https',
    'POST',
    from('https://shop.example', 'shop.example:80'),
    'cross-origin',
  ],
  ['on', 'a trailing dot in Origin', 'POST', from('https://shop.example.'), 'cross-origin'],
  ['on', 'a trailing dot in the host', 'POST', from('https://shop.example', 'shop.example.'), 'cross-origin'],
  ['on', 'a trailing dot in both', 'POST', from('https://shop.example.', 'shop.example.'), 'passes'],
  ['on', 'a host that ends like ours', 'POST', from('https://evilshop.example'), 'cross-origin'],
  ['on', 'a host that begins like ours', 'POST', from('https://shop.example.evil.test'), 'cross-origin'],
  ['on', 'a subdomain', 'POST', from('https://blog.shop.example'), 'cross-origin'],
  ['on', 'the domain above', 'POST', from('https://shop.example', 'www.shop.example'), 'cross-origin'],
  ['on', 'our host as userinfo', 'POST', from('https://shop.example@evil.test'), 'cross-origin'],
  ['on', 'our host and a port as userinfo', 'POST', from('https://shop.example:443@evil.test'), 'cross-origin'],
  ['on', 'userinfo before our host', 'POST', from('https://evil.test@shop.example'), 'cross-origin'],
  ['on', 'userinfo in the host too', 'POST', from('https://shop.example@evil.test', 'shop.example@evil.test'), 'cross-origin'],
  ['on', 'our host as the path', 'POST', from('https://evil.test/shop.example'), 'cross-origin'],
  ['on', 'our host as the fragment', 'POST', from('https://evil.test#shop.example'), 'cross-origin'],
  ['on', 'a path after our host', 'POST', from('https://shop.example/'), 'cross-origin'],
  ['on', 'a backslash after our host', 'POST', from(String.raw`https://shop.example\.evil.test`), 'cross-origin'],
  ['on', 'two origins', 'POST', from('https://shop.example, https://evil.test'), 'cross-origin'],
  ['on', 'two origins, ours last', 'POST', from('https://evil.test https://shop.example'), 'cross-origin'],
  ['on', 'no scheme', 'POST', from('shop.example'), 'cross-origin'],
  ['on', 'no scheme, but slashes', 'POST', from('//shop.example'), 'cross-origin'],
  ['on', 'a scheme without a host', 'POST', from('https://'), 'cross-origin'],
  ['on', 'a scheme that is not of the web', 'POST', from('chrome-extension://shop.example'), 'cross-origin'],
  ['on', 'Origin in upper case', 'POST', from('HTTPS://SHOP.EXAMPLE'), 'passes'],
  ['on', 'the host in upper case', 'POST', from('https://shop.example', 'Shop.Example'), 'passes'],
  ['on', 'a host as bytes that look like ours', 'POST', from('https://sh\u00f6p.example', 'sh\u00f6p.example'), 'cross-origin'],
  ['on', 'IPv6', 'POST', from('http://[2001:db8::1]:3000', '[2001:db8::1]:3000'), 'passes'],
  ['on', 'IPv6 with the default port in the host', 'POST', from('https://[2001:db8::1]', '[2001:db8::1]:443'), 'passes'],
  ['on', 'another IPv6', 'POST', from('http://[2001:db8::2]:3000', '[2001:db8::1]:3000'), 'cross-origin'],
  ['on', 'IPv6 without brackets', 'POST', from('http://2001:db8::1', '2001:db8::1'), 'cross-origin'],
  ['on', 'IPv4', 'POST', from('http://127.0.0.1:3000', '127.0.0.1:3000'), 'passes'],
  ['on', 'another name of the same address', 'POST', from('http://localhost:3000', '127.0.0.1:3000'), 'cross-origin'],
  ['on', 'an empty host', 'POST', from('https://shop.example', ''), 'cross-origin'],

  // the http twin
  ['trust proxy', 'the http twin of an https page', 'POST', overHttps('http://shop.example'), 'insecure-origin'],
  ['proxy: true', 'the http twin, by the option', 'POST', overHttps('http://shop.example'), 'insecure-origin'],
  ['trust proxy', 'the https page itself', 'POST', overHttps('https://shop.example'), 'passes'],
  ['on', 'an https page before a proxy that nobody trusts', 'POST', overHttps('https://shop.example'), 'passes'],

  // trusted origins
  ['trusting', 'a trusted origin', 'POST', site('cross-site', 'https://app.example'), 'passes'],
  ['trusting', 'a trusted origin of the same site', 'POST', site('same-site', 'https://app.example'), 'passes'],
  ['trusting', 'a trusted origin in an old browser', 'POST', from('https://app.example'), 'passes'],
  ['trusting', 'a trusted origin with a port', 'POST', site('cross-site', 'https://pay.example:8443'), 'passes'],
  ['trusting', 'a trusted origin over http', 'POST', from('http://shop.example:8080'), 'passes'],
  ['trusting', 'a trusted IPv6', 'POST', from('http://[2001:db8::1]'), 'passes'],
  ['trusting', 'a trusted application with a page in it', 'POST', site('cross-site', 'capacitor://localhost'), 'passes'],
  ['strict and trusting', 'a trusted origin, strictly', 'POST', from('https://app.example'), 'passes'],
  ['strict and trusting', 'nothing, strictly, where others are trusted', 'POST', {}, 'no-origin'],
  ['trusting', 'the host itself, where others are trusted', 'POST', from('https://shop.example'), 'passes'],
  ['trusting', 'a trusted host over http', 'POST', site('cross-site', 'http://app.example'), 'cross-site'],
  ['trusting', 'a trusted host on another port', 'POST', site('cross-site', 'https://pay.example'), 'cross-site'],
  ['trusting', 'a subdomain of a trusted host', 'POST', site('cross-site', 'https://x.app.example'), 'cross-site'],
  ['trusting', 'a host that begins like a trusted one', 'POST', site('cross-site', 'https://app.example.evil.test'), 'cross-site'],
  ['trusting', 'a host that ends like a trusted one', 'POST', from('https://evilapp.example'), 'cross-origin'],
  ['trusting', 'a trusted host with a trailing dot', 'POST', from('https://app.example.'), 'cross-origin'],
  ['trusting', 'a trusted host as userinfo', 'POST', from('https://app.example@evil.test'), 'cross-origin'],
  ['trusting', 'a trusted origin in upper case, which no browser sends', 'POST', site('cross-site', 'https://APP.example'), 'cross-site'],
  ['trusting', 'a trusted origin beside another', 'POST', site('cross-site', 'https://app.example, https://evil.test'), 'cross-site'],
  ['trusting', 'Origin null, where others are trusted', 'POST', site('cross-site', 'null'), 'cross-site'],

  // X-Forwarded-Host
  ['on', 'X-Forwarded-Host, and no proxy is trusted', 'POST', forwarded('https://shop.example', 'shop.example'), 'cross-origin'],
  [
    'on',
    'X-Forwarded-Host of the other site, and no proxy is trusted',
    'POST',
    forwarded('https://evil.test', 'evil.test', 'shop.example'),
    'cross-origin',
  ],
  [
    'proxy: false',
    'X-Forwarded-Host, and no proxy by the option',
    'POST',
    forwarded('https://shop.example', 'shop.example'),
    'cross-origin',
  ],
  ['proxy: false', 'the host itself, and no proxy by the option', 'POST', forwarded('https://shop.example', 'x', 'shop.example'), 'passes'],
  ['trust proxy', 'X-Forwarded-Host of a trusted proxy', 'POST', forwarded('https://shop.example', 'shop.example'), 'passes'],
  ['trust proxy', 'X-Forwarded-Host with a port', 'POST', forwarded('https://shop.example:8443', 'shop.example:8443'), 'passes'],
  ['trust proxy', 'the first X-Forwarded-Host', 'POST', forwarded('https://shop.example', 'shop.example, inner.example'), 'passes'],
  ['trust proxy', 'the last X-Forwarded-Host', 'POST', forwarded('https://inner.example', 'shop.example, inner.example'), 'cross-origin'],
  ['trust proxy', 'the inner host of a trusted proxy', 'POST', forwarded('http://inner:3000', 'shop.example'), 'cross-origin'],
  ['trust proxy', 'a trusted proxy without X-Forwarded-Host', 'POST', from('https://shop.example'), 'passes'],
  ['proxy: true', 'X-Forwarded-Host, by the option', 'POST', forwarded('https://shop.example', 'shop.example'), 'passes'],
  [
    'proxy: true',
    'the first X-Forwarded-Host, by the option',
    'POST',
    forwarded('https://shop.example', 'shop.example , inner.example'),
    'passes',
  ],
  [
    'proxy: true',
    'the last X-Forwarded-Host, by the option',
    'POST',
    forwarded('https://inner.example', 'shop.example, inner.example'),
    'cross-origin',
  ],
  ['proxy: true', 'the inner host, by the option', 'POST', forwarded('http://inner:3000', 'shop.example'), 'cross-origin'],
  ['proxy: true', 'an empty X-Forwarded-Host', 'POST', forwarded('https://shop.example', '', 'shop.example'), 'passes'],

  ['proxy: 1', 'the http twin, by a number of proxies', 'POST', overHttps('http://shop.example'), 'insecure-origin'],
  ['proxy: 1', 'X-Forwarded-Host, by a number of proxies', 'POST', forwarded('https://shop.example', 'shop.example'), 'passes'],
  ['proxy: loopback', 'the http twin, by the address of the proxy', 'POST', overHttps('http://shop.example'), 'insecure-origin'],
  ['proxy: loopback', 'X-Forwarded-Host, by the address of the proxy', 'POST', forwarded('https://shop.example', 'shop.example'), 'passes'],
  ['proxy: another', 'the http twin, from somebody else', 'POST', overHttps('http://shop.example'), 'passes'],
  ['proxy: another', 'X-Forwarded-Host of somebody else', 'POST', forwarded('https://shop.example', 'shop.example'), 'cross-origin'],

  // WebSockets, opened by a GET
  ['on', 'a WebSocket of the host itself', 'GET', opening(from('https://shop.example')), 'passes'],
  ['on', 'a WebSocket of this origin', 'GET', opening(site('same-origin')), 'passes'],
  ['on', 'a WebSocket of a subdomain', 'GET', opening(from('https://blog.shop.example')), 'cross-origin'],
  [
    'on',
    'a WebSocket of a subdomain, in a browser that says so',
    'GET',
    opening(site('same-site', 'https://blog.shop.example')),
    'same-site',
  ],
  ['on', 'a WebSocket of another site', 'GET', opening(FROM_EVIL), 'cross-origin'],
  ['on', 'a WebSocket of Origin null', 'GET', opening(from('null')), 'cross-origin'],
  ['on', 'a WebSocket of another port', 'GET', opening(from('https://shop.example:8443')), 'cross-origin'],
  [
    'on',
    'a WebSocket that the visitor has opened, as no browser says',
    'GET',
    opening(site('none', 'https://evil.example')),
    'cross-origin',
  ],
  ['on', 'a WebSocket that says nothing', 'GET', opening({}), 'passes'],
  ['on', 'a WebSocket of another site without Origin', 'GET', opening({ 'sec-fetch-site': 'cross-site' }), 'cross-site'],
  ['on', 'a WebSocket and a host that a proxy has changed', 'GET', opening({ ...site('same-origin'), host: 'inner:3000' }), 'passes'],
  ['on', 'a WebSocket in upper case', 'GET', opening(FROM_EVIL, 'WebSocket'), 'cross-origin'],
  ['on', 'a WebSocket among other protocols', 'GET', opening(FROM_EVIL, 'h2c, websocket'), 'cross-origin'],
  ['on', 'another protocol', 'GET', opening(FROM_EVIL, 'h2c'), 'passes'],
  ['strict', 'a WebSocket that says nothing, strictly', 'GET', opening({}), 'no-origin'],
  ['trusting', 'a WebSocket of a trusted origin', 'GET', opening(site('cross-site', 'https://app.example')), 'passes'],
  ['trusting', 'a WebSocket of a trusted host over http', 'GET', opening(site('cross-site', 'http://app.example')), 'cross-origin'],
  ['trust proxy', 'a WebSocket of the http twin', 'GET', opening(overHttps('http://shop.example')), 'insecure-origin'],
];

describe.each(['builtin', 'express-session'] as const)('session.csrf with %s', (middleware) => {
  const apps = new Map<string, TestApp>();
  beforeAll(async () => {
    for (const [name, { session, ...options }] of Object.entries<Settings>(SETTINGS))
      apps.set(
        name,
        await createApp({ ...options, session: { middleware, ...session }, store: { kind: 'memory' }, controllers: [TransferController] }),
      );
  });
  afterAll(() => Promise.all([...apps.values()].map((app) => app.close())));
  beforeEach(() => void (TransferController.calls = 0));

  test.each(ROWS)('%s: %s', async (settings, _, method, headers, outcome) => {
    const app = apps.get(settings);
    if (app === undefined) throw new Error('No such application.');
    const cookie = signedCookie(await storedSid(app.store, { identity: { id: 'ada' } }));

    for (const more of [{}, { cookie }]) {
      const { status, body } = await sendTo(app.origin, { method, headers: { ...headers, ...more } });
      if (outcome !== 'passes') expect({ status, body: JSON.parse(body) }).toEqual({ status: 403, body: refused(outcome) });
      else expect({ status, body }).toEqual({ status: 200, body: method === 'HEAD' ? '' : 'done' });
    }
    expect(TransferController.calls).toBe(outcome === 'passes' ? 2 : 0);
  });

  test('a request without a host, as of HTTP/1.0, is refused when it has an origin', async () => {
    const app = apps.get('on');
    const client = await RawClient.connect(app?.origin ?? '');
    client.send('POST / HTTP/1.0\r\nOrigin: https://shop.example\r\n\r\n');
    expect(JSON.parse((await client.answer()).body)).toEqual(refused('cross-origin'));
  });

  test.each([
    ['Origin', 'Origin: https://shop.example\r\nOrigin: https://evil.test\r\n', 'cross-origin'],
    ['Sec-Fetch-Site', 'Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n', 'cross-site'],
  ])('a request with two headers %s is refused', async (_, headers, reason) => {
    const client = await RawClient.connect(apps.get('on')?.origin ?? '');
    client.send(`POST / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n${headers}\r\n`);
    expect(JSON.parse((await client.answer()).body)).toEqual(refused(reason));
  });
});
