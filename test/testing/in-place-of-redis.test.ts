import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Post,
  UseGuards,
  type DynamicModule,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import {
  Identity,
  MemorySessionStore,
  Public,
  RedisSessionModule,
  RedisSessionStore,
  Session,
  SessionGuard,
  SessionManager,
  SessionStore,
  type HttpSession,
  type RedisSessionOptions,
} from '../../src/index.js';
import { sessionBehind, signIn, testSessions, type TestSessions } from '../../src/testing.js';
import { NodeAdapter } from '../support/node-adapter.js';
import { TEST_SECRET, type Platform } from '../support/create-app.js';

const ADA = { id: 'ada' };
const MINUTE = 60_000;

/** Something that listens where Redis would, and answers nobody. */
let redis: Server;
let connections = 0;
let port: number;

beforeAll(async () => {
  redis = createServer((socket) => {
    connections++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(redis, 'listening');
  ({ port } = redis.address() as AddressInfo);
});
afterAll(() => void redis.close());

const apps: INestApplication[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  connections = 0;
});

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Get('me') me(@Identity() who: Identity) {
    return who;
  }
  @Public() @Post('cart') add(@Session() session: HttpSession, @Body('sku') sku: string) {
    const entries = session as unknown as { cart?: string[] };
    entries.cart = [...(entries.cart ?? []), sku];
    return entries.cart;
  }
}

/** An application as it is in production. */
function appModule(options: Partial<RedisSessionOptions> = {}): Type {
  @Module({
    imports: [
      RedisSessionModule.forRootAsync({
        useFactory: () => ({ redis: `redis://127.0.0.1:${port}`, ...options, session: { secret: TEST_SECRET, ...options.session } }),
      }),
    ],
    controllers: [AccountController],
  })
  class AppModule {}
  return AppModule;
}

