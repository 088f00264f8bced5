import { describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import {
  Public,
  Session,
  SessionEvents,
  SessionGuard,
  SessionManager,
  type Adopter,
  type Credential,
  type HttpSession,
} from '../../src/index.js';
import { Barrier } from '../support/barrier.js';
import type { Answer } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET } from '../support/create-app.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { redisVariants, useVariant, variants, type HarnessOptions } from '../support/variants.js';

const REQUESTS = 20;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FIVE_MINUTES = 300_000;
const KEY = 'the-key-of-a-credential';
const OLD_SECRET = 'the secret that was there before, which is long enough';

@Controller()
@UseGuards(SessionGuard)
class PagesController {
  @Get('me') me(@Session() session: HttpSession): unknown {
    return { ...session, cookie: undefined };
  }

  @Public() @Get('public') open(): string {
    return 'open to everybody';
  }
}

/** Credentials as these tests have them: what the adopter finds, by a word in a header. */
class Credentials {
  readonly known = new Map<string, unknown>();
  asked = 0;
  /** What each request waits for. */
  wait: () => Promise<unknown> = () => Promise.resolve();

  constructor(credentials: Record<string, Partial<Credential>> = { ada: {} }) {
    for (const [word, one] of Object.entries(credentials)) this.known.set(word, credential(one));
  }

  readonly adopt = (async ({ headers }: IncomingMessage) => {
    const word = headers['x-credential'];
    this.asked++;
    if (typeof word !== 'string') return undefined;
    await this.wait();
    return this.known.get(word) as Credential | undefined;
  }) satisfies Adopter;
}

function credential(more: Partial<Credential> = {}): Credential {
  return { key: KEY, identity: { id: 'ada' }, authenticatedAt: Date.now() - HOUR, expiresAt: new Date(Date.now() + DAY), ...more };
}

const setsCookie = ({ setCookies }: Answer) => setCookies.some((cookie) => cookie.startsWith('sid=s'));
const SIGNED_OUT = { statusCode: 401, code: 'SESSION_REQUIRED' };

