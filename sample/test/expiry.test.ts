import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser } from '../../test/support/browser.js';
import { startRedis, type RedisServer } from '../../test/support/start-redis.js';
import { until } from '../../test/support/until.js';
import { IDLE_TIMEOUT, keyOf, LEFT, nearlyOver, over } from './nearly-over.js';
import { inRedis, MEMORY, startSample, type RunningSample } from './start-sample.js';

const GRACE = { username: 'grace', password: 'hopper' };

describe('when a session ends', () => {
  let redis: RedisServer;
  let sample: RunningSample;

  beforeAll(async () => {
    redis = await startRedis();
    sample = await startSample(inRedis(redis));
  });

  afterAll(() => redis?.stop());

  test('its user is told as often as they ask, which does not keep it alive', async () => {
    const { browser, handle } = await signedIn();
    await nearlyOver(redis.client(), handle);
    const [before, meta] = [await left(handle), await metaOf(handle)];
    const first = await browser.get('/account/expiry');
    expect(first).toMatchObject({ status: 200, setCookies: [], json: { expiresAt: expect.stringMatching(/Z$/) } });
    for (let n = 0; n < 3; n++) {
      const { status, setCookies, json } = await browser.get('/account/expiry');
      expect({ status, setCookies, expiresAt: json.expiresAt }).toEqual({ status: 200, setCookies: [], expiresAt: first.json.expiresAt });
    }
    // Whatever a request has begun and not waited for is stored by then.
    await sample.browser().post('/auth/login', GRACE);
    expect(await left(handle)).toBeLessThanOrEqual(before);
    expect(await metaOf(handle)).toBe(meta);
    expect(Date.parse(first.json.expiresAt) - Date.parse(first.json.now)).toBeLessThanOrEqual(LEFT);
  });

  test('any other request moves it', async () => {
    const { browser, handle } = await signedIn();
    await nearlyOver(redis.client(), handle);
    const before = (await browser.get('/account/expiry')).json.expiresAt;
    expect(await browser.get('/account/me')).toMatchObject({ status: 200, setCookies: [expect.stringMatching(/^sid=/)] });
    await until(async () => (await left(handle)) > LEFT, 'the idle timeout starts anew');
    const after = (await browser.get('/account/expiry')).json.expiresAt;
    expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(IDLE_TIMEOUT - LEFT);
  });

  test('asking is 401 afterwards', async () => {
    const { browser, handle } = await signedIn();
    await over(redis.client(), handle);
    const { status, setCookies, json } = await browser.get('/account/expiry');
    expect({ status, setCookies, json }).toMatchObject({ status: 401, setCookies: [], json: { code: 'SESSION_REQUIRED' } });
    expect(json).not.toHaveProperty('reason');
  });

  test('asking is 401 with the reason where somebody has ended it', async () => {
    const [{ browser: there }, { browser: here }] = [await signedIn(), await signedIn()];
    await here.post('/sessions/revoke-others');
    expect(await there.get('/account/expiry')).toMatchObject({ status: 401, json: { reason: 'revoked' } });
  });

  test('nobody else is told', async () => {
    const visitor = sample.browser();
    await visitor.post('/cart', { sku: 'tea', quantity: 1 });
    expect(await visitor.get('/account/expiry')).toMatchObject({ status: 401, setCookies: [] });
  });

  async function signedIn(): Promise<{ browser: Browser; handle: string }> {
    const browser = sample.browser();
    await browser.post('/auth/login', GRACE);
    const { sessions } = (await browser.get('/sessions')).json;
    // Twice: after it, on the same connection, whatever of these requests nobody waits for has run.
    for (let n = 0; n < 2; n++) await browser.get('/account/expiry');
    return { browser, handle: sessions.find(({ current }: { current: boolean }) => current).handle };
  }

  const left = (handle: string): Promise<number> => redis.client().pttl(keyOf(handle));
  const metaOf = (handle: string): Promise<string | null> => redis.client().hget(keyOf(handle), '@meta');
});

test('a session in memory says when it ends too', async () => {
  const sample = await startSample(MEMORY);
  const browser = sample.browser();
  await browser.post('/auth/login', GRACE);
  const { expiresAt, now } = (await browser.get('/account/expiry')).json;
  expect(Date.parse(expiresAt) - Date.parse(now)).toBeGreaterThan(0);
  expect(Date.parse(expiresAt) - Date.parse(now)).toBeLessThanOrEqual(IDLE_TIMEOUT);
});
