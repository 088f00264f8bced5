import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Body, Controller, Get, Post, UseGuards } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Identity, Public, RedisSessionModule, Session, SessionGuard, type HttpSession } from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

let redis: RedisServer;
let app: NestFastifyApplication;
let browser: Browser;

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Public()
  @Post('login')
  login(@Session() session: HttpSession): Promise<void> {
    return session.login({ id: 'ada' });
  }

  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }

  @Post('cart')
  add(@Session() session: HttpSession, @Body() item: unknown): unknown {
    const entries = session as unknown as { cart?: unknown[] };
    entries.cart = [...(entries.cart ?? []), item];
    return entries.cart;
  }

  @Post('logout')
  logout(@Session() session: HttpSession): Promise<void> {
    return session.logout();
  }
}

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  const module = await Test.createTestingModule({
    imports: [RedisSessionModule.forRoot({ redis: redis.options, session: { secret: TEST_SECRET } })],
    controllers: [AccountController],
  }).compile();
  app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  browser = new Browser(await app.getUrl());
});
afterEach(() => app.close());

test('the package express-session is refused', async () => {
  const session = { secret: TEST_SECRET, middleware: 'express-session' } as const;
  const module = await Test.createTestingModule({
    imports: [RedisSessionModule.forRoot({ session, store: { kind: 'memory' } })],
  }).compile();
  const other = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  await expect(other.init()).rejects.toThrow(/"session.middleware" must not be "express-session" on Fastify/);
});

test('a hook that takes the place of ours is refused', async () => {
  const module = await Test.createTestingModule({
    imports: [RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store: { kind: 'memory' } })],
  }).compile();
  const adapter = new FastifyAdapter();
  const other = module.createNestApplication<NestFastifyApplication>(adapter, { logger: false });
  adapter.setOnRequestHook((_request, _reply, done) => done());
  await expect(other.init()).rejects.toThrow(/The hook that loads the sessions must stay on the adapter/);
});

test('signing in, reading, changing and signing out work', async () => {
  expect((await browser.get('/me')).json).toMatchObject({ statusCode: 401, code: 'SESSION_REQUIRED' });
  expect((await browser.post('/login')).setCookies).toHaveLength(1);
  expect((await browser.get('/me')).json).toEqual({ id: 'ada' });
  expect((await browser.post('/cart', { tea: 1 })).json).toEqual([{ tea: 1 }]);
  expect((await browser.post('/cart', { milk: 1 })).json).toEqual([{ tea: 1 }, { milk: 1 }]);
  const copy = await browser.clone();
  await browser.post('/logout');
  expect(await browser.sid()).toBeUndefined();
  expect((await copy.get('/me')).status).toBe(401);
  expect((await browser.get('/missing')).status).toBe(404);
});
