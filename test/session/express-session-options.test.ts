import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants } from '../support/variants.js';

const PASSWORD = 'pass: word/?';
const HALF_AN_HOUR = 1_800_000;

describe.each(redisVariants)('a configuration of express-session, $name', ({ middleware }) => {
  let server: RedisServer;
  let database: Redis;
  let apps: ScriptedApp[] = [];
  beforeAll(async () => {
    server = await startRedis({ password: PASSWORD });
    database = new Redis({ ...server.options, db: 1 });
  });
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    apps = [];
  });
  afterAll(async () => {
    database.disconnect();
    await server.stop();
  });

  async function open(prefix: string): Promise<ScriptedApp> {
    const app = await createScriptedApp({
      redis: { host: '127.0.0.1', port: server.port, password: PASSWORD, db: 1 },
      session: { middleware, name: 'sid', resave: true, rolling: true, saveUninitialized: false, cookie: { maxAge: HALF_AN_HOUR } },
      store: { prefix, ttl: 1_800, logErrors: true },
    });
    apps.push(app);
    app.on('/visit', ({ session }) => (session['visits'] = Number(session['visits'] ?? 0) + 1));
    return app;
  }

  test('keeps what a visitor writes, in database 1 and under its prefix', async () => {
    const app = await open('shop:');
    const browser = app.browser();

    await browser.get('/visit');
    expect((await browser.get('/visit')).text).toBe('2');

    expect(await database.keys('*')).toEqual([keyOf(app.store, (await browser.sid()) ?? '')]);
    expect(await server.client().dbsize()).toBe(0);
  });

  test('sends the cookie with every response and starts the half hour anew', async () => {
    const app = await open('shop:');
    const browser = app.browser();
    await browser.get('/visit');
    const key = keyOf(app.store, (await browser.sid()) ?? '');
    await database.pexpire(key, 600_000);

    const answer = await browser.get('/plain');

    expect(answer.setCookies).toHaveLength(1);
    expect(answer.setCookies[0]).toMatch(/^sid=s%3A[\w-]{54}\.[^;]+; Max-Age=1800; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    expect((await browser.cookie('sid'))?.TTL()).toBeGreaterThan(HALF_AN_HOUR - 60_000);
    expect(await database.pttl(key)).toBeGreaterThan(HALF_AN_HOUR - 60_000);
  });

  test('gives a visitor who writes nothing neither cookie nor key', async () => {
    const app = await open('quiet:');
    expect((await app.browser().get('/plain')).setCookies).toEqual([]);
    expect(await database.keys('quiet:*')).toEqual([]);
  });

  test('keeps two applications with different prefixes and the same secret apart', async () => {
    const [shop, forum] = [await open('shop:'), await open('forum:')];
    const [customer, member] = [shop.browser(), forum.browser()];
    await customer.post('/login/ada');
    await member.post('/login/grace');
    const cookie = (await customer.cookie('sid'))?.cookieString() ?? '';

    expect((await forum.browser().get('/whoami', { cookie })).json).toEqual({ identity: null });
    expect((await customer.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    expect((await member.get('/whoami')).json).toEqual({ identity: { id: 'grace' } });
  });
});
