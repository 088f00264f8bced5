import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { SessionManager } from '../../src/index.js';
import { createApp, type TestApp } from '../support/create-app.js';
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
    return this.manager.revokeOthers({ handle: 'AAAAAAAAAAAAAAAAAAAAAA' as never });
  }
}

describe('a handler that calls SessionManager', () => {
  let redis: RedisServer;
  let app: TestApp;
  beforeAll(async () => {
    redis = await startRedis();
    app = await createApp({ redis: redis.url, controllers: [DevicesController] });
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
    expect(answer).toMatchObject({ status: 503, json: { statusCode: 503 } });
    expect(answer.text).not.toContain('ada');
  });
});
