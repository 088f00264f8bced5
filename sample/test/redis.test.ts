import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { until } from '../../test/support/until.js';
import { inRedis, MEMORY, startSample, type RunningSample } from './start-sample.js';

const PASSWORD = 'p@ss:w/rd';
const LOVELACE = { username: 'ada', password: 'lovelace' };

let redis: RedisServer;
let sample: RunningSample;

beforeAll(async () => {
  redis = await startRedis({ password: PASSWORD });
  sample = await startSample(inRedis(redis));
});

afterAll(() => redis?.stop());

test('a session is one hash in Redis with the identity and the cart, from sign-in to sign-out', async () => {
  const browser = sample.browser();
  await browser.post('/cart', { sku: 'tea', quantity: 2 });
  await browser.post('/auth/login', LOVELACE);
  const keys = await redis.client().keys('*');
  const sessions = keys.filter((key) => /^sess:[\w-]{22}$/.test(key));
  expect(sessions).toHaveLength(1);
  expect(keys.filter((key) => !sessions.includes(key))).toEqual([expect.stringMatching(/^sess:user:/)]);

  const { identity, cart } = await redis.client().hgetall(sessions[0]!);
  expect(JSON.parse(identity!)).toMatchObject({ name: 'ada', roles: ['user', 'admin'] });
  expect(JSON.parse(cart!)).toEqual({ items: [{ sku: 'tea', quantity: 2 }] });

  await browser.post('/auth/logout');
  expect(await redis.client().keys('*')).toEqual([]);
});

test('the page is told how to look at the session, once there is one', async () => {
  const browser = sample.browser();
  expect((await browser.get('/page/session')).json).toEqual({});
  await browser.post('/cart', { sku: 'tea', quantity: 2 });
  const { command } = (await browser.get('/page/session')).json;
  const [, port, key] = /^redis-cli -p (\d+) --askpass HGETALL (\S+)$/.exec(command) ?? [];
  expect(port).toBe(String(redis.port));
  expect(await redis.client().hgetall(key!)).toHaveProperty('cart');
});

test('where sessions live is said without the password', async () => {
  const place = `Sessions live in Redis at redis://127.0.0.1:${redis.port}`;
  expect(sample.output().split('\n')).toContain(place);
  expect((await sample.browser().get('/page/storage')).json).toEqual({ place });
  expect(sample.output()).not.toContain('w/rd');
  expect(sample.output()).not.toContain(encodeURIComponent(PASSWORD));
});

test.each(['/', '/metrics', '/page/storage'])('%s costs no Redis command, with a session cookie too', async (path) => {
  const browser = sample.browser();
  await browser.post('/auth/login', LOVELACE);
  // After it, on the same connection, whatever of the sign-in nobody waits for has run.
  await browser.get('/account/me');
  const monitor = await redis.monitor();
  expect(await browser.get(path)).toMatchObject({ status: 200 });
  expect(await monitor.stop()).toEqual([]);
});

test('while Redis does not answer, what needs a session is 503, and nobody is signed out by it', async () => {
  const impatient = await startSample(inRedis(redis, 1_000));
  const browser = impatient.browser();
  await browser.post('/auth/login', LOVELACE);
  redis.pause();
  try {
    const answers = [
      browser.get('/account/me'),
      browser.get('/account/expiry'),
      browser.get('/cart'),
      browser.post('/auth/login', LOVELACE),
      browser.post('/auth/logout'),
    ];
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 503, setCookies: [] });
    expect(await browser.get('/health')).toMatchObject({ status: 200, json: { status: 'degraded' } });
  } finally {
    redis.resume();
  }
  await until(async () => (await browser.get('/account/me')).status === 200, 'Redis answers again');
});

test('it ends soon and with code 0 when it is asked to, with an unused connection of a browser too', async () => {
  const another = await startSample(inRedis(redis));
  await another.browser().post('/auth/login', LOVELACE);
  const unused = connect(Number(new URL(another.origin).port), '127.0.0.1').on('error', () => undefined);
  await once(unused, 'connect');
  expect(await another.end('SIGTERM')).toBe(0);
});

test('without REDIS_URL it does not start, unless sessions in memory are asked for', async () => {
  await expect(startSample({})).rejects.toThrow(/RedisSessionConfigError.*"redis"/s);
  const inMemory = await startSample(MEMORY);
  expect(inMemory.output()).toContain('Sessions live in the memory of this process, not in Redis');
  expect((await inMemory.browser().get('/page/session')).json).toEqual({});
});
