import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  Scope,
  type CanActivate,
  type DynamicModule,
  type INestApplication,
  type ModuleMetadata,
} from '@nestjs/common';
import { APP_GUARD, ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Redis, type Cluster } from 'ioredis';
import {
  InjectSessionOptions,
  InjectSessionRedis,
  MemorySessionStore,
  RedisSessionModule,
  RedisSessionStore,
  Session,
  SESSION_OPTIONS,
  SESSION_REDIS,
  SessionGuard,
  SessionMiddleware,
  SessionStore,
  SessionUnsupportedError,
  type HttpSession,
  type RedisSessionOptions,
  type RedisSessionOptionsFactory,
  type ResolvedRedisSessionOptions,
} from '../../src/index.js';
import { Browser } from '../support/browser.js';
import { TEST_SECRET } from '../support/create-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const session = { secret: TEST_SECRET };
const MEMORY: RedisSessionOptions = { session, store: { kind: 'memory' } };

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

let app: INestApplication | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(...imports: NonNullable<ModuleMetadata['imports']>): Promise<INestApplication> {
  const module = await Test.createTestingModule({ imports }).compile();
  app = module.createNestApplication({ logger: false });
  return app.init();
}

async function browse(started: INestApplication): Promise<Browser> {
  await started.listen(0, '127.0.0.1');
  return new Browser(await started.getUrl());
}

/** In a module of its own that imports nothing, as services of an application are. */
function moduleOf(...providers: NonNullable<ModuleMetadata['providers']>): DynamicModule {
  @Module({})
  class FeatureModule {}
  return { module: FeatureModule, providers, exports: providers as never };
}

@Injectable()
class Everything {
  @InjectSessionRedis() readonly asProperty!: Redis;

  constructor(
    @InjectSessionRedis() readonly redis: Redis | Cluster,
    @InjectSessionOptions() readonly options: ResolvedRedisSessionOptions,
    readonly store: SessionStore,
    readonly middleware: SessionMiddleware,
    readonly guard: SessionGuard,
  ) {}
}

describe('what a module without imports can inject', () => {
  test('the client, the options, the store, the middleware and the guard', async () => {
    const started = await start(RedisSessionModule.forRoot({ redis: redis.url, session }), moduleOf(Everything));
    const it = started.get(Everything);
    expect(await it.redis.ping()).toBe('PONG');
    expect(it.asProperty).toBe(it.redis);
    expect(it.options.session).toMatchObject({ name: 'sid', secrets: [TEST_SECRET] });
    expect(it.store).toBeInstanceOf(RedisSessionStore);
    expect(it.middleware).toBeInstanceOf(SessionMiddleware);
    expect(it.guard).toBeInstanceOf(SessionGuard);
  });

  test('whichever comes first in the imports', async () => {
    const started = await start(moduleOf(Everything), RedisSessionModule.forRoot({ redis: redis.url, session }));
    expect(await started.get(Everything).redis.ping()).toBe('PONG');
  });

  test('a client that was given is the one injected, and the one that the store uses', async () => {
    const client = new Redis(redis.options);
    const started = await start(RedisSessionModule.forRoot({ redis: client, session }), moduleOf(Everything));
    expect(started.get(Everything).redis).toBe(client);
    await started.close();
    client.disconnect();
  });

  test('the client and the options into a factory, and a test can put others in their place', async () => {
    const factory = {
      provide: 'where',
      inject: [SESSION_REDIS, SESSION_OPTIONS],
      useFactory: async (client: Redis, options: ResolvedRedisSessionOptions) => [await client.echo('here'), options.session.name],
    };
    const options = { redis: redis.url, session };
    const started = await start(RedisSessionModule.forRoot(options), moduleOf(factory));
    expect(started.get('where')).toEqual(['here', 'sid']);

    const other = await Test.createTestingModule({ imports: [RedisSessionModule.forRoot(options), moduleOf(factory)] })
      .overrideProvider(SESSION_REDIS)
      .useValue({ echo: async () => 'nowhere' })
      .overrideProvider(SessionStore)
      .useValue(new MemorySessionStore())
      .compile();
    expect(other.get('where')).toEqual(['nowhere', 'sid']);
    await other.close();
  });

  test('nothing, with isGlobal: false, unless it imports the module', async () => {
    const sessions = RedisSessionModule.forRoot({ ...MEMORY, isGlobal: false });
    @Injectable()
    class Service {
      constructor(readonly store: SessionStore) {}
    }
    @Module({ imports: [sessions], providers: [Service] })
    class ImportingModule {}
    await expect(start(sessions, moduleOf(Service))).rejects.toThrow('SessionStore');
    expect((await start(sessions, ImportingModule)).get(Service).store).toBeInstanceOf(MemorySessionStore);
  });
});

