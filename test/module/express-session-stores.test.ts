import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Controller, Get, UseGuards } from '@nestjs/common';
import expressSession from 'express-session';
import { Identity, Session, SessionGuard } from '../../src/index.js';
import type { RedisSessionStoreOptions } from '../../src/redis-session.options.js';
import type { SessionCallback } from '../../src/http/request/http-session.js';
import type { Sid } from '../../src/session/sid.js';
import { type Browser } from '../support/browser.js';
import { createConnectRedisApp, type ConnectRedisApp } from '../support/connect-redis-app.js';
import { TEST_SECRET } from '../support/create-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { variants } from '../support/variants.js';

const PREFIX = 'shop:sess:';
const HOUR = 3_600_000;

/** As express-session writes it. */
type StoredValue = Record<string, unknown> & { cookie: { originalMaxAge: number | null; expires: string } };

const middlewares = [...new Set(variants.map(({ middleware }) => middleware))];

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get()
  show(@Identity() identity: Identity, @Identity('id') id: string, @Session('cart') cart?: string[]): object {
    return { identity, id, cart };
  }
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterEach(() => redis.client().flushall());
afterAll(() => redis.stop());

describe.each(middlewares)("kind 'connect-redis', %s", (middleware) => {
  let ours: ScriptedApp;
  let theirs: ConnectRedisApp;
  let here: Browser;
  let there: Browser;

  async function start(cookie: { maxAge?: number }, store: Pick<RedisSessionStoreOptions, 'ttl' | 'serializer'> = {}): Promise<void> {
    const session = { name: 'shop', resave: false, saveUninitialized: false, cookie };
    ours = await createScriptedApp({
      redis: redis.url,
      session: { middleware, ...session },
      store: { kind: 'connect-redis', prefix: PREFIX, ...store },
      controllers: [GuardedController],
    });
    theirs = await createConnectRedisApp({
      client: redis.client(),
      session: { secret: TEST_SECRET, ...session },
      store: { prefix: PREFIX, ...store } as object,
    });
    here = ours.browser();
    there = here.at(theirs.origin);
    for (const app of [ours, theirs]) {
      app.on('/put', ({ session: it, request }) => void Object.assign(it, request.query));
      app.on('/show', ({ session: { cookie: _, ...entries } }) => entries);
      app.on('/save', ({ session: it }) => promisify((done: SessionCallback) => void it.save(done))());
    }
    theirs.on('/sign-in', ({ session: it }) => void Object.assign(it, { identity: { id: 'ada' }, cart: ['tea'] }));
    theirs.on('/sign-out', ({ session: it }) => promisify((done: SessionCallback) => void it.destroy(done))());
  }

  beforeEach(() => start({ maxAge: HOUR }));
  afterEach(async () => {
    await ours.close();
    await theirs.close();
  });

  const keyOf = async (browser: Browser) => PREFIX + (await browser.sid('shop'));
  const keys = () => redis.client().keys('*');
  const stored = async (browser: Browser) => JSON.parse((await redis.client().get(await keyOf(browser))) ?? 'null') as StoredValue;
  const ttl = async (browser: Browser) => redis.client().pttl(await keyOf(browser));

  describe('beside a plain Express application with the same Redis, secret and prefix', () => {
    test('who signs in there is signed in here', async () => {
      await there.get('/sign-in');
      expect((await here.get('/guarded')).json).toEqual({ identity: { id: 'ada' }, id: 'ada', cart: ['tea'] });
      expect(await keys()).toEqual([await keyOf(there)]);
    });

    test('who signs in here is signed in there', async () => {
      await here.post('/login/grace');
      expect((await there.get('/show')).json).toEqual({ identity: { id: 'grace' } });
      expect(await keys()).toEqual([await keyOf(here)]);
    });

    test('who signs out in one place is signed out in the other', async () => {
      await there.get('/sign-in');
      await here.post('/logout');
      expect((await there.get('/show')).json).toEqual({});
      await here.post('/login/grace');
      await there.get('/sign-out');
      expect((await here.get('/guarded')).status).toBe(401);
      expect(await keys()).toEqual([]);
    });

    test('entries written there are read here, and back', async () => {
      await there.get('/put?a=1&b=1');
      await here.get('/put?b=2&c=2');
      await there.get('/put?c=3');
      expect((await here.get('/show')).json).toEqual({ a: '1', b: '2', c: '3' });
      ours.on('/forget', ({ session }) => void delete session['a']);
      await here.get('/forget');
      expect((await there.get('/show')).json).toEqual({ b: '2', c: '3' });
    });

    test('a value is what express-session would have written', async () => {
      const another = ours.browser();
      await here.get('/put?a=1');
      await another.at(theirs.origin).get('/put?a=1');
      const [mine, its] = [await stored(here), await stored(another)];
      // express-session works it out from the expiry and the clock, which may have gone on.
      expect(HOUR - Number(its.cookie.originalMaxAge)).toBeLessThan(600_000);
      expect(mine).toEqual({
        ...its,
        cookie: { ...its.cookie, originalMaxAge: HOUR, expires: expect.any(String), secure: false, sameSite: 'lax' },
      });
      expect(Math.abs(Date.parse(mine.cookie.expires) - Date.parse(its.cookie.expires))).toBeLessThan(600_000);
    });

    test('a serializer is that of the whole value, as with connect-redis', async () => {
      await ours.close();
      await theirs.close();
      const stringify = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
      await start(
        { maxAge: HOUR },
        { serializer: { stringify, parse: (text) => JSON.parse(Buffer.from(text, 'base64').toString()) as unknown } },
      );
      await there.get('/put?a=1');
      await here.get('/put?b=2');
      expect((await there.get('/show')).json).toEqual({ a: '1', b: '2' });
      await redis.client().set(await keyOf(here), 'not base64 of JSON');
      expect((await here.get('/show')).json).toEqual({});
    });
  });

  describe('a session', () => {
    test('has the hash of its sid for a handle', async () => {
      ours.on('/handle', ({ session }) => ({ handle: session.handle }));
      await here.get('/put?a=1');
      const sid = (await here.sid('shop')) ?? '';
      expect((await here.get('/handle')).json).toEqual({ handle: createHash('sha256').update(sid).digest('base64url') });
    });

    test('gets a new sid by signing in, and the old one is dead', async () => {
      await here.get('/put?cart=tea');
      const visitor = await here.clone();
      await here.post('/login/ada');
      expect((await here.get('/show')).json).toEqual({ identity: { id: 'ada' }, cart: 'tea' });
      expect((await visitor.get('/show')).json).toEqual({});
      expect(await keys()).toEqual([await keyOf(here)]);
    });

    test('keeps what it has when it is rotated', async () => {
      ours.on('/rotate', ({ session }) => session.rotate());
      await here.post('/login/ada');
      const before = await keyOf(here);
      await here.get('/rotate');
      expect(await keyOf(here)).not.toBe(before);
      expect((await here.get('/guarded')).json).toMatchObject({ id: 'ada' });
      expect(await keys()).toEqual([await keyOf(here)]);
    });

    test('is nobody without an identity', async () => {
      await here.get('/put?a=1');
      expect((await here.get('/guarded')).status).toBe(401);
    });
  });

  describe('the time to live', () => {
    test('begins anew with each request', async () => {
      await here.get('/put?a=1');
      await redis.client().pexpire(await keyOf(here), 1_000_000);
      await here.get('/show');
      await ours.store.drain();
      expect(await ttl(here)).toBeGreaterThan(3_000_000);
    });

    /** As touches leave it: the key lives on, and the value tells of a time long past. */
    async function makeStale(browser: Browser): Promise<void> {
      const { cookie, ...entries } = await stored(browser);
      const value = JSON.stringify({ ...entries, cookie: { ...cookie, expires: new Date(Date.now() - 1_000) } });
      await redis.client().set(await keyOf(browser), value, 'PX', 1_000_000);
    }

    test('comes from originalMaxAge, so a save past the stored expires keeps the session', async () => {
      await here.get('/put?a=1');
      await makeStale(here);
      await here.get('/save');
      await ours.store.drain();
      expect((await here.get('/show')).json).toEqual({ a: '1' });
      expect(await ttl(here)).toBeGreaterThan(3_000_000);
    });

    test('also for a change past the stored expires', async () => {
      await here.get('/put?a=1');
      await makeStale(here);
      await here.get('/put?b=2');
      expect(await stored(here)).toMatchObject({ a: '1', b: '2' });
      expect(await ttl(here)).toBeGreaterThan(3_000_000);
    });

    test('is counted from the save, not from when the cookie was made', async () => {
      const wholeCookie = { originalMaxAge: HOUR, expires: new Date(Date.now() - 1_000), path: '/' };
      await ours.sessions.create('slow' as Sid, { entries: new Map(), terms: { idle: HOUR, cookie: undefined, wholeCookie } });
      expect(await redis.client().pttl(`${PREFIX}slow`)).toBeGreaterThan(3_000_000);
    });

    test('where express-session and connect-redis by themselves lose it', async () => {
      await there.get('/put?a=1');
      await makeStale(there);
      await there.get('/save');
      expect(await keys()).toEqual([]);
    });

    test('is store.ttl without maxAge', async () => {
      await ours.close();
      await theirs.close();
      await start({}, { ttl: 9_000 });
      await here.get('/put?a=1');
      expect(await ttl(here)).toBeGreaterThan(8_000_000);
      expect(await ttl(here)).toBeLessThanOrEqual(9_000_000);
      expect(await stored(here)).toMatchObject({ cookie: { originalMaxAge: null, expires: null } });
    });
  });

  describe('what is no session', () => {
    test.each<[string, (key: string) => Promise<unknown>]>([
      ['another type', (key) => redis.client().hset(key, 'a', '1')],
      ['bad JSON', (key) => redis.client().set(key, '{"a":')],
      ['a number', (key) => redis.client().set(key, '5')],
      ['null', (key) => redis.client().set(key, 'null')],
      ['a list', (key) => redis.client().set(key, '[1]')],
      ['an object that express-session did not write', (key) => redis.client().set(key, '{"identity":{"id":"ada"}}')],
      ['a cookie that is none', (key) => redis.client().set(key, '{"cookie":"x"}')],
    ])('%s: is absent, and signing in works', async (_, plant) => {
      await here.get('/put?a=1');
      const key = await keyOf(here);
      await redis.client().del(key);
      await plant(key);
      expect((await here.get('/guarded')).status).toBe(401);
      expect((await here.get('/show')).json).toEqual({});
      expect((await here.post('/login/ada')).status).toBe(200);
      expect((await here.get('/guarded')).json).toMatchObject({ id: 'ada' });
      expect(await keyOf(here)).not.toBe(key);
    });

    test('an attribute that no cookie can have is left out, so that no change fails by it', async () => {
      await here.get('/put?a=1');
      const { cookie, ...entries } = await stored(here);
      const domain = `${'a'.repeat(64)}.example`;
      await redis.client().set(await keyOf(here), JSON.stringify({ ...entries, cookie: { ...cookie, domain, priority: 'nope' } }));
      expect((await here.get('/put?b=2')).status).toBe(200);
      expect((await here.get('/show')).json).toEqual({ a: '1', b: '2' });
    });

    test('is counted', async () => {
      await here.get('/put?a=1');
      await redis.client().set(await keyOf(here), '5');
      await here.get('/show');
      expect(ours.sessions.events.count('rejected')).toBe(1);
    });

    test('an entry that would set a prototype is none', async () => {
      await here.get('/put?a=1');
      const { cookie } = await stored(here);
      await redis.client().set(await keyOf(here), `{"__proto__":{"admin":true},"a":1,"cookie":${JSON.stringify(cookie)}}`);
      ours.on('/admin', ({ session }) => ({ admin: session['admin'] ?? null, plain: ({} as AnySession)['admin'] ?? null }));
      expect((await here.get('/admin')).json).toEqual({ admin: null, plain: null });
    });
  });

  test('without Redis, what needs the session answers 503', async () => {
    await here.post('/login/ada');
    await redis.kill();
    expect((await here.get('/guarded')).status).toBe(503);
    expect((await here.get('/plain')).text).toBe('plain');
    await redis.restart();
  });
});

