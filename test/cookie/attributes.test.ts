import { describe, expect, test } from '@jest/globals';
import { createServer, request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import cookieParser from 'cookie-parser';
import { sessionOf } from '../../src/express.js';
import { MemorySessionStore, type Sid } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { commandsDuring } from '../support/command-recorder.js';
import type { Answer } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET } from '../support/create-app.js';
import { Barrier } from '../support/barrier.js';
import { createScriptedApp } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { keyOf } from '../support/stored-session.js';
import { writeTlsCertificates } from '../support/tls-certificates.js';
import { until } from '../support/until.js';
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
    ['"trust proxy" of Express', { session: { cookie: AUTO }, prepare: (app) => void app.set('trust proxy', 'loopback') }, SECURE],
    [
      '"trust proxy" that does not name this one',
      { session: { cookie: AUTO }, prepare: (app) => void app.set('trust proxy', '10.0.0.1') },
      PLAIN,
    ],
    [
      'session.proxy: false in spite of "trust proxy"',
      { session: { proxy: false, cookie: AUTO }, prepare: (app) => void app.set('trust proxy', true) },
      PLAIN,
    ],
    ['nothing that trusts it', { session: { cookie: AUTO } }, PLAIN],
  ];
  test.each(trusting)('behind a TLS proxy with %s', async (_, options, expected) => {
    const logger = new CapturedLog();
    const app = await harness.open({ ...options, logger });
    for (let i = 0; i < 3; i++) expect(onlyCookie(await app.browser().post(SIGN_IN, undefined, HTTPS)).attributes).toEqual(expected);
    expect(logger.matching(/warn .*X-Forwarded-Proto: https.*"trust proxy".*"session.proxy"/)).toHaveLength(expected === PLAIN ? 1 : 0);
  });

  test('X-Forwarded-Proto of several proxies counts by the outermost', async () => {
    const app = await harness.open({ session: { proxy: true, cookie: AUTO } });
    const attributes = async (protocols: string) =>
      onlyCookie(await app.browser().post(SIGN_IN, undefined, { 'x-forwarded-proto': protocols })).attributes;
    expect(await attributes('HTTPS , http')).toEqual(SECURE);
    expect(await attributes('http, https')).toEqual(PLAIN);
  });

  test('a connection over TLS is secure by itself, whatever is said of proxies', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tls-'));
    const { ca, certFile, keyFile } = await writeTlsCertificates(directory);
    const app = await harness.open({ session: { proxy: false, cookie: AUTO } });
    const server = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) }, app.app.getHttpAdapter().getInstance());
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

describe.each(variants)('secrets, $name', (variant) => {
  const harness = useVariant(variant);
  const [OLD, NEW] = ['the old secret, long enough for everybody', 'the new secret, long enough for everybody'];

  test('with several, the first signs and all verify', async () => {
    const app = await harness.open({ session: { secret: [NEW, OLD, Buffer.from(TEST_SECRET)] } });
    const browser = app.browser();
    await browser.post(SIGN_IN);
    const sid = (await browser.sid()) ?? '';
    expect((await browser.cookie('sid'))?.cookieString()).toBe(signedCookie(sid, { secret: NEW }));
    for (const secret of [NEW, OLD, TEST_SECRET])
      expect((await app.browser().get('/whoami', { cookie: signedCookie(sid, { secret }) })).json).toEqual({ identity: { id: 'ada' } });
    expect((await app.browser().get('/whoami', { cookie: signedCookie(sid, { secret: 'another' }) })).json).toEqual({ identity: null });
  });
});