describe('forRootAsync', () => {
  @Injectable()
  class Config implements RedisSessionOptionsFactory {
    readonly secret: string = TEST_SECRET;

    createRedisSessionOptions(): Promise<RedisSessionOptions> {
      return Promise.resolve({ session: { secret: this.secret, name: 'from-config' }, store: { kind: 'memory' } });
    }
  }
  @Module({ providers: [Config], exports: [Config] })
  class ConfigModule {}

  test.each<[string, () => DynamicModule]>([
    [
      'useFactory with imports and inject',
      () =>
        RedisSessionModule.forRootAsync({
          imports: [ConfigModule],
          inject: [Config],
          useFactory: (config: Config) => config.createRedisSessionOptions(),
        }),
    ],
    [
      'useFactory without a promise',
      () => RedisSessionModule.forRootAsync({ useFactory: () => ({ ...MEMORY, session: { ...session, name: 'from-config' } }) }),
    ],
    ['useClass', () => RedisSessionModule.forRootAsync({ useClass: Config })],
    ['useExisting', () => RedisSessionModule.forRootAsync({ imports: [ConfigModule], useExisting: Config })],
  ])('%s', async (_, sessionModule) => {
    @Injectable()
    class Service {
      constructor(@InjectSessionOptions() readonly options: ResolvedRedisSessionOptions) {}
    }
    const { options } = (await start(sessionModule(), moduleOf(Service))).get(Service);
    expect(options.session).toMatchObject({ name: 'from-config', secrets: [TEST_SECRET], resave: false });
  });

  test('injects the client of options that come late', async () => {
    const options = new Promise<RedisSessionOptions>((resolve) => setImmediate(resolve, { redis: redis.url, session }));
    const started = await start(moduleOf(Everything), RedisSessionModule.forRootAsync({ useFactory: () => options }));
    expect(await started.get(Everything).redis.ping()).toBe('PONG');
  });

  test('takes isGlobal, exclude and forRoutes beside the factory', async () => {
    @Controller()
    class PlainController {
      @Get(['in', 'out'])
      answer(@Session() current: HttpSession): boolean {
        return current.isNew;
      }
    }
    @Module({ controllers: [PlainController] })
    class PlainModule {}
    const started = await start(RedisSessionModule.forRootAsync({ useFactory: () => MEMORY, exclude: ['out'] }), PlainModule);
    const browser = await browse(started);
    expect((await browser.get('/in')).text).toBe('true');
    expect((await browser.get('/out')).status).toBe(500);
  });
});

describe('without Redis', () => {
  test('an application that does not inject the client starts', async () => {
    const started = await start(RedisSessionModule.forRoot(MEMORY));
    expect(started.get(SessionStore)).toBeInstanceOf(MemorySessionStore);
  });

  test('injecting the client is an error that says why and what to do', async () => {
    const starting = start(RedisSessionModule.forRoot(MEMORY), moduleOf(Everything));
    await expect(starting).rejects.toThrow(SessionUnsupportedError);
    await expect(starting).rejects.toThrow(
      'There is no Redis client to inject: the sessions of this application are kept without Redis. Set the option "redis"',
    );
  });

  test('a client is there for a store of the application, when the option names one', async () => {
    const store = new MemorySessionStore();
    const started = await start(RedisSessionModule.forRoot({ redis: redis.url, session, store }), moduleOf(Everything));
    const it = started.get(Everything);
    expect(it.store).toBe(store);
    expect(await it.redis.ping()).toBe('PONG');
  });
});

describe('who injects the client', () => {
  let made = 0;

  @Injectable()
  class Singleton {
    readonly number = ++made;
    constructor(@InjectSessionRedis() readonly redis: Redis) {}
  }

  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {
    constructor(
      @InjectSessionRedis() readonly redis: Redis,
      readonly singleton: Singleton,
    ) {}
  }

  @Controller()
  class NumberController {
    constructor(
      private readonly singleton: Singleton,
      @InjectSessionRedis() private readonly redis: Redis,
    ) {}

    @Get()
    async answer(): Promise<object> {
      return { number: this.singleton.number, same: this.redis === this.singleton.redis, pong: await this.redis.ping() };
    }
  }

  test('stays a singleton, and all have the same client', async () => {
    const started = await start(
      { ...moduleOf(Singleton), controllers: [NumberController] },
      RedisSessionModule.forRoot({ redis: redis.url, session }),
    );
    const browser = await browse(started);
    const answer = (await browser.get('/')).json;
    expect(answer).toEqual({ number: made, same: true, pong: 'PONG' });
    expect((await browser.get('/')).json).toEqual(answer);
    expect(started.get(Singleton).redis).toBe(
      (await started.get(ModuleRef, { strict: false }).resolve(Singleton, undefined, { strict: false })).redis,
    );
  });

  test('may be made per request, with the same client', async () => {
    const started = await start(RedisSessionModule.forRoot({ redis: redis.url, session }), moduleOf(Singleton, PerRequest));
    const [one, other] = [await started.resolve(PerRequest), await started.resolve(PerRequest)];
    expect(one).not.toBe(other);
    expect(one.redis).toBe(other.redis);
    expect(one.singleton).toBe(other.singleton);
  });
});

describe('as Nest applications do', () => {
  @Controller()
  class HomeController {
    @Get()
    home(): string {
      return 'home';
    }
  }

  test('the guard can be the global one', async () => {
    const started = await start(
      { ...moduleOf({ provide: APP_GUARD, useExisting: SessionGuard }), exports: [], controllers: [HomeController] },
      RedisSessionModule.forRoot(MEMORY),
    );
    expect((await (await browse(started)).get('/')).status).toBe(401);
  });

  test('the guard can be extended', async () => {
    @Injectable()
    class NobodyGuard extends SessionGuard implements CanActivate {
      @Inject(SessionStore) readonly store!: SessionStore;

      protected override isPublic(): boolean {
        return this.store instanceof MemorySessionStore;
      }
    }
    const started = await start(
      { ...moduleOf({ provide: APP_GUARD, useClass: NobodyGuard }), exports: [], controllers: [HomeController] },
      RedisSessionModule.forRoot(MEMORY),
    );
    expect((await (await browse(started)).get('/')).text).toBe('home');
  });

  test('a test can put a memory store in the place of Redis', async () => {
    const store = new MemorySessionStore();
    const module = await Test.createTestingModule({
      imports: [RedisSessionModule.forRoot({ redis: redis.url, session }), moduleOf(Everything)],
    })
      .overrideProvider(SessionStore)
      .useValue(store)
      .compile();
    app = await module.createNestApplication({ logger: false }).init();
    expect(app.get(Everything).store).toBe(store);
  });
});