async function start(
  module: Type,
  sessions: TestSessions,
  platform: Platform = 'express',
): Promise<{ app: INestApplication; url: string }> {
  const testing = await Test.createTestingModule({ imports: [module] })
    .overrideProvider(SessionStore)
    .useFactory(sessions)
    .compile();
  const adapter = { express: undefined, fastify: new FastifyAdapter(), node: new NodeAdapter() }[platform];
  const app = adapter === undefined ? testing.createNestApplication() : testing.createNestApplication(adapter);
  apps.push(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

describe.each<[Platform, 'builtin' | 'express-session']>([
  ['express', 'builtin'],
  ['express', 'express-session'],
  ['fastify', 'builtin'],
  ['node', 'builtin'],
])('testSessions() in an application on %s with %s', (platform, middleware) => {
  test('takes the place of Redis, to which nothing connects', async () => {
    const sessions = testSessions();
    const { app, url } = await start(appModule({ session: { secret: TEST_SECRET, middleware } }), sessions, platform);
    const ada = await signIn(app, ADA);
    const me = await fetch(`${url}/me`, { headers: ada.asHeader });
    expect([me.status, await me.json()]).toEqual([200, ADA]);
    const headers = { 'content-type': 'application/json', ...ada.asHeader };
    expect((await fetch(`${url}/cart`, { method: 'POST', headers, body: '{"sku":"tea"}' })).status).toBe(201);
    expect(await sessionBehind(app, ada)).toMatchObject({ identity: ADA, entries: { cart: ['tea'] } });
    await app.close();
    expect(connections).toBe(0);
  });

  test('ends a session when its time is over, and not a minute before', async () => {
    const sessions = testSessions();
    const { app, url } = await start(appModule({ session: { secret: TEST_SECRET, middleware } }), sessions, platform);
    const ada = await signIn(app, ADA);
    const status = async () => (await fetch(`${url}/me`, { headers: ada.asHeader })).status;
    await sessions.advance('29m');
    expect(await status()).toBe(200);
    await sessions.advance('29m');
    expect(await status()).toBe(200);
    await sessions.advance('30m');
    expect(await status()).toBe(401);
    expect(await sessionBehind(app, ada)).toBeUndefined();
  });
});

describe('testSessions() in place of', () => {
  test.each<[string, () => Partial<RedisSessionOptions>]>([
    ['a store with events of the cluster', () => ({ store: { events: 'cluster' } })],
    ['a Redis Cluster', () => ({ redis: { cluster: [{ host: '127.0.0.1', port }] } })],
    ['the store of connect-redis', () => ({ store: { kind: 'connect-redis' } })],
  ])('%s connects to nothing', async (_, options) => {
    const { app } = await start(appModule(options()), testSessions());
    expect(await sessionBehind(app, await signIn(app, ADA))).toMatchObject({ identity: ADA });
    await app.close();
    expect(connections).toBe(0);
  });

  test('a store that the application has made keeps what that one was told', async () => {
    const store = new RedisSessionStore(new Redis({ port, lazyConnect: true }), { ttl: 120 });
    const { app } = await start(appModule({ store }), testSessions());
    const { expiresAt, lastSeenAt } = (await sessionBehind(app, await signIn(app, ADA)))!;
    expect(expiresAt.getTime() - lastSeenAt.getTime()).toBe(2 * MINUTE);
  });

  test('another store in memory, too', async () => {
    const { app } = await start(appModule({ store: new MemorySessionStore({ ttl: 120 }) }), testSessions({ ttl: 240 }));
    const { expiresAt, lastSeenAt } = (await sessionBehind(app, await signIn(app, ADA)))!;
    expect(expiresAt.getTime() - lastSeenAt.getTime()).toBe(4 * MINUTE);
  });
});

describe('the store of testSessions()', () => {
  test('has the options of the application, and what the test gives goes before them', async () => {
    const module = appModule({ store: { ttl: 600, absoluteTtl: 1_200, maxSessionsPerUser: 1 } });
    const { app } = await start(module, testSessions({ absoluteTtl: 900 }));
    const [first, second] = [await signIn(app, ADA), await signIn(app, ADA)];
    expect(await sessionBehind(app, first)).toBeUndefined();
    const { createdAt, expiresAt, endsAt } = (await sessionBehind(app, second))!;
    expect([expiresAt.getTime() - createdAt!.getTime(), endsAt!.getTime() - createdAt!.getTime()]).toEqual([10 * MINUTE, 15 * MINUTE]);
  });

  test('has a deadline of its own, unless the test gives one: no request is answered 503 for waiting at a barrier', async () => {
    const module = appModule({ store: { deadline: 50 } });
    const deadlineOf = async (sessions: TestSessions) => (await start(module, sessions)).app.get(SessionStore).settings?.deadline;
    expect([await deadlineOf(testSessions()), await deadlineOf(testSessions({ deadline: 70 }))]).toEqual([3_600_000, 70]);
  });

  test('is the same for applications that would share a place in Redis, as instances do', async () => {
    const sessions = testSessions();
    const [one, other] = [await start(appModule(), sessions), await start(appModule(), sessions)];
    const ada = await signIn(one.app, ADA);
    expect((await fetch(`${other.url}/me`, { headers: ada.asHeader })).status).toBe(200);
    expect(await other.app.get(SessionManager).revoke('ada', ada.handle)).toBe(true);
    expect((await fetch(`${one.url}/me`, { headers: ada.asHeader })).status).toBe(401);
  });

  test('is another for each other prefix, and for each store in memory', async () => {
    const sessions = testSessions();
    const modules = [{ prefix: 'a:' }, { prefix: 'b:' }, { kind: 'memory' as const }, { kind: 'memory' as const }];
    const stores = await Promise.all(modules.map(async (store) => (await start(appModule({ store }), sessions)).app.get(SessionStore)));
    expect(new Set(stores).size).toBe(4);
  });

  test.each([[{ ttl: -1 }], [{ maxBytes: 0 }]])('fails the start with %j', async (options) => {
    const starting = Test.createTestingModule({ imports: [appModule()] })
      .overrideProvider(SessionStore)
      .useFactory(testSessions(options))
      .compile();
    await expect(starting).rejects.toThrow('Sessions cannot start with these options');
    expect(() => testSessions(options).store).toThrow('Sessions cannot start with these options');
  });
});

describe('an application with two session modules', () => {
  @Controller('admin')
  class AdminController {
    constructor(@Inject(SessionManager) private readonly manager: SessionManager) {}
    @Get('sessions') async count() {
      return { count: await this.manager.count('ada') };
    }
    @Get('me') me(@Identity() who: Identity | undefined) {
      return { who: who ?? null };
    }
  }

  @Controller('shop')
  class ShopController {
    @Get('me') me(@Identity() who: Identity | undefined) {
      return { who: who ?? null };
    }
  }

  const sessionsOf = (name: string, routes: object, prefix: string): DynamicModule =>
    RedisSessionModule.forRoot({
      redis: `redis://127.0.0.1:${port}`,
      session: { name, secret: TEST_SECRET },
      store: { prefix },
      isGlobal: false,
      ...routes,
    });

  async function startBoth(names: readonly [string, string] = ['admin', 'shop']) {
    @Module({ imports: [sessionsOf(names[0], { forRoutes: ['admin/*path'] }, 'a:')], controllers: [AdminController] })
    class AdminModule {}

    @Module({ imports: [sessionsOf(names[1], { exclude: ['admin/*path'] }, 's:')], controllers: [ShopController] })
    class ShopModule {}

    @Module({ imports: [AdminModule, ShopModule] })
    class BothModule {}

    return start(BothModule, testSessions());
  }

  test('keeps the sessions of each apart, and signs in with that of the named cookie', async () => {
    const { app, url } = await startBoth();
    const [admin, shopper] = [
      await signIn(app, { id: 'ada' }, { cookieName: 'admin' }),
      await signIn(app, { id: 'bob' }, { cookieName: 'shop' }),
    ];
    const get = async (path: string, headers: Record<string, string>) => (await fetch(url + path, { headers })).json();
    expect(await get('/admin/me', admin.asHeader)).toEqual({ who: { id: 'ada' } });
    expect(await get('/shop/me', shopper.asHeader)).toEqual({ who: { id: 'bob' } });
    expect(await get('/shop/me', admin.asHeader)).toEqual({ who: null });
    expect(await sessionBehind(app, admin)).toMatchObject({ identity: { id: 'ada' } });
    expect(await sessionBehind(app, shopper)).toMatchObject({ identity: { id: 'bob' } });
    expect(await get('/admin/sessions', {})).toEqual({ count: 1 });
  });

  test('asks which cookie is meant', async () => {
    const { app } = await startBoth();
    await expect(signIn(app, ADA)).rejects.toThrow('with the cookies "admin", "shop". Say which with "cookieName".');
    await expect(signIn(app, ADA, { cookieName: 'sid' })).rejects.toThrow('Its sessions have the cookies "admin", "shop".');
  });

  test('cannot be signed in to by a name that both have', async () => {
    const { app } = await startBoth(['sid', 'sid']);
    await expect(signIn(app, ADA, { cookieName: 'sid' })).rejects.toThrow('Give each a "session.name" of its own.');
  });
});

test('a service that injects the manager finds what was signed in', async () => {
  @Injectable()
  class Devices {
    constructor(@Inject(SessionManager) private readonly manager: SessionManager) {}
    async since(user: string) {
      return (await this.manager.list(user)).sessions.map(({ createdAt }) => createdAt);
    }
  }
  @Module({ imports: [appModule()], providers: [Devices] })
  class DevicesModule {}
  const sessions = testSessions({ now: '2030-01-01T00:00:00Z' });
  const { app } = await start(DevicesModule, sessions);
  await signIn(app, ADA);
  await sessions.advance('10m');
  await signIn(app, ADA);
  expect(await app.get(Devices).since('ada')).toEqual([new Date('2030-01-01T00:10:00.002Z'), new Date('2030-01-01T00:00:00.001Z')]);
  expect(sessions.now()).toEqual(new Date('2030-01-01T00:10:00.002Z'));
});
