import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Inject, Module, Post, UseGuards, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { FastifyInstance } from 'fastify';
import type { Redis } from 'ioredis';
import {
  Identity,
  MemorySessionStore,
  Public,
  RedisSessionModule,
  Session,
  SessionGuard,
  SessionManager,
  type HttpSession,
} from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { firstExampleOf } from '../support/document-example.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

let redis: RedisServer;
const closing: (() => unknown)[] = [];
beforeAll(async () => {
  redis = await startRedis();
  process.env['SESSION_SECRET'] = TEST_SECRET;
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(() => redis.stop());

/** What differs from the example: where Redis is, and how long a busy machine may wait for it. What the test needs of it, it exports. */
const adapted = (names: string) => (code: string) =>
  `const client = new Redis(${JSON.stringify(redis.url)});
${code.replace(/new RedisSessionStore\(new Redis\(.*?\)(?:, \{(.*?)\})?\)/, 'new RedisSessionStore(client, { deadline: 60_000, $1 })')}
export { client, ${names} };`;

test('the server of docs/fastify.md signs in, and knows who asks', async () => {
  const { app, client } = await firstExampleOf<{ app: FastifyInstance; client: Redis }>('docs/fastify.md', { change: adapted('app') });
  closing.push(
    () => client.disconnect(),
    () => app.close(),
  );
  const browser = new Browser(await app.listen({ port: 0, host: '127.0.0.1' }));
  expect((await browser.get('/me')).json).toMatchObject({ statusCode: 401, code: 'SESSION_REQUIRED' });
  expect((await browser.post('/login')).status).toBe(200);
  expect((await browser.get('/me')).json).toEqual({ id: 'ada', roles: ['reader'] });
  expect(await redis.client().keys('shop:sess:*')).not.toEqual([]);
});

test('the server of docs/plain-node.md signs in and out by its two functions, and answers 503 while Redis is away', async () => {
  const change = (code: string) => adapted('server')(code).replace('listen(3000)', "listen(0, '127.0.0.1')");
  const { server, client } = await firstExampleOf<{ server: Server; client: Redis }>('docs/plain-node.md', { change });
  closing.push(
    () => client.disconnect(),
    () => server.close(),
  );
  const browser = new Browser(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect((await browser.get('/')).json).toEqual({ identity: null });
  expect((await browser.get('/login')).json).toEqual({ identity: { id: 'ada', roles: ['user'] } });
  expect((await browser.get('/')).json).toEqual({ identity: { id: 'ada', roles: ['user'] } });
  client.disconnect();
  const refused = await browser.get('/');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
});

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Public()
  @Post('login')
  login(@Session() session: HttpSession) {
    return session.login({ id: 'ada' });
  }

  @Get('me')
  me(@Identity('id') id: string) {
    return { id };
  }
}

async function browse(options: { session?: object; context?: boolean }, controller: Type = AccountController, providers: Type[] = []) {
  const { session, ...others } = options;

  @Module({
    imports: [
      RedisSessionModule.forRoot({
        store: new MemorySessionStore({ touchAfter: 0 }),
        session: { secret: TEST_SECRET, ...session },
        ...others,
      }),
    ],
    controllers: [...new Set([AccountController, controller])],
    providers,
  })
  class ExampleModule {}

  const app = (await Test.createTestingModule({ imports: [ExampleModule] }).compile()).createNestApplication({ logger: false });
  closing.push(() => app.close());
  await app.listen(0, '127.0.0.1');
  return { app, origin: await app.getUrl(), browser: new Browser(await app.getUrl()) };
}

test('the client of docs/clients-without-cookies.md keeps the value that it is told, and begins anew after the end', async () => {
  const { app, origin } = await browse({ session: { header: 'X-Session' } });
  const { ShopClient } = await firstExampleOf<{ ShopClient: Type<{ send(path: string, init?: RequestInit): Promise<Response> }> }>(
    'docs/clients-without-cookies.md',
    { under: '## Write a client', change: (code) => code.replace('https://shop.example.com', origin) },
  );
  const shop = new ShopClient();
  const statusOf = async (path: string, init?: RequestInit) => (await shop.send(path, init)).status;
  expect(await statusOf('/me')).toBe(401);
  expect(await statusOf('/login', { method: 'POST' })).toBe(201);
  expect(await (await shop.send('/me')).json()).toEqual({ id: 'ada' });
  await app.get(SessionManager).revokeAll('ada');
  expect(await statusOf('/me')).toBe(401);
  expect(await statusOf('/login', { method: 'POST' })).toBe(201);
  expect(await statusOf('/me')).toBe(200);
});

const PASSIVE_IMPORTS = `import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { Passive, Session, SessionGuard } from 'nestjs-redis-session';
`;

test('the endpoint of docs/passive-requests.md tells when the session ends, and keeps no session alive', async () => {
  const { ExpiryController } = await firstExampleOf<{ ExpiryController: Type }>('docs/passive-requests.md', {
    under: '## "You will be signed out in two minutes"',
    change: (code) => `${PASSIVE_IMPORTS}@Controller() @UseGuards(SessionGuard) export class ExpiryController {\n${code}}`,
  });
  const { browser } = await browse({}, ExpiryController);
  expect((await browser.get('/session/expiry')).status).toBe(401);
  await browser.post('/login');
  const first = (await browser.get('/session/expiry')).json;
  expect(Date.parse(first.expiresAt)).toBeGreaterThan(Date.parse(first.now));
  // Each look comes at a later millisecond, and each request that is no look would move the end.
  await until(() => Date.now() > Date.parse(first.now), 'a millisecond is over');
  expect((await browser.get('/session/expiry')).json.expiresAt).toBe(first.expiresAt);
  expect((await browser.post('/session/stay')).status).toBe(201);
  expect(Date.parse((await browser.get('/session/expiry')).json.expiresAt)).toBeGreaterThan(Date.parse(first.expiresAt));
});

const CONTEXT_IMPORTS = `import { Injectable, Logger } from '@nestjs/common';
import { SessionContext } from 'nestjs-redis-session';
`;

test('the services of docs/session-in-services.md know the session of the request, and one works outside of it', async () => {
  const serviceUnder = <Service>(under: string) =>
    firstExampleOf<Record<string, Type<Service>>>('docs/session-in-services.md', { under, change: (code) => CONTEXT_IMPORTS + code });
  const { AuditService } = await serviceUnder<{ record(action: string): void }>('```ts\n@Injectable()');
  const { PricesService } = await serviceUnder<{ discount(): number }>('## Outside of a request');

  @Controller()
  class ShopController {
    constructor(
      @Inject(AuditService) private readonly audit: { record(action: string): void },
      @Inject(PricesService) private readonly prices: { discount(): number },
    ) {}

    @Get('price')
    price() {
      this.audit.record('look');
      return { discount: this.prices.discount() };
    }
  }

  const { app, browser } = await browse({ context: true }, ShopController, [AuditService!, PricesService!]);
  const lines: string[] = [];
  app.useLogger({ log: (line: string) => lines.push(line), error: () => undefined, warn: () => undefined });
  expect((await browser.get('/price')).json).toEqual({ discount: 0 });
  await browser.post('/login');
  expect((await browser.get('/price')).json).toEqual({ discount: 0.1 });
  const [visitor, ada] = lines;
  expect(visitor).toMatch(/^look by a visitor, session [\w-]{22}$/);
  expect(ada).toBe(`look by ada, session ${(await browser.sid())?.slice(0, 22)}`);
  expect(app.get<{ discount(): number }>(PricesService!).discount()).toBe(0);
});
