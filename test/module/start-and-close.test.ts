import { createSecretKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module, Post, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import { InjectSessionRedis, RedisSessionConfigError, RedisSessionModule, Session, type HttpSession } from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

function later<T>(what: T, end: (what: T) => unknown): T {
  cleanUp.push(() => end(what));
  return what;
}

@Controller()
class VisitsController {
  @Post('visits')
  count(@Session() session: HttpSession & { visits?: number }): { visits: number } {
    session.visits = (session.visits ?? 0) + 1;
    return { visits: session.visits };
  }

  @Get('visits')
  show(@Session('visits') visits = 0): { visits: number } {
    return { visits };
  }

  @Get('health')
  health(): string {
    return 'fine';
  }
}

async function start(options: TestAppOptions): Promise<TestApp> {
  return later(await createApp({ controllers: [VisitsController], ...options }), ({ close }) => close());
}

@Injectable()
class ClientHolder {
  constructor(@InjectSessionRedis() readonly client: Redis) {}
}

describe('starting', () => {
  const wrong = {
    redis: '',
    session: { secret: '', sameSite: 'lax', cookie: { sameSite: 'none', secure: false } },
    store: { ttl: -1, prefx: 'shop:' },
  } as object as TestAppOptions;
  const NAMES = ['"session.sameSite"', '"session.secret"', '"session.cookie.sameSite"', '"redis"', '"store.prefx"', '"store.ttl"'];

  test('with wrong options fails with one error that lists every problem', async () => {
    const error: unknown = await createApp(wrong).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(RedisSessionConfigError);
    const { problems, message } = error as RedisSessionConfigError;
    expect(problems.map((problem) => problem.split(' ', 1)[0])).toEqual(NAMES);
    for (const problem of problems) expect(message).toContain(problem);
  });

  test('by NestFactory fails with it too, also when the options come late', async () => {
    @Module({ imports: [RedisSessionModule.forRootAsync({ useFactory: () => Promise.resolve(wrong as never) })] })
    class AppModule {}
    const starting = NestFactory.create(AppModule, { abortOnError: false, logger: false });
    await expect(starting).rejects.toMatchObject({ code: 'SESSION_CONFIG_INVALID', problems: { length: NAMES.length } });
  });

  test('with a short secret warns outside of production, and fails there', async () => {
    const environment = process.env['NODE_ENV'];
    later(undefined, () => (process.env['NODE_ENV'] = environment));
    const options = { session: { secret: 'keyboard cat' }, store: { kind: 'memory' }, logger: new CapturedLog() } as const;
    await start(options);
    expect(options.logger.matching('fewer than 32 bytes')).toEqual([expect.stringMatching(/^warn /)]);
    expect(options.logger.matching('keyboard')).toEqual([]);
    process.env['NODE_ENV'] = 'production';
    await expect(start(options)).rejects.toThrow('"session.secret" must have at least 32 bytes in production');
  });

  test.each(
    (['builtin', 'express-session'] as const).flatMap((middleware) => [
      { middleware, kind: 'text', secret: 'a'.repeat(32) },
      { middleware, kind: 'a Buffer', secret: Buffer.alloc(32, 1) },
      { middleware, kind: 'an ArrayBuffer', secret: new ArrayBuffer(32) },
      { middleware, kind: 'a KeyObject', secret: createSecretKey(Buffer.alloc(32, 1)) },
      { middleware, kind: 'an array of each', secret: [Buffer.alloc(32, 1), 'b'.repeat(32), createSecretKey(Buffer.alloc(32, 2))] },
    ]),
  )('with $kind for a secret works, $middleware', async ({ middleware, secret }) => {
    const { browser } = await start({ session: { middleware, secret }, store: { kind: 'memory' } });
    const visitor = browser();
    await visitor.post('/visits');
    expect((await visitor.post('/visits')).json).toEqual({ visits: 2 });
  });

  const HONEST = { disableOfflineQueue: true, commandOptions: { timeout: 20_000 } };
  const connections: [name: string, redisAt: (url: string) => TestAppOptions['redis']][] = [
    ['the client of the module', (url) => url],
    // As docs/redis-setup.md has it.
    ['a client of node-redis 5', (url) => connecting(redis5.createClient({ url, ...HONEST }))],
    ['a client of node-redis 6', (url) => connecting(redis6.createClient({ url, ...HONEST }))],
  ];
  function connecting<Client extends redis5.RedisClientType | redis6.RedisClientType>(client: Client): Client {
    client.on('error', () => undefined);
    client.connect().catch(() => undefined);
    return later(client, (it) => it.destroy());
  }

  test.each(connections)('without Redis succeeds, logs it once, and works as soon as Redis is there: %s', async (_name, redisAt) => {
    const absent = later(await startRedis(), (server) => server.stop());
    await absent.kill();
    const logger = new CapturedLog();
    const { browser } = await start({ redis: redisAt(absent.url), logger });
    const visitor = browser();
    expect((await visitor.get('/health')).text).toBe('fine');
    expect((await visitor.post('/visits')).status).toBe(503);
    await absent.restart();
    await until(async () => (await visitor.post('/visits')).status === 201, 'sessions are stored again');
    expect(logger.matching('Redis is unavailable')).toHaveLength(1);
    expect(logger.matching('Redis is available again')).toHaveLength(1);
  });

  test('that fails elsewhere leaves no connection behind', async () => {
    @Injectable()
    class Failing extends ClientHolder {
      @Inject('missing') readonly missing: unknown;
    }
    const before = await usage();
    await expect(start({ redis: redis.url, providers: [Failing] })).rejects.toThrow('missing');
    await expectNoMoreThan(before);
  });

  test('connects before the first request', async () => {
    const { app } = await start({ redis: redis.url, providers: [ClientHolder] });
    await until(() => app.get(ClientHolder).client.status === 'ready', 'the client is connected');
  });

  test('does not connect a client that the application wants to connect late', async () => {
    const { app, browser } = await start({ redis: { ...redis.options, lazyConnect: true }, providers: [ClientHolder] });
    expect(app.get(ClientHolder).client.status).toBe('wait');
    expect((await browser().post('/visits')).json).toEqual({ visits: 1 });
  });
});

describe('closing', () => {
  let proxy: ChaosProxy;

  /** What is not awaited by the handler: the touch of an unchanged session, which is still under way when the response is out. */
  function stallingController(): Type {
    @Controller()
    class StallingController extends VisitsController {
      @Get('stall')
      stall(): void {
        proxy.stall();
      }
    }
    return StallingController;
  }

  async function startWithStalledTouch(deadline: number) {
    proxy = later(await startProxy(redis.port), (it) => it.stop());
    const started = await start({
      redis: { host: '127.0.0.1', port: proxy.port, commandTimeout: 30_000 },
      store: { touchAfter: 0, deadline: 60_000 },
      controllers: [stallingController()],
      providers: [ClientHolder],
    });
    const visitor = started.browser();
    await visitor.post('/visits');
    const key = `sess:${(await visitor.sid())?.slice(0, 22)}`;
    // Redis then asks for the script, so that the touch takes two commands, and one that was sent is not yet one that is done.
    await redis.client().script('FLUSH');
    await redis.client().pexpire(key, 600_000);
    await visitor.get('/stall');
    Object.assign(started.sessions.settings, { deadline });
    return { ...started, key };
  }

  test('waits for the writes under way', async () => {
    const { store, key, close } = await startWithStalledTouch(60_000);
    const drain = store.drain.bind(store);
    const waiting = new Promise<void>((resolve) => {
      store.drain = () => {
        resolve();
        return drain();
      };
    });
    const closing = close();
    await waiting;
    await proxy.heal();
    await closing;
    expect(await redis.client().pttl(key)).toBeGreaterThan(600_000);
  });

  test('does not wait for a Redis that does not answer', async () => {
    const { app, close } = await startWithStalledTouch(50);
    await close();
    await until(() => app.get(ClientHolder).client.status === 'end', 'its connection is given up');
  });

  test('closes the client that the module made', async () => {
    const { app, close, browser } = await start({ redis: redis.url, providers: [ClientHolder] });
    await browser().post('/visits');
    await close();
    expect(app.get(ClientHolder).client.status).toBe('end');
  });

  test('leaves a given client as it was', async () => {
    const client = later(new Redis(redis.options), (it) => it.disconnect());
    await client.ping();
    const before = listenersOf(client);
    const { close, browser } = await start({ redis: client });
    expect((await browser().post('/visits')).json).toEqual({ visits: 1 });
    expect(client.listenerCount('error')).toBeGreaterThan(0);
    await close();
    expect(await client.ping()).toBe('PONG');
    expect(listenersOf(client)).toEqual(before);
    expect(client.options).toMatchObject({ enableOfflineQueue: true });
  });

  test('twice is the same as once', async () => {
    const { app } = await start({ redis: redis.url });
    await Promise.all([app.close(), app.close()]);
    await app.close();
  });

  test('leaves another application in the same process alone', async () => {
    const [one, other] = [await start({ redis: redis.url }), await start({ redis: redis.url })];
    const visitor = other.browser();
    await visitor.post('/visits');
    await one.close();
    expect((await visitor.post('/visits')).json).toEqual({ visits: 2 });
  });

  test('while Redis is down takes no longer', async () => {
    const absent = later(await startRedis(), (server) => server.stop());
    const { app, close, browser } = await start({ redis: absent.url, providers: [ClientHolder] });
    await browser().post('/visits');
    await absent.kill();
    await until(() => app.get(ClientHolder).client.status === 'reconnecting', 'the client has noticed');
    await close();
    expect(app.get(ClientHolder).client.status).toBe('end');
  });
});

describe('20 applications, one after the other, leave no handle and no listener behind', () => {
  let client: Redis;
  beforeAll(async () => {
    client = new Redis(redis.options);
    await client.ping();
  });
  afterAll(() => client.disconnect());

  // A timer that nobody clears would outlast the test.
  const deadline = 30_000;

  test.each<[string, () => TestAppOptions]>([
    ['with a client of their own', () => ({ redis: redis.url, store: { deadline } })],
    ['with a given client', () => ({ redis: client, store: { deadline } })],
    ['with a given client and the layout of connect-redis', () => ({ redis: client, store: { deadline, kind: 'connect-redis' } })],
    ['with a client of their own and shared events', () => ({ redis: redis.url, store: { deadline, events: 'cluster' } })],
    ['with a given client and shared events', () => ({ redis: client, store: { deadline, events: 'cluster' } })],
    ['in memory', () => ({ store: { deadline, kind: 'memory' } })],
  ])('%s', async (_, options) => {
    const cycle = async () => {
      const { browser, close } = await createApp({ controllers: [VisitsController], ...options() });
      const visitor = browser();
      await visitor.post('/visits');
      expect((await visitor.get('/visits')).json).toEqual({ visits: 1 });
      await close();
    };
    await cycle();
    const before = await usage(client);
    for (let count = 0; count < 20; count++) await cycle();
    await expectNoMoreThan(before, client);
  });
});

type Usage = Record<string, number>;

/** What this process and the server hold, by name. */
async function usage(...emitters: Emitter[]): Promise<Usage> {
  const counts: Usage = { connections: Number(/connected_clients:(\d+)/.exec(await redis.client().info('clients'))?.[1]) };
  const count = (name: string, by = 1) => (counts[name] = (counts[name] ?? 0) + by);
  for (const name of process.getActiveResourcesInfo()) count(name);
  for (const emitter of [process, ...emitters])
    for (const [name, listeners] of Object.entries(listenersOf(emitter))) count(`on ${name}`, listeners);
  return counts;
}

/** The other ends of closed connections, and timers of fetch, are cleared away a moment later. */
async function expectNoMoreThan(before: Usage, ...emitters: Emitter[]): Promise<void> {
  let more: [string, number][] = [];
  await until(async () => {
    more = Object.entries(await usage(...emitters)).filter(([name, count]) => count > (before[name] ?? 0));
    return more.length === 0;
  }, 'what was held is given back').catch(() => undefined);
  expect(more).toEqual([]);
}

type Emitter = Pick<NodeJS.EventEmitter, 'eventNames' | 'listenerCount'>;

function listenersOf(emitter: Emitter): Record<string, number> {
  return Object.fromEntries(emitter.eventNames().map((name) => [String(name), emitter.listenerCount(name)]));
}
