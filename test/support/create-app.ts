import { Module, type DynamicModule, type INestApplication, type LoggerService, type Provider, type Type } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test, type TestingModule } from '@nestjs/testing';
import { RedisSessionModule, SessionStore, type RedisSessionModuleExtras, type RedisSessionOptions } from '../../src/index.js';
import { isExpressStore } from '../../src/express-session/express-store-adapter.js';
import type { ClusterConnection } from '../../src/redis/client/redis-connection.js';
import { Sessions } from '../../src/session/sessions.js';
import { isSessionStore } from '../../src/session/store/session-store.js';
import { Browser } from './browser.js';
import { NodeAdapter } from './node-adapter.js';

/** In ms. A machine that is busy with other things must not make a request miss its deadline, unless the test is about that. */
const PATIENCE = 60_000;

export const TEST_SECRET = 'a secret of the test suite, which is long enough';

/** What serves the requests of an application. */
export type Platform = 'express' | 'fastify' | 'node';

export interface TestAppOptions extends RedisSessionModuleExtras {
  /** @default 'express' */
  platform?: Platform | undefined;
  /** Which proxies the framework trusts: "trust proxy" of Express, `trustProxy` of Fastify. Plain Node has nothing for that. */
  trustProxy?: boolean | string | undefined;
  redis?: RedisSessionOptions['redis'];
  /** Beside `secret`, which is given. */
  session?: Partial<RedisSessionOptions['session']>;
  store?: RedisSessionOptions['store'];
  identity?: RedisSessionOptions['identity'];
  adopt?: RedisSessionOptions['adopt'];
  context?: RedisSessionOptions['context'];
  controllers?: Type[];
  providers?: Provider[];
  /** Further modules, imported after the session module. */
  imports?: (Type | DynamicModule)[];
  /** Modules that are imported before it. */
  importedBefore?: (Type | DynamicModule)[];
  /** Gets what the application logs. Nobody does by default. */
  logger?: LoggerService;
  /** Called before `app.init()`, as `main.ts` would. */
  prepare?: (app: NestExpressApplication) => void;
}

export interface TestApp {
  readonly app: INestApplication;
  readonly module: TestingModule;
  readonly origin: string;
  readonly store: SessionStore;
  /** The sessions of that store. */
  readonly sessions: Sessions;
  browser(): Browser;
  close(): Promise<void>;
}

/** A Nest application with the session module as its first import, unless the test says otherwise, listening on a free port of 127.0.0.1. */
export async function createApp({
  platform = 'express',
  trustProxy,
  redis,
  session,
  store,
  identity,
  adopt,
  context,
  controllers = [],
  providers = [],
  imports = [],
  importedBefore = [],
  logger,
  prepare,
  ...extras
}: TestAppOptions): Promise<TestApp> {
  const options: RedisSessionOptions = {
    redis: patient(redis),
    session: { secret: TEST_SECRET, ...session },
    store: isSessionStore(store) || isExpressStore(store) ? store : { deadline: PATIENCE, ...store },
    identity,
    adopt,
    context,
  };

  @Module({ imports: [...importedBefore, RedisSessionModule.forRoot({ ...options, ...extras }), ...imports], controllers, providers })
  class TestAppModule {}

  const builder = Test.createTestingModule({ imports: [TestAppModule] });
  if (logger !== undefined) builder.setLogger(logger);
  const module = await builder.compile();
  const app = applicationOn(platform, module, { logger: logger ?? false, trustProxy });
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const origin = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    app,
    module,
    origin,
    store: app.get(SessionStore),
    sessions: Sessions.of(app.get(SessionStore)),
    browser: () => new Browser(origin),
    close: () => app.close(),
  };
}

interface ApplicationSettings {
  readonly logger: LoggerService | false;
  readonly trustProxy: boolean | string | undefined;
}

/** What tests ask of an application that is not on Express they ask of the variants on Express alone. */
function applicationOn(platform: Platform, module: TestingModule, { logger, trustProxy }: ApplicationSettings): NestExpressApplication {
  if (platform === 'node') return module.createNestApplication(new NodeAdapter(), { logger }) as unknown as NestExpressApplication;
  if (platform === 'fastify') {
    const adapter = new FastifyAdapter(trustProxy === undefined ? {} : { trustProxy });
    return module.createNestApplication<NestFastifyApplication>(adapter, { logger }) as unknown as NestExpressApplication;
  }
  const app = module.createNestApplication<NestExpressApplication>({ logger });
  if (trustProxy !== undefined) app.set('trust proxy', trustProxy);
  return app;
}

/** With the patience that it does not have of its own. A client is taken as it is. */
function patient(redis: TestAppOptions['redis']): TestAppOptions['redis'] {
  const patience = { commandTimeout: PATIENCE };
  if (redis === undefined || redis === '') return redis;
  if (typeof redis === 'string') return `${redis}${redis.includes('?') ? '&' : '?'}commandTimeout=${PATIENCE}`;
  if ('sendCommand' in redis) return redis;
  if (!isCluster(redis)) return { ...patience, ...redis };
  return { ...redis, options: { ...redis.options, redisOptions: { ...patience, ...redis.options?.redisOptions } } };
}

function isCluster(redis: object): redis is ClusterConnection {
  return 'cluster' in redis;
}
