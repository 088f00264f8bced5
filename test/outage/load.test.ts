import { describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  HttpException,
  Module,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
  type MiddlewareConsumer,
  type NestModule,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Redis } from 'ioredis';
import type { Request, Response } from 'express';
import { Identity, Public, Session, SessionGuard } from '../../src/index.js';
import type { Browser } from '../support/browser.js';
import { CapturedLog } from '../support/captured-log.js';
import { recovered, UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts, type Outage } from '../support/outages.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { keyOf } from '../support/stored-session.js';
import { until } from '../support/until.js';
import { redisVariants, type HarnessOptions } from '../support/variants.js';

@Controller('shop')
class ShopController {
  static calls = 0;

  @UseGuards(SessionGuard) @Get('account') account() {
    return `account ${++ShopController.calls}`;
  }
  @UseGuards(SessionGuard) @Public() @Get('public') open() {
    return 'public';
  }
  @Get('session') session(@Session() _session: unknown) {
    return 'session';
  }
  @Get('entry') entry(@Session('cart') _cart: unknown) {
    return 'entry';
  }
  @Get('identity') identity(@Identity() _who: unknown) {
    return 'identity';
  }
  @Get('identity-id') identityId(@Identity('id') _id: unknown) {
    return 'identity';
  }
}

const NEEDS_SESSION = ['/shop/account', '/shop/session', '/shop/entry', '/shop/identity', '/shop/identity-id', '/read'];
const NEEDS_NONE = ['/shop/public', '/plain'];

