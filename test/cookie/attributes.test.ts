import { describe, expect, test } from '@jest/globals';
import type { RequestListener } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sessionOf } from '../../src/express.js';
import { generateSid } from '../../src/session/sid.js';
import type { Answer } from '../support/browser.js';
import type { TestApp } from '../support/create-app.js';
import { CapturedLog } from '../support/captured-log.js';
import { signedCookie } from '../support/signed-cookie.js';
import { keyOf } from '../support/stored-session.js';
import { writeTlsCertificates } from '../support/tls-certificates.js';
import { redisVariants, useVariant, variants, type HarnessOptions } from '../support/variants.js';

const HTTPS = { 'x-forwarded-proto': 'https' };
const SIGN_IN = '/login/ada';
const LONG_GONE = 'Expires=Thu, 01 Jan 1970 00:00:00 GMT';

/** Name and value of the only cookie that an answer sets, and its attributes. */
function onlyCookie({ setCookies }: Answer): { pair: string; name: string; attributes: string[] } {
  expect(setCookies).toHaveLength(1);
  const [pair = '', ...attributes] = (setCookies[0] ?? '').split('; ');
  return { pair, name: pair.split('=', 1)[0] ?? '', attributes };
}

describe.each(variants)('the attributes of the cookie, $name', (variant) => {
  const harness = useVariant(variant);
  const behindProxy = (cookie: object, more: object = {}): HarnessOptions => ({ session: { proxy: true, cookie, ...more } });

  test('by default: sid, for the whole host, not for scripts, not with requests from other sites', async () => {
    const app = await harness.open();
    const { name, attributes } = onlyCookie(await app.browser().post(SIGN_IN));
    expect([name, attributes]).toEqual(['sid', ['Path=/', 'HttpOnly', 'SameSite=Lax']]);
  });

  test('secure: true makes it __Host-sid, which is sent, read and dropped as browsers ask', async () => {
    const app = await harness.open(behindProxy({ secure: true }));
    const { pair, name, attributes } = onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS));
    expect([name, attributes]).toEqual(['__Host-sid', ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Lax']]);
    expect((await app.browser().get('/whoami', { cookie: pair, ...HTTPS })).json).toEqual({ identity: { id: 'ada' } });
    const dropped = onlyCookie(await app.browser().post('/logout', undefined, { cookie: pair, ...HTTPS }));
    expect([dropped.pair, dropped.attributes]).toEqual([
      '__Host-sid=',
      ['Max-Age=0', 'Path=/', LONG_GONE, 'HttpOnly', 'Secure', 'SameSite=Lax'],
    ]);
  });

  test.each<[string, object, string]>([
    ['a name of its own', { name: 'mine' }, 'mine'],
    ['another path', { cookie: { secure: true, path: '/login' } }, 'sid'],
    ['a domain', { cookie: { secure: true, domain: 'example.org' } }, 'sid'],
  ])('with secure: true and %s it is called otherwise', async (_, more, expected) => {
    const app = await harness.open(behindProxy({ secure: true }, more));
    expect(onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS)).name).toBe(expected);
  });

  test('a secure cookie is not sent over plain http', async () => {
    const app = await harness.open(behindProxy({ secure: true }));
    expect((await app.browser().post(SIGN_IN)).setCookies).toEqual([]);
  });

  test('logout drops it with the attributes that it was set with', async () => {
    const cookie = {
      secure: true,
      path: '/login',
      domain: 'example.org',
      sameSite: 'none',
      httpOnly: false,
      partitioned: true,
      priority: 'high',
      maxAge: 60_000,
    };
    const app = await harness.open(behindProxy(cookie, { name: 'sid' }));
    const { pair, attributes } = onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS));
    app.on('/login', ({ session }) => session.logout());
    const dropped = onlyCookie(await app.browser().post('/login', undefined, { cookie: pair, ...HTTPS }));
    const others = (list: string[]) => list.filter((attribute) => !/^(Expires|Max-Age)=/.test(attribute));
    expect(others(attributes)).toEqual(['Domain=example.org', 'Path=/login', 'Secure', 'Partitioned', 'Priority=High', 'SameSite=None']);
    expect([dropped.pair, others(dropped.attributes)]).toEqual(['sid=', others(attributes)]);
    expect(dropped.attributes).toEqual(expect.arrayContaining([LONG_GONE, 'Max-Age=0']));
  });

  test('other cookies of the response stay, also when the session is dropped', async () => {
    const app = await harness.open();
    const browser = app.browser();
    app.on('/both', async ({ session, response }) => {
      response.cookie('theme', 'dark');
      await session.login({ id: 'ada' });
    });
    app.on('/neither', async ({ session, response }) => {
      response.cookie('theme', 'light');
      await session.logout();
      response.cookie('sidebar', 'open');
    });
    const names = (answer: Answer) => answer.setCookies.map((cookie) => cookie.split(';', 1)[0]?.replace(/=s%3A.*/, '=…'));
    expect(new Set(names(await browser.get('/both')))).toEqual(new Set(['theme=dark', 'sid=…']));
    expect(new Set(names(await browser.get('/neither')))).toEqual(new Set(['theme=light', 'sid=', 'sidebar=open']));
  });

  test.each<[string, object]>([
    ['priority', { priority: 'nope' }],
    ['sameSite', { sameSite: 'nope' }],
    ['domain', { domain: 'a;b' }],
    ['expires', { expires: 'nope' }],
    ['expires', { maxAge: Infinity }],
  ])('a change of its %s that no cookie can have is an error of that request, and is not stored: %j', async (name, change) => {
    const logger = new CapturedLog();
    const app = await harness.open({ logger });
    const browser = app.browser();
    await browser.post(SIGN_IN);
    app.on('/change', ({ session }) => void (session['late'] = Object.assign(session.cookie, change).path));
    app.on('/save', ({ session }) => (Object.assign(session.cookie, change), session.save()));
    const logged = () => logger.matching(new RegExp(`req.session.cookie cannot be sent .*${name}`)).length;
    const answer = await browser.get('/change');
    // Where the head is out before the session is saved, the error can only be logged, and the rest of what the request changed is kept.
    expect([answer.status, answer.setCookies, logged()]).toEqual([variant.storesFirst ? 500 : 200, [], 1]);
    const saved = await browser.get('/save');
    expect([saved.status, saved.setCookies, logged() > 1]).toEqual([500, [], true]);
    app.on('/late', ({ session }) => ({ late: session['late'] ?? null }));
    expect((await browser.get('/late')).json).toEqual({ late: variant.storesFirst ? null : '/' });
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    app.on('/write', ({ session }) => void (session['written'] = 1));
    expect((await browser.get('/write')).status).toBe(200);
  });

  test.each<object>([{ secure: 0 }, { httpOnly: 1 }, { partitioned: 1 }, { domain: '' }, { path: '' }, { priority: '' }, { maxAge: 1e14 }])(
    'a change that can be sent is kept with all others, also where it is stored in other words: %j',
    async (change) => {
      const app = await harness.open();
      const browser = app.browser();
      app.on('/change', ({ session }) => void (session['note'] = Object.assign(session.cookie, change, { sameSite: 'strict' }).path));
      app.on('/read', ({ session }) => ({ sameSite: session.cookie.sameSite }));
      const [cookie = ''] = (await browser.get('/change')).setCookies;
      expect((await app.browser().get('/read', { cookie: cookie.split(';', 1)[0]! })).json).toEqual({ sameSite: 'strict' });
    },
  );

  test('regenerate and then login in one request sets one cookie, that of the login', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post(SIGN_IN);
    app.on('/switch', async ({ session, request }) => {
      await session.regenerate();
      await sessionOf(request).login({ id: 'grace' });
    });
    const answer = await browser.get('/switch');
    expect(answer.setCookies).toHaveLength(1);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'grace' } });
  });
});

