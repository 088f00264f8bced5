import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { Controller, Module, Post, type INestApplication, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { EventSource } from 'eventsource';
import { MemorySessionStore, RedisSessionModule, Session, SessionManager, type Handle, type HttpSession } from '../../src/index.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { firstExampleOf } from '../support/document-example.js';
import { bothDoors, opened } from '../support/doors.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

let redis: RedisServer;
const closing: (() => unknown)[] = [];
beforeAll(async () => {
  redis = await startRedis();
  Object.assign(process.env, { REDIS_URL: redis.url, SESSION_SECRET: TEST_SECRET });
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => redis.stop());

@Controller()
class SignInController {
  @Post('login')
  login(@Session() session: HttpSession) {
    return session.login({ id: 'ada' });
  }

  @Post('logout')
  logout(@Session() session: HttpSession) {
    return session.logout();
  }
}

async function listening(module: Type, prepare: (app: INestApplication) => void = () => undefined) {
  @Module({ imports: [module], controllers: [SignInController] })
  class ExampleModule {}

  const app = (await Test.createTestingModule({ imports: [ExampleModule] }).compile()).createNestApplication({ logger: false });
  closing.push(() => app.close());
  prepare(app);
  await app.listen(0, '127.0.0.1');
  const browser = new Browser(await app.getUrl());
  await browser.post('/login');
  return { app, browser, origin: await app.getUrl() };
}

test.each(bothDoors)(
  'the chat of docs/websockets.md lets in over $name who is signed in, keeps a draft, and ends with the session',
  async (door) => {
    const { AppModule } = await firstExampleOf<{ AppModule: Type }>('docs/websockets.md');
    const { browser, origin } = await listening(AppModule, (app) => void app.useWebSocketAdapter(door.adapter(app)));
    expect(await door.connect(origin)).toMatchObject({ status: 401, code: 'SESSION_REQUIRED' });
    const client = await opened(door, origin, { cookie: await browser.jar.getCookieString(origin) });
    closing.push(() => client.close());
    client.tell('draft', 'Dear');
    const handle = (await browser.sid())?.slice(0, 22);
    await until(async () => (await redis.client().hget(`sess:${handle}`, 'draft')) === '"Dear"', 'the draft is stored');
    await browser.post('/logout');
    expect(await client.ended).toBe('ended');
  },
);

test('the streams of docs/server-sent-events.md: that of a user ends with the session, the ticker goes on', async () => {
  const { EventsController } = await firstExampleOf<{ EventsController: Type }>('docs/server-sent-events.md');

  @Module({
    imports: [RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store: new MemorySessionStore() })],
    controllers: [EventsController],
  })
  class EventsModule {}

  const { browser, origin } = await listening(EventsModule);
  const cookie = await browser.jar.getCookieString(origin);
  const streams = ['/orders', '/ticker'].map((path) => {
    const stream = new EventSource(origin + path, { fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, cookie } }) });
    closing.push(() => stream.close());
    return { stream, first: new Promise((resolve) => stream.addEventListener('message', ({ data }) => resolve(data))) };
  });
  expect(await Promise.all(streams.map(({ first }) => first))).toEqual(['order 0 of ada', 'price 0']);
  await browser.post('/logout');
  const [orders, ticker] = streams.map(({ stream }) => stream);
  await until(() => orders?.readyState === orders?.CLOSED, 'EventSource has given up');
  expect(ticker?.readyState).toBe(ticker?.OPEN);
});

test('the middleware of docs/server-sent-events.md stops EventSource with 204 once its user has signed out, and nobody in an outage', async () => {
  const { EventsController } = await firstExampleOf<{ EventsController: Type }>('docs/server-sent-events.md');
  const { StreamsModule } = await firstExampleOf<{ StreamsModule: Type }>('docs/server-sent-events.md', { under: 'If you prefer 204' });
  const store = new MemorySessionStore({ logErrors: false });

  @Module({
    imports: [RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store }), StreamsModule],
    controllers: [EventsController],
  })
  class EventsModule {}

  const { browser, origin } = await listening(EventsModule);
  const cookie = await browser.jar.getCookieString(origin);
  const statuses: number[] = [];
  const stream = new EventSource(`${origin}/orders`, {
    fetch: async (url, init) => {
      const response = await fetch(url, { ...init, headers: { ...init.headers, cookie } });
      statuses.push(response.status);
      return response;
    },
  });
  closing.push(() => stream.close());
  expect(await new Promise((resolve) => stream.addEventListener('message', ({ data }) => resolve(data)))).toBe('order 0 of ada');
  await browser.post('/logout');
  await until(() => stream.readyState === stream.CLOSED, 'EventSource has given up');
  expect(statuses).toEqual([200, 204]);
  Object.assign(store, { find: () => Promise.reject(new SessionStoreUnavailableError('connection')) });
  expect((await fetch(`${origin}/orders`, { headers: { cookie } })).status).toBe(503);
});

test('the jobs of docs/jobs-and-microservices.md carry who asked, and are dropped once that session has ended', async () => {
  interface Sender {
    readonly userId: string;
    readonly handle: Handle;
  }
  type Job = { readonly sender: Sender; readonly month: string };
  const { ReportsController } = await firstExampleOf<{ ReportsController: Type }>('docs/jobs-and-microservices.md');
  const { ReportWorker, WorkerModule } = await firstExampleOf<{
    ReportWorker: Type<{ work(job: Job): Promise<string> }>;
    WorkerModule: Type;
  }>('docs/jobs-and-microservices.md', { under: '## How to check it' });
  const jobs: Job[] = [];

  @Module({
    imports: [RedisSessionModule.forRoot({ redis: redis.url, session: { secret: TEST_SECRET } })],
    controllers: [ReportsController],
    providers: [{ provide: 'QUEUE', useValue: { add: async (_name: string, job: Job) => void jobs.push(job) } }],
  })
  class ReportsModule {}

  const { app, browser } = await listening(ReportsModule);
  const worker = await Test.createTestingModule({ imports: [WorkerModule] }).compile();
  closing.push(() => worker.close());
  await worker.init();
  expect((await browser.post('/reports')).status).toBe(201);
  expect(jobs).toEqual([{ sender: { userId: 'ada', handle: (await browser.sid())?.slice(0, 22) }, month: '2026-11' }]);
  const work = () => worker.get(ReportWorker).work(jobs[0] as Job);
  expect(await work()).toBe('report of 2026-11 for ada');
  await app.get(SessionManager).revokeAll('ada');
  expect(await work()).toBe('dropped: the sender has signed out since');
});