describe.each(variants)('the option adopt, $name', (variant) => {
  const harness = useVariant(variant);

  async function start({ credentials = new Credentials(), ...options }: HarnessOptions & { credentials?: Credentials } = {}) {
    const app = await harness.open({ controllers: [PagesController], adopt: credentials.adopt, ...options });
    app.on('/rotate', ({ session }) => session.rotate());
    app.on('/reauthenticate', ({ session }) => session.reauthenticate());
    const come = (path: string, word = 'ada', browser = app.browser()) => browser.get(path, { 'x-credential': word });
    return { app, credentials, manager: app.app.get(SessionManager), come };
  }

  const handlesOf = async (manager: SessionManager) => (await manager.list('ada')).sessions.map(({ handle }) => handle);

  /** As if so much time had gone by, for all that this store remembers. */
  async function later({ store }: ScriptedApp, ms: number): Promise<void> {
    if (variant.kind === 'memory') {
      const { clock } = store;
      Object.assign(store, { clock: { now: () => (clock.now() ?? 0) + ms } });
      return;
    }
    const { client } = harness;
    for (const key of await client.keys('*')) {
      const left = await client.pttl(key);
      if (left <= ms) await client.del(key);
      else await client.pexpire(key, left - ms);
    }
  }

  test('makes a session of a credential, once: from then on the cookie counts, and nobody is asked', async () => {
    const credentials = new Credentials({ ada: { data: { cart: ['tea'] } } });
    const { app, manager, come } = await start({ credentials });
    const adopted: unknown[] = [];
    app.app.get(SessionEvents).on('adopted', (event) => void adopted.push(event));
    const browser = app.browser();
    const first = await come('/me', 'ada', browser);
    expect([first.status, first.json]).toEqual([200, { identity: { id: 'ada' }, cart: ['tea'] }]);
    expect(setsCookie(first)).toBe(true);
    const handles = await handlesOf(manager);
    expect(adopted).toEqual([{ handle: handles[0], userId: 'ada' }]);
    for (const path of ['/me', '/public', '/whoami']) await come(path, 'ada', browser);
    expect((await browser.get('/me')).json).toEqual(first.json);
    expect(credentials.asked).toBe(1);
    expect(await handlesOf(manager)).toEqual(handles);
  });

  test(`${REQUESTS} requests at once with one credential have one session`, async () => {
    const { app, credentials, manager, come } = await start();
    const barrier = new Barrier(REQUESTS);
    credentials.wait = () => barrier.pass();
    const requests = Promise.all(Array.from({ length: REQUESTS }, () => come('/me')));
    await barrier.full;
    barrier.open();
    const answers = await requests;
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: REQUESTS }, () => 200));
    const values = new Set(answers.flatMap(({ setCookies }) => setCookies.map((cookie) => cookie.split(';')[0])));
    expect(values.size).toBe(1);
    expect((await handlesOf(manager)).length).toBe(1);
    expect(app.app.get(SessionEvents).count('adopted')).toBe(1);
    expect(app.app.get(SessionEvents).count('created')).toBe(1);
  });

  test('asks nobody without a credential for more than that: no key, no cookie', async () => {
    const { app, credentials } = await start();
    const answer = await app.browser().get('/public');
    expect([answer.status, answer.setCookies, credentials.asked]).toEqual([200, [], 1]);
    if (variant.kind === 'hash') expect(await harness.client.keys('*')).toEqual([]);
  });

  test('a sign-out ends the credential too, for a client with and without the cookie, until it would be over', async () => {
    const { app, come } = await start();
    const browser = app.browser();
    await come('/me', 'ada', browser);
    const tab = await browser.clone();
    await browser.post('/logout');
    for (const wait of [0, FIVE_MINUTES, HOUR]) {
      await later(app, wait);
      for (const client of [browser, app.browser(), tab]) expect((await come('/me', 'ada', client)).json).toMatchObject(SIGNED_OUT);
    }
  });

  test.each(['/rotate', '/login/ada', '/login/grace'])('a sign-out after %s ends the credential that it has begun with', async (path) => {
    const { app, come } = await start();
    const browser = app.browser();
    await come('/me', 'ada', browser);
    await browser.post(path);
    expect((await browser.get('/me')).status).toBe(200);
    if (path !== '/rotate') expect((await come('/me')).json).toMatchObject(SIGNED_OUT);
    await browser.post('/logout');
    await later(app, FIVE_MINUTES);
    expect((await come('/me')).json).toMatchObject(SIGNED_OUT);
  });

  test('reauthenticate() ends what the credential opens, and not the session', async () => {
    const { app, come } = await start();
    const browser = app.browser();
    await come('/me', 'ada', browser);
    expect((await come('/me')).status).toBe(200);
    await browser.post('/reauthenticate');
    expect((await browser.get('/me')).status).toBe(200);
    expect((await come('/me')).json).toMatchObject(SIGNED_OUT);
  });

  test('a client that keeps no cookies is served by the credential, also when others have rotated the session', async () => {
    const { app, manager, come } = await start();
    const browser = app.browser();
    await come('/me', 'ada', browser);
    await browser.post('/rotate');
    await browser.get('/whoami');
    const answer = await come('/me');
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect((await browser.get('/me')).status).toBe(200);
    expect((await handlesOf(manager)).length).toBe(1);
    expect(app.app.get(SessionEvents).count('reused')).toBe(0);
  });

  test('revoking ends the credential, and its holder learns why', async () => {
    const { app, manager, come } = await start();
    await come('/me');
    const [handle = ''] = await handlesOf(manager);
    await manager.revoke('ada', handle, 'stolen-phone');
    expect((await come('/me')).json).toMatchObject({ ...SIGNED_OUT, reason: 'stolen-phone' });
    await later(app, FIVE_MINUTES);
    expect((await come('/me')).json).toMatchObject(SIGNED_OUT);
  });

  test('revokeAll() refuses credentials of before, whether anybody has come with them or not, and none of after', async () => {
    const credentials = new Credentials({ used: { key: 'used' }, unused: { key: 'unused' } });
    const { app, manager, come } = await start({ credentials });
    await come('/me', 'used');
    await manager.revokeAll('ada', 'password-changed');
    for (const wait of [0, FIVE_MINUTES, HOUR]) {
      await later(app, wait);
      for (const word of ['used', 'unused'])
        expect((await come('/me', word)).json).toMatchObject({ ...SIGNED_OUT, reason: 'password-changed' });
    }
    credentials.known.set('new', credential({ key: 'new', authenticatedAt: Date.now() + 10_000 }));
    expect((await come('/me', 'new')).status).toBe(200);
  });

  test('a request whose session was ended is not asked, whatever credential it has', async () => {
    const { app, credentials, manager, come } = await start();
    const browser = app.browser();
    for (const end of [() => browser.clone().then((tab) => tab.post('/logout')), () => manager.revokeAll('ada')]) {
      await browser.post('/login/ada');
      const tab = await browser.clone();
      await end();
      const asked = credentials.asked;
      const answer = await come('/me', 'ada', tab);
      expect([answer.status, credentials.asked]).toEqual([401, asked]);
      await browser.jar.removeAllCookies();
    }
  });

  test("a sign-out in one tab leaves the other tab's new session alone", async () => {
    const { app, come } = await start();
    const browser = app.browser();
    await browser.post('/login/ada');
    const tab = await browser.clone();
    await browser.post('/logout');
    // The answer to a request with the old cookie must not delete the cookie of a sign-in at the same time.
    expect((await come('/public', 'ada', tab)).setCookies).toEqual([]);
  });

  test('a session that has expired is made anew', async () => {
    const { app, manager, come } = await start();
    const browser = app.browser();
    await come('/me', 'ada', browser);
    const [handle] = await handlesOf(manager);
    await harness.expire(app, await browser.sid());
    const answer = await come('/me', 'ada', browser);
    expect([answer.status, setsCookie(answer)]).toEqual([200, true]);
    expect(await handlesOf(manager)).toEqual([handle]);
  });

  test('absoluteTtl counts from the adoption, and remember as with login()', async () => {
    const credentials = new Credentials({
      ada: { remember: { ttl: 3_600 } },
      grace: { key: 'other', identity: { id: 'grace' }, remember: { ttl: 600, absoluteTtl: 300 } },
    });
    const { app, come } = await start({ credentials, store: { absoluteTtl: 1_800 } });
    app.on('/times', ({ session }) => ({
      left: (session.expiresAt?.getTime() ?? 0) - (session.createdAt?.getTime() ?? 0),
      maxAge: session.cookie.originalMaxAge ?? null,
      freshness: Math.round(((session.createdAt?.getTime() ?? 0) - (session.authenticatedAt?.getTime() ?? 0)) / HOUR),
    }));
    expect((await come('/times')).json).toEqual({ left: 1_800_000, maxAge: HOUR, freshness: 1 });
    const answer = await come('/times', 'grace');
    expect(answer.json).toEqual({ left: 300_000, maxAge: 600_000, freshness: 1 });
    expect(answer.setCookies.join()).toContain('Expires=');
  });

  test('an identity that the application keeps elsewhere is found in the data', async () => {
    const credentials = new Credentials({ ada: { data: { passport: { user: 'ada' } } }, wrong: { key: 'wrong' } });
    const identity = (session: Record<string, unknown>) => {
      const { user } = (session['passport'] ?? {}) as { user?: string };
      return user === undefined ? undefined : { id: user };
    };
    const { come } = await start({ credentials, identity });
    expect((await come('/me')).json).toMatchObject({ passport: { user: 'ada' } });
    expect((await come('/me', 'wrong')).status).toBe(500);
  });

  test('an adopter that fails, or takes too long, is a failed load: 503 for who asks, and public pages go on', async () => {
    const logger = new CapturedLog();
    const { app, credentials, come } = await start({ logger });
    credentials.wait = () => Promise.reject(Object.assign(new TypeError(`bad ${KEY}`), { code: 'E_BAD' }));
    const refused = await come('/me');
    expect([refused.status, refused.headers.get('retry-after'), refused.setCookies]).toEqual([503, '1', []]);
    expect((await come('/public')).text).toContain('open to everybody');
    expect(logger.matching('TypeError E_BAD at ')).toHaveLength(1);
    expect(logger.matching(KEY)).toEqual([]);
    await app.close();

    const slow = new Credentials();
    slow.wait = () => new Promise(() => undefined);
    const other = await start({ credentials: slow, store: { deadline: 50 } });
    expect((await other.come('/me')).status).toBe(503);
    expect((await other.come('/public')).text).toContain('open to everybody');
  });

  const now = Date.now();
  const SECRET_VALUE = 'a-secret-value';
  test.each<[string, unknown]>([
    ['must return a credential, or undefined', SECRET_VALUE],
    ['"key" is a non-empty string', { ...credential(), key: undefined }],
    ['"key" is a non-empty string, and returned a number', { ...credential(), key: 4_711 }],
    ['"identity" is an object with an "id"', { ...credential(), identity: SECRET_VALUE }],
    ['"identity" is an object with an "id"', { ...credential(), identity: { id: '' } }],
    ['"data" is an object of entries', { ...credential(), data: SECRET_VALUE }],
    ['"data" has no "identity"', { ...credential(), data: { identity: { id: 'eve' } } }],
    ['"data" has no "cookie"', { ...credential(), data: { cookie: { maxAge: 1 } } }],
    ['"authenticatedAt" is a Date or epoch ms', { ...credential(), authenticatedAt: undefined }],
    ['"authenticatedAt" is a Date or epoch ms', { ...credential(), authenticatedAt: new Date('no date') }],
    ['Seconds, as a JWT has them, are new Date(seconds * 1000)', { ...credential(), authenticatedAt: Math.floor(now / 1_000) }],
    ['"authenticatedAt" is in the past', { ...credential(), authenticatedAt: now + DAY }],
    ['"expiresAt" is a Date or epoch ms', { ...credential(), expiresAt: SECRET_VALUE }],
    ['"expiresAt" is after its "authenticatedAt"', { ...credential(), expiresAt: now - DAY }],
    ['"remember.ttl" is a positive finite number of seconds', { ...credential(), remember: { ttl: -1 } }],
    ['"identity" that is not found again', { ...credential(), identity: { id: 'ada', toJSON: () => SECRET_VALUE } }],
  ])('a bad result is named in the log: %s', async (message, result) => {
    const logger = new CapturedLog();
    const { credentials, come } = await start({ logger });
    credentials.known.set('bad', result);
    expect((await come('/me', 'bad')).status).toBe(500);
    expect((await come('/public', 'bad')).text).toContain('open to everybody');
    expect(logger.matching(message).length).toBeGreaterThan(0);
    for (const secret of [KEY, SECRET_VALUE, '4711']) expect(logger.matching(secret)).toEqual([]);
  });

  test('a credential that is over is refused, and warned of', async () => {
    const logger = new CapturedLog();
    const credentials = new Credentials({
      over: { expiresAt: Date.now() - 1_000 },
      old: { key: 'old', authenticatedAt: Date.now() - 401 * DAY, expiresAt: undefined },
    });
    const { come } = await start({ credentials, logger });
    for (const word of ['over', 'old']) expect((await come('/me', word)).json).toMatchObject(SIGNED_OUT);
    expect(logger.matching('has returned a credential that is over')).toHaveLength(1);
  });

  test('nobody is asked once "until" has passed, which is said at the start', async () => {
    const logger = new CapturedLog();
    const credentials = new Credentials();
    const { come } = await start({ credentials, logger, adopt: Object.assign(credentials.adopt, { until: new Date(0) }) });
    expect((await come('/me')).json).toMatchObject(SIGNED_OUT);
    expect(credentials.asked).toBe(0);
    expect(logger.matching('"adopt" is over')).toHaveLength(1);
  });

  test('a request that only looks gets the session that it makes, and does not tell of one that another has made', async () => {
    const { come } = await start({ session: { passive: ({ url = '' }) => url.startsWith('/me') } });
    const made = await come('/me');
    const found = await come('/me');
    expect([made.status, setsCookie(made), found.status, found.setCookies]).toEqual([200, true, 200, []]);
  });

  test('nothing of the key is in the log, an answer, or an error', async () => {
    const logger = new CapturedLog();
    const { app, come } = await start({ logger });
    app.on('/throw', ({ session, request }) => {
      logger.log(session, request);
      throw new Error('a fault of the application');
    });
    for (const path of ['/me', '/throw']) expect((await come(path)).text).not.toContain(KEY);
    if (variant.kind === 'hash')
      for (const key of await harness.client.keys('*')) {
        const held =
          (await harness.client.type(key)) === 'hash' ? await harness.client.hgetall(key) : await harness.client.zrange(key, '0', '-1');
        expect(JSON.stringify([key, held])).not.toContain(KEY);
      }
    expect(logger.matching(KEY)).toEqual([]);
  });
});