describe.each(variants)("'auto', $name", (variant) => {
  const harness = useVariant(variant);
  const AUTO = { secure: 'auto', sameSite: 'auto' } as const;
  const PLAIN = ['Path=/', 'HttpOnly', 'SameSite=Lax'];
  const SECURE = ['Path=/', 'HttpOnly', 'Secure', 'SameSite=None'];

  test.each<[string, HarnessOptions['session']]>([
    ['given in an object', { cookie: AUTO }],
    ['given by a function', { cookie: () => AUTO }],
  ])('%s is resolved for each request', async (_, session) => {
    const app = await harness.open({ session: { proxy: true, ...session } });
    expect(onlyCookie(await app.browser().post(SIGN_IN)).attributes).toEqual(PLAIN);
    const { pair, attributes } = onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS));
    expect(attributes).toEqual(SECURE);
    expect((await app.browser().get('/whoami', { cookie: pair, ...HTTPS })).json).toEqual({ identity: { id: 'ada' } });
    expect(onlyCookie(await app.browser().post('/logout', undefined, { cookie: pair, ...HTTPS })).attributes).toEqual([
      'Max-Age=0',
      'Path=/',
      LONG_GONE,
      'HttpOnly',
      'Secure',
      'SameSite=None',
    ]);
  });

  test('a function that gives no cookie fails the request, which is answered', async () => {
    const app = await harness.open({ session: { cookie: () => ({ maxAge: '1800000' as never }) } });
    expect((await app.browser().post(SIGN_IN)).status).toBe(500);
    expect((await app.browser().post(SIGN_IN, undefined, { cookie: signedCookie(generateSid()) })).status).toBe(500);
  });

  test('a function sees the request', async () => {
    const app = await harness.open({
      session: { cookie: (request) => ({ maxAge: request.headers['x-remember'] === 'yes' ? 86_400_000 : null }) },
    });
    expect(onlyCookie(await app.browser().post(SIGN_IN, undefined, { 'x-remember': 'yes' })).attributes.join()).toContain('Expires=');
    expect(onlyCookie(await app.browser().post(SIGN_IN)).attributes.join()).not.toContain('Expires=');
  });

  const trusting: [string, Partial<HarnessOptions>, string[]][] = [
    ['session.proxy: true', { session: { proxy: true, cookie: AUTO } }, SECURE],
    ['session.proxy: 1', { session: { proxy: 1, cookie: AUTO } }, SECURE],
    ['session.proxy: 0', { session: { proxy: 0, cookie: AUTO } }, PLAIN],
    ['a range of session.proxy', { session: { proxy: 'loopback', cookie: AUTO } }, SECURE],
    ['one address of session.proxy', { session: { proxy: '10.0.0.1, 127.0.0.0/8', cookie: AUTO } }, SECURE],
    ['one of several of session.proxy', { session: { proxy: ['10.0.0.1', '127.0.0.1'], cookie: AUTO } }, SECURE],
    ['session.proxy that does not name this one', { session: { proxy: ['10.0.0.1', 'uniquelocal'], cookie: AUTO } }, PLAIN],
    [
      'session.proxy that does not name this one, in spite of "trust proxy"',
      { session: { proxy: '10.0.0.1', cookie: AUTO }, trustProxy: true },
      PLAIN,
    ],
    ['what the framework trusts', { session: { cookie: AUTO }, trustProxy: 'loopback' }, SECURE],
    ['"trust proxy" that does not name this one', { session: { cookie: AUTO }, trustProxy: '10.0.0.1' }, PLAIN],
    ['session.proxy: false in spite of "trust proxy"', { session: { proxy: false, cookie: AUTO }, trustProxy: true }, PLAIN],
    ['nothing that trusts it', { session: { cookie: AUTO } }, PLAIN],
  ];
  test.each(trusting.filter(([, { trustProxy }]) => trustProxy === undefined || variant.platform !== 'node'))(
    'behind a TLS proxy with %s',
    async (_, options, expected) => {
      const logger = new CapturedLog();
      const app = await harness.open({ ...options, logger });
      for (let i = 0; i < 3; i++) expect(onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS)).attributes).toEqual(expected);
      expect(logger.matching(/warn .*X-Forwarded-Proto: https.*"session.proxy"/)).toHaveLength(expected === PLAIN ? 1 : 0);
    },
  );

  test.each<true | number | string>([true, 2, 'loopback'])(
    'X-Forwarded-Proto of several proxies counts by the outermost, proxy: %p',
    async (proxy) => {
      const app = await harness.open({ session: { proxy, cookie: AUTO } });
      const attributes = async (protocols: string) =>
        onlyCookie(await app.browser().post(SIGN_IN, undefined, { 'x-forwarded-proto': protocols })).attributes;
      expect(await attributes('HTTPS , http')).toEqual(SECURE);
      expect(await attributes('http, https')).toEqual(PLAIN);
    },
  );

  // Plain Node has no other server that it could be given to.
  if (variant.platform !== 'node')
    test('a connection over TLS is secure by itself, whatever is said of proxies', async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tls-'));
      const { ca, certFile, keyFile } = await writeTlsCertificates(directory);
      const app = await harness.open({ session: { proxy: false, cookie: AUTO } });
      const server = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) }, listenerOf(app));
      try {
        await once(server.listen(0, '127.0.0.1'), 'listening');
        const request = httpsRequest({
          host: '127.0.0.1',
          port: (server.address() as AddressInfo).port,
          path: SIGN_IN,
          method: 'POST',
          ca,
          agent: false,
        });
        const [response] = (await once(request.end(), 'response')) as [import('node:http').IncomingMessage];
        response.resume();
        expect(response.headers['set-cookie']?.[0]?.split('; ').slice(1)).toEqual(SECURE);
      } finally {
        server.close();
        await rm(directory, { recursive: true });
      }
    });
});

/** What serves the requests of an application, without its server. */
function listenerOf({ app }: TestApp): RequestListener {
  const instance: RequestListener & { readonly routing?: RequestListener } = app.getHttpAdapter().getInstance();
  return instance.routing ?? instance;
}

describe.each(redisVariants)('a stored cookie, $name', (variant) => {
  const harness = useVariant(variant);

  test('a session stored with a domain that no cookie can have is served, changed and told of as configured', async () => {
    const app = await harness.open();
    const browser = app.browser();
    await browser.post(SIGN_IN);
    const domain = `${'a'.repeat(64)}.example`;
    await harness.client.hset(keyOf(app.store, (await browser.sid()) ?? ''), '@cookie', JSON.stringify({ domain }));
    app.on('/write', ({ session }) => void (session['written'] = 1));
    expect((await browser.get('/write')).status).toBe(200);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });
});
