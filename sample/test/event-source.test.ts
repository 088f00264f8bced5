import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Controller, Get, Module, Post, Sse, UseGuards, type INestApplication, type MiddlewareConsumer } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NextFunction, Request, Response } from 'express';
import { Public, RedisSessionModule, Session, SessionGuard, type HttpSession } from 'nestjs-redis-session';
import { sessionOf } from 'nestjs-redis-session/express';
import type { Browser, Page } from 'playwright-core';
import { Observable } from 'rxjs';
import { until } from '../../test/support/until.js';
import { describeInBrowser, launchChromium } from './in-browser.js';

const [OPEN, CLOSED] = [1, 2];

describeInBrowser("Chromium's EventSource", () => {
  let app: INestApplication;
  let chrome: Browser;
  let page: Page;
  /** What each request of a stream got, once that is over. */
  let statuses: number[] = [];
  /** What the application answers visitors before the guard does; `undefined` to leave them to the guard. */
  let forVisitors: number | undefined;
  let producing = 0;

  beforeAll(async () => {
    app = await startApp();
    chrome = await launchChromium();
    page = await chrome.newPage({ baseURL: await app.getUrl() });
    await page.goto('/');
  });

  afterAll(async () => {
    await chrome?.close();
    await app?.close();
  });

  test.each([
    ['401 of the guard', undefined, 401],
    ['204 of a middleware', 204, 204],
    ['503', 503, 503],
  ])('whose stream ended with the session stops when it comes back and gets %s', async (_, answer, status) => {
    await signIn(answer);
    await listen('/orders');
    expect(producing).toBe(1);
    await page.request.post('/logout');
    // For good: nothing opens a closed one again.
    await page.waitForFunction(`stream.readyState === ${CLOSED}`);
    await until(() => statuses.length === 2, 'both requests are over');
    expect([statuses, await heard(), producing]).toEqual([[200, status], { data: ['order of ada'], readyState: CLOSED }, 0]);
  });

  test('stays open on a stream that is open to everybody', async () => {
    await signIn();
    await listen('/ticker', 'ticker');
    await listen('/orders');
    await page.request.post('/logout');
    await page.waitForFunction(`stream.readyState === ${CLOSED}`);
    expect([await heard('ticker'), producing]).toEqual([{ data: ['price'], readyState: OPEN }, 1]);
  });

  async function signIn(answerForVisitors?: number): Promise<void> {
    statuses = [];
    forVisitors = answerForVisitors;
    await page.request.post('/login');
  }

  /** Lets the page open a stream, which it knows by that name, and waits for the first event. */
  async function listen(path: string, name = 'stream'): Promise<void> {
    await page.evaluate(`{
      const source = new EventSource('${path}');
      source.data = [];
      source.addEventListener('message', ({ data }) => source.data.push(data));
      globalThis.${name} = source;
      undefined;
    }`);
    await page.waitForFunction(`${name}.data.length > 0`);
  }

  const heard = (name = 'stream'): Promise<unknown> => page.evaluate(`({ data: ${name}.data, readyState: ${name}.readyState })`);

  async function startApp(): Promise<INestApplication> {
    // EventSource comes back at once.
    const events = (data: string) =>
      new Observable<{ data: string; retry: number }>((subscriber) => {
        producing++;
        subscriber.next({ data, retry: 1 });
        return () => producing--;
      });

    @Controller()
    @UseGuards(SessionGuard)
    class EventsController {
      @Public()
      @Get()
      page() {
        return '<!doctype html><title>Events</title>';
      }

      @Public()
      @Post('login')
      login(@Session() session: HttpSession) {
        return session.login({ id: 'u1', name: 'ada', roles: [] });
      }

      @Post('logout')
      logout(@Session() session: HttpSession) {
        return session.logout();
      }

      @Sse('orders')
      orders() {
        return events('order of ada');
      }

      @Public()
      @Sse('ticker')
      ticker() {
        return events('price');
      }
    }

    const secret = 'a secret of the tests of the sample, long enough';

    @Module({ imports: [RedisSessionModule.forRoot({ session: { secret }, store: { kind: 'memory' } })], controllers: [EventsController] })
    class EventsModule {
      configure(consumer: MiddlewareConsumer) {
        consumer
          .apply((request: Request, response: Response, next: NextFunction) => {
            response.on('close', () => statuses.push(response.statusCode));
            if (forVisitors === undefined || sessionOf(request)?.identity !== undefined) next();
            else response.status(forVisitors).end();
          })
          .forRoutes('orders');
      }
    }

    const nest = await NestFactory.create(EventsModule, { logger: false, forceCloseConnections: true });
    await nest.listen(0, '127.0.0.1');
    return nest;
  }
});