describe.each(redisVariants)('the option adopt, in Redis, $name', (variant) => {
  const harness = useVariant(variant);

  const come = (app: ScriptedApp) => app.browser().get('/me', { 'x-credential': 'ada' });

  const open = (secret: string | string[]) =>
    harness.open({ controllers: [PagesController], adopt: new Credentials().adopt, session: { secret } });

  test('all secrets are looked for, and the first makes new sessions', async () => {
    const credentials = new Credentials();
    const openBy = (secret: string | string[]) =>
      harness.open({ controllers: [PagesController], adopt: credentials.adopt, session: { secret } });
    const before = await openBy(OLD_SECRET);
    await come(before);
    const after = await openBy([TEST_SECRET, OLD_SECRET]);
    await come(after);
    const manager = after.app.get(SessionManager);
    const handles = (await manager.list('ada')).sessions.map(({ handle }) => handle);
    expect(handles).toHaveLength(1);
    await manager.revokeAll('ada');
    expect((await come(after)).status).toBe(401);
    await harness.client.flushall();
    await come(after);
    const [other] = (await manager.list('ada')).sessions;
    expect(other?.handle).not.toBe(handles[0]);
  });

  test('what is left of an ended session has an end: when the credential can come no more', async () => {
    const app = await open(TEST_SECRET);
    const browser = app.browser();
    await browser.get('/me', { 'x-credential': 'ada' });
    const [key = ''] = (await harness.client.keys('sess:*')).filter((name) => !name.includes(':user:'));
    expect(await harness.client.pttl(key)).toBeLessThanOrEqual(HOUR);
    const adopted = Number.parseInt((await harness.client.hget(key, '@adopted')) ?? '', 36);
    await browser.post('/logout');
    expect((await harness.client.hkeys(key)).toSorted()).toEqual(['@adopted', '@gone']);
    expect(await harness.client.pexpiretime(key)).toBe(adopted);
    expect(await harness.client.pttl(key)).toBeGreaterThan(DAY - HOUR);
    for (const each of await harness.client.keys('*')) expect(await harness.client.pttl(each)).toBeGreaterThan(0);
  });

  test('a sign-out ends the credential also when Redis is out of memory', async () => {
    const app = await open(TEST_SECRET);
    const browser = app.browser();
    await browser.get('/me', { 'x-credential': 'ada' });
    await harness.client.config('SET', 'maxmemory', '1');
    try {
      await browser.post('/logout');
    } finally {
      await harness.client.config('SET', 'maxmemory', '0');
    }
    expect((await come(app)).status).toBe(401);
  });
});
