import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { INestApplication, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { metrics } from '@opentelemetry/api';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';
import { Browser } from '../support/browser.js';
import { firstExampleOf } from '../support/document-example.js';
import { parseExposition, sumOf } from '../support/exposition.js';
import { freeLastingPort } from '../support/free-port.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { SessionStore } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';
import { sessionKeys } from '../support/stored-session.js';
import { until } from '../support/until.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, { REDIS_URL: redis.url, SESSION_SECRET: 'the secret of an example in a document' });
});
afterAll(() => redis.stop());

let app: INestApplication;
afterEach(() => app.close());

async function browse(module: Type): Promise<Browser> {
  app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  return new Browser(await app.getUrl());
}

test('the quick start of the README signs in, knows who asks, and signs out', async () => {
  const { AppModule } = await firstExampleOf<{ AppModule: Type }>('README.md');
  const browser = await browse(AppModule);
  expect((await browser.get('/me')).status).toBe(401);
  expect((await browser.post('/login', { password: 'wrong' })).status).toBe(401);
  expect((await browser.post('/login', { password: 'lovelace' })).status).toBe(201);
  expect((await browser.get('/me')).json).toEqual({ id: 'ada', roles: ['user'] });
  const [key = ''] = await sessionKeys(redis.client());
  expect(await redis.client().hget(key, 'identity')).toBe('{"id":"ada","roles":["user"]}');
  expect((await browser.post('/logout')).status).toBe(201);
  expect((await browser.get('/me')).status).toBe(401);
});

describe('the site of docs/server-rendered.md', () => {
  const page = { accept: 'text/html' };
  const open = async () => browse((await firstExampleOf<{ SiteModule: Type }>('docs/server-rendered.md')).SiteModule);
  const signIn = (browser: Browser, next: string) => browser.post(`/login?next=${encodeURIComponent(next)}`, { name: 'ada' });

  test('sends visitors to the sign-in page, and takes them back after it', async () => {
    const browser = await open();
    const refused = await browser.get('/account?tab=orders', page);
    expect([refused.status, refused.headers.get('location')]).toEqual([303, '/login?next=%2Faccount%3Ftab%3Dorders']);
    expect((await browser.get('/login?next=%2Faccount', page)).text).toContain('action="/login?next=%2Faccount"');
    const signedIn = await signIn(browser, '/account?tab=orders');
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/account?tab=orders']);
    expect((await browser.get('/account', page)).text).toContain('ada');
  });

  test('leaves the 401 of a program JSON', async () => {
    const refused = await (await open()).get('/account', { accept: 'application/json' });
    expect([refused.status, refused.json]).toEqual([401, expect.objectContaining({ code: 'SESSION_REQUIRED' })]);
  });

  test.each(['https://evil.example/', '//evil.example/', '/\\evil.example', '/.//evil.example', '/\t/evil.example', 'javascript:alert(1)'])(
    'takes nobody to %j',
    async (next) => {
      const { headers } = await signIn(await open(), next);
      expect(new URL(headers.get('location')!, 'http://here').origin).toBe('http://here');
    },
  );
});

test('the application of docs/health.md says that it is degraded while Redis is away, and that it is up again', async () => {
  const { AppModule } = await firstExampleOf<{ AppModule: Type }>('docs/health.md');
  const browser = await browse(AppModule);
  // A machine that is busy may take longer than the deadline.
  await until(async () => (await browser.get('/health')).json.details.sessions.status === 'up', 'sessions are up');
  redis.pause();
  try {
    const { status, json } = await browser.get('/health');
    expect([status, json.status, json.details.sessions.problems]).toEqual([200, 'degraded', ['unavailable']]);
  } finally {
    redis.resume();
  }
  await until(async () => (await browser.get('/health')).json.status === 'ok', 'Redis answers again');
});

test('the application of docs/metrics.md shows Prometheus what it measures', async () => {
  const port = await freeLastingPort();
  process.env['METRICS_PORT'] = String(port);
  const { AppModule } = await firstExampleOf<{ AppModule: Type }>('docs/metrics.md');
  try {
    await browse(AppModule);
    const store = app.get(SessionStore);
    await Sessions.of(store).create(generateSid(), { entries: new Map(), terms: { idle: 60_000, cookie: undefined, wholeCookie: {} } });
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(sumOf(parseExposition(text), 'nestjs_redis_session_created_total')).toBe(1);
  } finally {
    await (metrics.getMeterProvider() as MeterProvider).shutdown();
    metrics.disable();
  }
});