describe.each(middlewares)('a store made for express-session given to the module, %s', (middleware) => {
  let app: ScriptedApp;
  const store = new expressSession.MemoryStore();
  const { sessions } = store as unknown as { sessions: Record<string, string> };
  beforeAll(async () => {
    app = await createScriptedApp({ session: { middleware }, store, controllers: [GuardedController] });
  });
  afterAll(() => app.close());

  test('keeps the sessions, without Redis, and serves guard and decorators', async () => {
    const browser = app.browser();
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    await browser.get('/fill');
    await browser.post('/login/ada');
    expect((await browser.get('/guarded')).json).toEqual({ identity: { id: 'ada' }, id: 'ada', cart: ['tea'] });
    const [text] = Object.values(sessions);
    expect(JSON.parse(text ?? '')).toMatchObject({ identity: { id: 'ada' }, cart: ['tea'], cookie: { path: '/' } });
    await browser.post('/logout');
    expect([Object.keys(sessions), (await browser.get('/guarded')).status]).toEqual([[], 401]);
  });

  test('is what req.sessionStore is', async () => {
    app.on('/store', ({ request }) => ({ isGiven: (request.sessionStore as unknown) === store }));
    // express-session calls its own, over the one that was given.
    expect((await app.browser().get('/store')).json).toEqual({ isGiven: middleware === 'builtin' });
  });
});