describe.each(variants)('cookies that come in, $name', (variant) => {
  const harness = useVariant(variant);

  async function signedIn(options?: HarnessOptions) {
    const app = await harness.open(options);
    const browser = app.browser();
    await browser.post(SIGN_IN);
    const sid = (await browser.sid()) ?? '';
    const who = async (cookie: string, headers: Record<string, string> = {}) =>
      (await app.browser().get('/whoami', { cookie, ...headers })).json.identity;
    return { app, sid, cookie: signedCookie(sid), who };
  }

  test('are found among others, in quotes, and with or without percent-encoding', async () => {
    const { cookie, who } = await signedIn();
    const value = cookie.slice('sid='.length);
    const decoded = decodeURIComponent(value);
    for (const header of [
      `a=1; ${cookie}; b=2`,
      `asid=x;${cookie}`,
      `sid2=x; ${cookie}`,
      `sid="${value}"`,
      `sid=${decoded}`,
      `sid = ${value} `,
      `=;;${cookie}`,
      `b; ${cookie}`,
    ])
      expect([header, await who(header)]).toEqual([header, { id: 'ada' }]);
  });

  test('that are malformed, oversized, unsigned or signed by somebody else are anonymous', async () => {
    const { sid, cookie, who } = await signedIn();
    const signature = decodeURIComponent(cookie).split('.')[1] ?? '';
    const bad = [
      '',
      'sid',
      'sid=',
      'sid=;',
      `sid=${sid}`,
      `sid=s:${sid}`,
      `sid=s:${sid}.`,
      'sid=s:.',
      `sid=s:.${signature}`,
      'sid=%',
      'sid=%ff%fe',
      'sid=s%3A%',
      `sid=j:{"id":"ada"}`,
      `SID=${cookie.slice(4)}`,
      `${cookie}x`,
      cookie.replace('s%3A', 's%3a%3A'),
      `sid=s:${sid}.${signature.slice(1)}`,
      `sid=s:${sid}x.${signature}`,
      signedCookie(sid, { secret: 'another' }),
      signedCookie(`${sid}.${signature}`),
      signedCookie(sid.slice(0, 22)),
      signedCookie(generateSid()),
      signedCookie(sid.slice(0, 22) + generateSid().slice(22)),
      signedCookie('x'.repeat(5_000)),
      `sid=${'a'.repeat(8_000)}`,
      signedCookie('../../etc/passwd'),
      signedCookie('*'),
    ];
    for (const header of bad) expect([header.slice(0, 80), await who(header)]).toEqual([header.slice(0, 80), null]);
  });

  test.each([
    ['/admin', ['/admin', '/admin/', '/admin/users', '/admin?x=1'], ['/', '/administrator', '/Admin', '/x/admin']],
    ['/admin/', ['/admin/', '/admin/users'], ['/', '/administrator']],
  ])('count for requests under the path %s', async (path, inside, outside) => {
    const app = await harness.open({ session: { cookie: { path } } });
    for (const url of ['/', '/admin', '/admin/', '/admin/users', '/administrator', '/Admin', '/x/admin'])
      app.on(url, ({ request }) => ({ has: [request.session, request.sessionID, request.sessionStore].map((one) => one !== undefined) }));
    for (const url of inside) expect([url, (await app.browser().get(url)).json]).toEqual([url, { has: [true, true, true] }]);
    for (const url of outside) expect([url, (await app.browser().get(url)).json]).toEqual([url, { has: [false, false, false] }]);
  });

  // What cookie-parser has verified by a secret is not told by which.
  test.each([
    ['with a secret', TEST_SECRET, null],
    ['without a secret of its own', undefined, { id: 'ada' }],
  ])('may have been parsed by cookie-parser before, %s', async (_, secret, identity) => {
    const parser = cookieParser(secret);
    const { sid, cookie, who } = await signedIn({
      prepare: (app) =>
        void app.use((request: Parameters<typeof parser>[0], response: Parameters<typeof parser>[1], next: () => void) =>
          parser(request, response, () => {
            if (request.headers['x-hide'] === 'yes') delete request.headers.cookie;
            next();
          }),
        ),
    });
    expect(await who(cookie)).toEqual({ id: 'ada' });
    expect(await who(cookie, { 'x-hide': 'yes' })).toEqual(identity);
    expect(await who(signedCookie(sid, { secret: 'another' }), { 'x-hide': 'yes' })).toBeNull();
  });
});

test('several cookies of one name have one deadline for all', async () => {
  /** Answers the first question once it may, and no other. */
  class SlowStore extends MemorySessionStore {
    readonly barrier = new Barrier(1);
    finds = 0;

    override async find(): Promise<undefined> {
      if (++this.finds > 1) await new Promise(() => undefined);
      await this.barrier.pass();
    }
  }
  const store = new SlowStore({ deadline: 1_000 });
  const app = await createScriptedApp({ store });
  const givenUp: unknown[] = [];
  app.on('/who', ({ request }) => void givenUp.push(request.query['began']));
  const ask = (began: string, ...sids: Sid[]) =>
    app.browser().get(`/who?began=${began}`, { cookie: sids.map((sid) => signedCookie(sid)).join('; ') });

  const before = ask('before', generateSid(), generateSid());
  await store.barrier.full;
  const after = ask('after', generateSid());
  await until(() => store.finds === 2, 'the later request waits');
  store.barrier.open();
  await Promise.all([before, after]);

  expect(givenUp).toEqual(['before', 'after']);
  await app.close();
});

describe.each(redisVariants)('bad cookies and Redis, $name', (variant) => {
  const harness = useVariant(variant);

  test('cost no command, whatever they hold', async () => {
    const app = await harness.open();
    const commands = await commandsDuring(harness.redis, app.store, async () => {
      for (const header of [
        'sid',
        `sid=${'a'.repeat(8_000)}`,
        'sid=s:x.y',
        signedCookie(generateSid(), { secret: 'another' }),
        signedCookie('x'.repeat(5_000)),
      ])
        expect((await app.browser().get('/read', { cookie: header })).status).toBe(200);
    });
    expect(commands).toEqual([]);
  });
});

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
