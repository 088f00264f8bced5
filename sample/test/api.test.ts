import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from '../../test/support/browser.js';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { inRedis, MEMORY, startSample, type RunningSample } from './start-sample.js';

const ADA = { id: expect.any(String), name: 'ada', roles: ['user', 'admin'] };
const GRACE = { id: expect.any(String), name: 'grace', roles: ['user'] };

describe.each(['Redis', 'memory'])('the JSON API with sessions in %s', (place) => {
  let redis: RedisServer | undefined;
  let sample: RunningSample;

  beforeAll(async () => {
    redis = place === 'Redis' ? await startRedis() : undefined;
    sample = await startSample(redis === undefined ? MEMORY : inRedis(redis));
  });

  afterAll(() => redis?.stop());

  test.each([
    ['ada', 'lovelace', ADA],
    ['grace', 'hopper', GRACE],
  ])('%s signs in with her password and is then known', async (username, password, identity) => {
    const browser = sample.browser();
    expect(await browser.post('/auth/login', { username, password })).toMatchObject({ status: 200, json: identity });
    expect(await browser.get('/account/me')).toMatchObject({ status: 200, json: identity });
  });

  test('the two users have different ids', async () => {
    const ids = [await signedIn('ada', 'lovelace'), await signedIn('grace', 'hopper')].map(
      async (browser) => (await browser.get('/account/me')).json.id,
    );
    expect(new Set(await Promise.all(ids)).size).toBe(2);
  });

  test.each([
    ['ada', 'Lovelace'],
    ['ada', 'hopper'],
    ['ada', ''],
    ['Ada', 'lovelace'],
    ['nobody', 'lovelace'],
    ['__proto__', 'lovelace'],
    ['', ''],
  ])('%j with password %j is 401, and signs nobody in', async (username, password) => {
    const browser = sample.browser();
    const answer = await browser.post('/auth/login', { username, password });
    expect(answer).toMatchObject({ status: 401, setCookies: [] });
    expect(await browser.get('/account/me')).toMatchObject({ status: 401 });
  });

  test.each([
    [undefined],
    [[]],
    [{}],
    [{ username: 'ada' }],
    [{ username: 'ada', password: null }],
    [{ username: 'ada', password: ['lovelace'] }],
    [{ username: { toString: 'ada' }, password: 'lovelace' }],
    [{ username: 1, password: 2 }],
  ])('signing in with %j is 400', async (body) => {
    expect(await sample.browser().post('/auth/login', body)).toMatchObject({ status: 400, setCookies: [] });
  });

  test.each([
    ['application/json', '{"username":'],
    ['application/json', 'null'],
    ['application/json', '"ada"'],
    ['application/x-www-form-urlencoded', 'username=ada&password=lovelace'],
    ['text/plain', '{"username":"ada","password":"lovelace"}'],
  ])('signing in with %s %s is 400', async (type, body) => {
    const answer = await fetch(`${sample.origin}/auth/login`, { method: 'POST', headers: { 'content-type': type }, body });
    expect(answer.status).toBe(400);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test('who is not signed in has no identity', async () => {
    expect(await sample.browser().get('/account/me')).toMatchObject({ status: 401, setCookies: [] });
  });

  test('signing out is 204, and ends the session also for a copy of the cookie', async () => {
    const browser = await signedIn('ada', 'lovelace');
    const copy = await browser.clone();
    expect(await browser.post('/auth/logout')).toMatchObject({ status: 204, text: '' });
    expect(await browser.cookie('sid')).toBeUndefined();
    expect(await copy.get('/account/me')).toMatchObject({ status: 401 });
  });

  test('signing out without a session is 204', async () => {
    expect(await sample.browser().post('/auth/logout')).toMatchObject({ status: 204 });
  });

  test('a visitor has a cart of their own', async () => {
    const browser = sample.browser();
    expect(await browser.get('/cart')).toMatchObject({ status: 200, json: { items: [] }, setCookies: [] });
    expect(await browser.post('/cart', { sku: 'tea', quantity: 2 })).toMatchObject({
      status: 201,
      json: { items: [{ sku: 'tea', quantity: 2 }] },
    });
    expect((await browser.get('/cart')).json).toEqual({ items: [{ sku: 'tea', quantity: 2 }] });
    expect((await sample.browser().get('/cart')).json).toEqual({ items: [] });
  });

  test('the same sku adds up', async () => {
    const browser = sample.browser();
    await browser.post('/cart', { sku: 'tea', quantity: 2 });
    await browser.post('/cart', { sku: 'cup', quantity: 1 });
    const { json } = await browser.post('/cart', { sku: 'tea', quantity: 3 });
    expect(json).toEqual({
      items: [
        { sku: 'tea', quantity: 5 },
        { sku: 'cup', quantity: 1 },
      ],
    });
  });

  test('the cart survives a failed sign-in and a good one, under a new cookie, but not the sign-out', async () => {
    const browser = sample.browser();
    await browser.post('/cart', { sku: 'tea', quantity: 1 });
    const before = await browser.sid();
    await browser.post('/auth/login', { username: 'ada', password: 'wrong' });
    await browser.post('/auth/login', { username: 'ada', password: 'lovelace' });
    expect(await browser.sid()).not.toBe(before);
    expect((await browser.get('/cart')).json).toEqual({ items: [{ sku: 'tea', quantity: 1 }] });
    await browser.post('/auth/logout');
    expect((await browser.get('/cart')).json).toEqual({ items: [] });
  });

  test("one user's cart is not passed on to the next who signs in", async () => {
    const browser = await signedIn('ada', 'lovelace');
    await browser.post('/cart', { sku: 'tea', quantity: 1 });
    await browser.post('/auth/login', { username: 'grace', password: 'hopper' });
    expect((await browser.get('/cart')).json).toEqual({ items: [] });
  });

  test.each([
    [undefined],
    [[]],
    [{}],
    [{ sku: 'tea' }],
    [{ quantity: 1 }],
    [{ sku: 1, quantity: 1 }],
    [{ sku: ['tea'], quantity: 1 }],
    [{ sku: '', quantity: 1 }],
    [{ sku: ' tea', quantity: 1 }],
    [{ sku: 'te\u0000a', quantity: 1 }],
    [{ sku: '\ud800', quantity: 1 }],
    [{ sku: 'x'.repeat(65), quantity: 1 }],
    [{ sku: 'tea', quantity: '2' }],
    [{ sku: 'tea', quantity: 0 }],
    [{ sku: 'tea', quantity: -1 }],
    [{ sku: 'tea', quantity: 1.5 }],
    [{ sku: 'tea', quantity: 1000 }],
    [{ sku: 'tea', quantity: null }],
    [{ sku: 'tea', quantity: { valueOf: 1 } }],
  ])('adding %j is 400, and changes nothing', async (item) => {
    const browser = sample.browser();
    await browser.post('/cart', { sku: 'cup', quantity: 1 });
    expect(await browser.post('/cart', item)).toMatchObject({ status: 400 });
    expect((await browser.get('/cart')).json).toEqual({ items: [{ sku: 'cup', quantity: 1 }] });
  });

  test('a cart has room for 50 things and 999 of each, whatever they are called', async () => {
    const browser = sample.browser();
    for (let n = 10; n < 60; n++) expect((await browser.post('/cart', { sku: `${'語'.repeat(62)}${n}`, quantity: 999 })).status).toBe(201);
    expect((await browser.post('/cart', { sku: 'one more', quantity: 1 })).status).toBe(400);
    expect((await browser.post('/cart', { sku: `${'語'.repeat(62)}10`, quantity: 1 })).status).toBe(400);
    expect((await browser.get('/cart')).json.items).toHaveLength(50);
  });

  test.each(['/', '/page.js', '/health', '/metrics', '/page/storage'])('%s needs no session and makes none', async (path) => {
    expect(await sample.browser().get(path)).toMatchObject({ status: 200, setCookies: [] });
  });

  async function signedIn(username: string, password: string): Promise<Browser> {
    const browser = sample.browser();
    expect(await browser.post('/auth/login', { username, password })).toMatchObject({ status: 200 });
    return browser;
  }
});