describe.each(redisVariants)('when the session cannot be loaded (G7), $name', (variant) => {
  const outages = useOutages(variant);
  const { harness, end } = outages;

  /** An application with ada signed in, and then the outage. */
  async function during(outage: Outage, options: HarnessOptions = {}): Promise<{ app: ScriptedApp; browser: Browser }> {
    const app = await outages.open({ controllers: [ShopController], ...options });
    const browser = app.browser();
    await browser.post('/login/ada');
    await outages.begin(outage);
    return { app, browser };
  }

  describe.each(blackouts)('because Redis $name', (outage) => {
    test('what needs the session gets 503 in time, the cookie stays, and the rest is answered', async () => {
      const { app, browser } = await during(outage, { session: { rolling: true } });
      const sid = await browser.sid();
      const calls = ShopController.calls;

      const began = performance.now();
      const ask = async (path: string) => {
        const { status, json, headers, setCookies } = await browser.get(path);
        return [path, status, json, headers.get('retry-after'), setCookies];
      };
      const [refused, served] = await Promise.all([Promise.all(NEEDS_SESSION.map(ask)), Promise.all(NEEDS_NONE.map(ask))]);

      expect(performance.now() - began).toBeLessThan(30_000);
      expect(refused).toEqual(NEEDS_SESSION.map((path) => [path, 503, UNAVAILABLE, '1', []]));
      expect(served).toEqual(NEEDS_NONE.map((path) => [path, 200, undefined, null, []]));
      expect(await browser.sid()).toBe(sid);
      expect(ShopController.calls).toBe(calls);
      expect((await app.browser().get('/shop/account')).status).toBe(401);
    });

    test('it recovers by itself, and the session is what it was', async () => {
      const { browser } = await during(outage);
      expect((await browser.get('/shop/account')).status).toBe(503);
      await end();
      await recovered(browser);
      expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
    });
  });

  test('30 requests at once are all answered in time', async () => {
    const { browser } = await during(blackouts[1]!);
    const began = performance.now();
    const answers = await Promise.all(Array.from({ length: 30 }, () => browser.get('/read')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  test('store.deadline holds, also with a client of the application that waits for ever', async () => {
    const client = new Redis({ ...outages.address, maxRetriesPerRequest: null });
    try {
      const { browser } = await during(blackouts[1]!, { redis: client, store: { deadline: 700 } });
      const began = performance.now();
      expect((await browser.get('/read')).json).toEqual(UNAVAILABLE);
      const took = performance.now() - began;
      expect(took).toBeGreaterThan(690);
      expect(took).toBeLessThan(30_000);
    } finally {
      client.disconnect();
    }
  });

  test('unset: destroy destroys nothing', async () => {
    const { app, browser } = await during(blackouts[0]!, { session: { unset: 'destroy' } });
    app.on('/null', ({ request }) => void (request.session = null));
    app.on('/undefined', ({ request }) => void (request.session = undefined));
    expect([(await browser.get('/null')).status, (await browser.get('/undefined')).status]).toEqual([200, 200]);
    await end();
    await recovered(browser);
    expect((await browser.get('/whoami')).json).toEqual({ identity: { id: 'ada' } });
  });

  test('a catch-all filter of the application sees an HttpException of status 503', async () => {
    const seen: unknown[] = [];
    @Catch()
    class CatchAllFilter implements ExceptionFilter {
      catch(error: unknown, host: ArgumentsHost): void {
        seen.push(error instanceof HttpException ? [error.getStatus(), error.getResponse(), (error as { code?: string }).code] : error);
        host.switchToHttp().getResponse<Response>().status(418).send('teapot');
      }
    }
    const { browser } = await during(blackouts[0]!, { providers: [{ provide: APP_FILTER, useClass: CatchAllFilter }] });
    for (const path of ['/shop/account', '/shop/session', '/read']) {
      const { status, headers } = await browser.get(path);
      expect([status, headers.get('retry-after')]).toEqual([418, '1']);
    }
    expect(seen).toEqual([0, 1, 2].map(() => [503, UNAVAILABLE, 'SESSION_STORE_UNAVAILABLE']));
  });

  test.each([
    ['returned', (_response: Response) => 'without a session'],
    ['ended', (response: Response) => void response.end('without a session')],
    ['written with its own head', (response: Response) => void response.writeHead(200, { 'x-head': 'own' }).end('without a session')],
  ])('a handler that does without the session says nothing of it: its answer is %s', async (_, answer) => {
    const { app, browser } = await during(blackouts[0]!);
    app.on('/either', (context) => {
      expect(() => context.session).toThrow(HttpException);
      return answer(context.response);
    });
    const { status, text, headers } = await browser.get('/either');
    expect([status, text, headers.get('retry-after')]).toEqual([200, 'without a session', null]);
  });

  test('middleware of the application that asks for the session gets the same error', async () => {
    @Module({})
    class AskingModule implements NestModule {
      configure(consumer: MiddlewareConsumer): void {
        const ask = (request: Request, _: unknown, next: (nothing: void) => void) => next(void request.session.id);
        consumer.apply(ask).forRoutes('plain');
      }
    }
    const { browser } = await during(blackouts[0]!, { imports: [AskingModule] });
    const { json, headers } = await browser.get('/plain');
    expect([json, headers.get('retry-after')]).toEqual([UNAVAILABLE, '1']);
    expect((await browser.get('/shop/public')).status).toBe(200);
  });

  test('the outage is logged, not each of its requests', async () => {
    const logger = new CapturedLog();
    const { browser } = await during(blackouts[0]!, { logger });
    for (let i = 0; i < 5; i++) await browser.get('/plain');
    await end();
    await until(() => logger.matching('available again').length === 1, 'the end is logged');
    expect(logger.matching('Redis is unavailable')).toHaveLength(1);
  });

  test('a restarted, empty Redis knows nobody, and takes new sign-ins', async () => {
    const { app, browser } = await during({ name: 'restart', reason: /x/, begin: (redis) => redis.restart(), end: () => undefined });
    await recovered(browser);
    expect((await browser.get('/shop/account')).status).toBe(401);
    expect((await browser.post('/login/ada')).status).toBe(200);
    expect((await browser.get('/shop/account')).status).toBe(200);
    expect(await harness.client.exists(keyOf(app.store, (await browser.sid()) ?? ''))).toBe(1);
  });
});
