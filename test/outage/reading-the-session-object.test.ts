import { Writable } from 'node:stream';
import { Catch, Module, type ArgumentsHost, type DynamicModule, type ExceptionFilter, type MiddlewareConsumer } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { describe, expect, test } from '@jest/globals';
import type { Request, RequestHandler, Response } from 'express';
import morgan from 'morgan';
import { pinoHttp } from 'pino-http';
import { peekSession, sessionOf } from '../../src/express.js';
import type { Browser } from '../support/browser.js';
import { Barrier } from '../support/barrier.js';
import { UNAVAILABLE, useOutages } from '../support/outage-harness.js';
import { blackouts } from '../support/outages.js';
import { RawClient } from '../support/raw-client.js';
import type { ScriptedApp } from '../support/scripted-app.js';
import { until } from '../support/until.js';
import { redisVariants, type HarnessOptions } from '../support/variants.js';

/** A look at the session, as logs take one where nobody catches what they throw. */
class Looks {
  readonly seen: unknown[] = [];

  constructor(private readonly look: (request: Request) => unknown) {}

  readonly at = (request: unknown): string => {
    try {
      this.seen.push(this.look(request as Request) ?? 'nobody');
    } catch (error) {
      this.seen.push(error);
    }
    return 'looked';
  };
}

const property = (request: Request) => (request.session as { identity?: { id: unknown } } | undefined)?.identity?.id;
const peek = (request: Request) => peekSession(request)?.identity?.id;
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

/** What the log of an application does with a request, and which of it comes when the request begins, after the session middleware. */
const LOGS: [string, (looks: Looks) => RequestHandler, count: number][] = [
  ['morgan', ({ at }) => morgan((_, request) => at(request), { stream: nowhere() }) as RequestHandler, 1],
  [
    'pino-http, when it has answered',
    ({ at }) => pinoHttp({ customSuccessObject: (request, _, object) => (at(request), object as object) }, nowhere()) as RequestHandler,
    1,
  ],
];
const EARLY_LOGS: typeof LOGS = [
  ['morgan with immediate', ({ at }) => morgan((_, request) => at(request), { immediate: true, stream: nowhere() }) as RequestHandler, 1],
  // Twice: when the request begins, and when it has been answered.
  [
    'pino-http with customProps',
    ({ at }) => pinoHttp({ customProps: (request) => ({ user: at(request) }) }, nowhere()) as RequestHandler,
    2,
  ],
];

/** A module whose middleware comes after that of the session, as nestjs-pino's does. */
function loggingModule(log: RequestHandler): DynamicModule {
  @Module({})
  class LoggingModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(log).forRoutes('{*path}');
    }
  }
  return { module: LoggingModule };
}

