import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Catch, Controller, Get, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Response } from 'express';
import { SessionManager, SessionStoreUnavailableError } from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { UNAVAILABLE } from '../support/outage-harness.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

@Controller()
class DevicesController {
  constructor(private readonly manager: SessionManager) {}

  @Get('devices')
  list(): Promise<unknown> {
    return this.manager.list('ada');
  }

  @Get('end-others')
  endOthers(): Promise<number> {
    return this.manager.revokeOthers('ada', 'AAAAAAAAAAAAAAAAAAAAAA');
  }
}

describe('a handler that calls SessionManager', () => {
  let redis: RedisServer;
  let app: TestApp;
  const logger = new CapturedLog();
  beforeAll(async () => {
    redis = await startRedis();
    app = await createApp({ redis: redis.url, controllers: [DevicesController], logger });
  });
  afterAll(async () => {
    await app.close();
    await redis.stop();
  });

  test('answers 401 for a session that has ended, and 503 while Redis is away, unless it handles the error itself', async () => {
    const { browser } = app;
    expect((await browser().get('/devices')).json).toEqual({ sessions: [] });
    expect(await browser().get('/end-others')).toMatchObject({ status: 401, json: { statusCode: 401 } });
    await redis.kill();
    const answer = await browser().get('/devices');
    expect([answer.json, answer.headers.get('retry-after')]).toEqual([UNAVAILABLE, '1']);
    expect(logger.matching('session store is unavailable')).toHaveLength(1);
    expect(logger.lines.join('\n')).not.toMatch(/ada|\n *at /);
  });
});

describe('the errors of SessionManager', () => {
  const seen: unknown[] = [];
  @Catch()
  class CatchAllFilter implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): void {
      seen.push(error);
      host.switchToHttp().getResponse<Response>().status(418).end();
    }
  }

  test.each<[string, Partial<TestAppOptions>]>([
    ['of a module', { providers: [{ provide: APP_FILTER, useClass: CatchAllFilter }] }],
    ['of main.ts', { prepare: (app) => void app.useGlobalFilters(new CatchAllFilter()) }],
  ])('reach a catch-all filter %s as they are', async (_, options) => {
    const { browser, close, store } = await createApp({ store: { kind: 'memory' }, controllers: [DevicesController], ...options });
    store.index!.page = () => Promise.reject(new SessionStoreUnavailableError('timeout'));
    expect((await browser().get('/devices')).status).toBe(418);
    expect(seen.splice(0)).toEqual([new SessionStoreUnavailableError('timeout')]);
    await close();
  });
});