describe.each(redisVariants)('code that only looks at the session, $name', (variant) => {
  const outages = useOutages(variant);

  /** An application with ada signed in, and then the outage. */
  async function during(options: HarnessOptions): Promise<{ app: ScriptedApp; browser: Browser }> {
    const app = await outages.open(options);
    const browser = app.browser();
    await browser.post('/login/ada');
    await outages.begin(blackouts[0]!);
    return { app, browser };
  }

  test.each(LOGS)('finds no session in an outage once a page is answered: req.session in %s', async (_, log, count) => {
    const looks = new Looks(property);
    const { browser } = await during({ imports: [loggingModule(log(looks))] });
    looks.seen.length = 0;
    expect((await browser.get('/plain')).text).toBe('plain');
    await until(() => looks.seen.length === count, 'the request is logged');
    expect(looks.seen).toEqual(Array.from({ length: count }, () => 'nobody'));
  });

  test('finds no session in an outage once the client has gone: req.session in morgan', async () => {
    const looks = new Looks(property);
    const reached = new Barrier(1);
    const { app, browser } = await during({ imports: [loggingModule(LOGS[0]![1](looks))] });
    app.on('/endless', () => reached.pass());
    looks.seen.length = 0;
    const client = await RawClient.connect(app.origin);
    client.request('GET', '/endless', { cookie: await browser.jar.getCookieString(app.origin) });
    await reached.full;
    client.leave();
    await until(() => looks.seen.length === 1, 'the request is logged');
    expect(looks.seen).toEqual(['nobody']);
    reached.open();
  });

  test.each([...LOGS, ...EARLY_LOGS])('fails no request in an outage with peekSession(): %s', async (_, log, count) => {
    const looks = new Looks(peek);
    const { app, browser } = await during({ imports: [loggingModule(log(looks))] });
    app.on('/health', () => 'healthy');
    looks.seen.length = 0;
    const { status, text } = await browser.get('/health');
    expect([status, text]).toEqual([200, 'healthy']);
    await until(() => looks.seen.length === count, 'the request is logged');
    expect(looks.seen).toEqual(Array.from({ length: count }, () => 'nobody'));
  });

  test.each([...LOGS, ...EARLY_LOGS])('sees who is signed in: %s', async (_, log, count) => {
    const looks = new Looks(peek);
    const app = await outages.open({ imports: [loggingModule(log(looks))] });
    const browser = app.browser();
    await browser.post('/login/ada');
    looks.seen.length = 0;
    await browser.get('/plain');
    await until(() => looks.seen.length === count, 'the request is logged');
    expect(looks.seen).toEqual(Array.from({ length: count }, () => 'ada'));
  });

  test('peekSession() gives what sessionOf() gives, and undefined where that throws', async () => {
    const app = await outages.open();
    const browser = app.browser();
    app.on('/both', ({ request }) => peekSession(request as never) === sessionOf(request as never));
    expect((await browser.get('/both')).json).toBe(true);
    await browser.post('/login/ada');
    expect((await browser.get('/both')).json).toBe(true);
    expect(peekSession({} as never)).toBeUndefined();
  });

  test('peekSession() gives a session that the request has ended, to be read', async () => {
    const app = await outages.open();
    const browser = app.browser();
    await browser.post('/login/ada');
    app.on('/end', async ({ session, request }) => {
      const { handle } = session;
      await session.logout();
      const peeked = peekSession(request as never);
      return [peeked === sessionOf(request as never), peeked?.handle === handle, peeked?.identity ?? null];
    });
    expect((await browser.get('/end')).json).toEqual([true, true, { id: 'ada' }]);
    app.on('/unset', ({ request }) => {
      request.session = null;
      return peekSession(request as never) === sessionOf(request as never);
    });
    expect((await browser.get('/unset')).json).toBe(true);
  });

  test('finds no session once a page is answered where the id of one cannot be made: req.session in morgan', async () => {
    const looks = new Looks(property);
    const genid = () => {
      throw new Error('no randomness left');
    };
    const app = await outages.open({ session: { genid }, imports: [loggingModule(LOGS[0]![1](looks))] });
    expect((await app.browser().get('/plain')).text).toBe('plain');
    await until(() => looks.seen.length === 1, 'the request is logged');
    expect(looks.seen).toEqual(['nobody']);
  });

  test('peekSession() makes no session, and fails nothing, where the id of one cannot be made', async () => {
    const genid = () => {
      throw new Error('no randomness left');
    };
    const app = await outages.open({ session: { genid } });
    app.on('/peek', ({ request }) => ({ peeked: peekSession(request as never) ?? null }));
    expect((await app.browser().get('/peek')).json).toEqual({ peeked: null });
  });

  test('a filter that asks for the session in an outage makes the answer the 503, as everywhere', async () => {
    @Catch()
    class LoggingFilter implements ExceptionFilter {
      catch(_error: unknown, host: ArgumentsHost): void {
        const who = property(host.switchToHttp().getRequest<Request>());
        host
          .switchToHttp()
          .getResponse<Response>()
          .status(418)
          .send(`teapot of ${String(who)}`);
      }
    }
    const { app, browser } = await during({ providers: [{ provide: APP_FILTER, useClass: LoggingFilter }] });
    app.on('/fails', () => {
      throw new Error('unrelated');
    });
    const { status, json, headers } = await browser.get('/fails');
    expect([status, json, headers.get('retry-after')]).toEqual([503, UNAVAILABLE, '1']);
  });
});
