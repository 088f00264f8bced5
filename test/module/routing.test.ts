import { afterEach, describe, expect, test } from '@jest/globals';
import {
  All,
  Catch,
  Controller,
  createParamDecorator,
  Get,
  Global,
  Injectable,
  Module,
  Post,
  RequestMethod,
  UseGuards,
  UseInterceptors,
  Version,
  VERSION_NEUTRAL,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestInterceptor,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Request, Response } from 'express';
import {
  MemorySessionStore,
  RedisSessionModule,
  Session,
  SessionGuard,
  SessionMiddleware,
  SessionMisuseError,
  SessionStoreUnavailableError,
  type HttpSession,
  type RedisSessionModuleExtras,
  type RedisSessionOptions,
} from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, TEST_SECRET, type TestApp, type TestAppOptions } from '../support/create-app.js';

/** Where in the course of a request the session was on it, in order. */
type Trace = Record<string, boolean>;
type TracedRequest = Request & { trace?: Trace };

function note(request: TracedRequest, place: string): void {
  request.trace = { ...request.trace, [place]: typeof request.session?.regenerate === 'function' };
}

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<TracedRequest>();

function tracingMiddleware(place: string) {
  @Injectable()
  class TracingMiddleware implements NestMiddleware {
    use(request: TracedRequest, _response: Response, next: () => void): void {
      note(request, place);
      next();
    }
  }
  return TracingMiddleware;
}

@Module({})
class MiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(tracingMiddleware('middleware')).forRoutes('{*path}', '/');
  }
}

@Global()
@Module({})
class GlobalMiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(tracingMiddleware('global middleware')).forRoutes('{*path}', '/');
  }
}

function tracingGuard(place: string) {
  @Injectable()
  class TracingGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      note(requestOf(context), place);
      return true;
    }
  }
  return TracingGuard;
}

function tracingInterceptor(place: string) {
  @Injectable()
  class TracingInterceptor implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      note(requestOf(context), place);
      return next.handle();
    }
  }
  return TracingInterceptor;
}

/** The trace so far. Parameters are made after guards and interceptors, before pipes and the handler. */
const Traced = createParamDecorator((_: unknown, context) => {
  const request = requestOf(context);
  note(request, 'decorator');
  return request.trace;
});

const EVERYWHERE: Trace = {
  'global middleware': true,
  middleware: true,
  'global guard': true,
  guard: true,
  'global interceptor': true,
  interceptor: true,
  decorator: true,
  handler: true,
};

@Controller()
@UseGuards(tracingGuard('guard'))
@UseInterceptors(tracingInterceptor('interceptor'))
class TracingController {
  @Get(['/', 'plain', 'users/:id', 'health', 'nested/deeper/still'])
  answer(@Traced() trace: Trace, @Session() session: HttpSession): Trace {
    return { ...trace, handler: typeof session.login === 'function' };
  }
}

@Controller('versioned')
class VersionedController extends TracingController {
  @Version(['1', '2'])
  @Get()
  override answer(@Traced() trace: Trace, @Session() session: HttpSession): Trace {
    return super.answer(trace, session);
  }

  @Version(VERSION_NEUTRAL)
  @Get('neutral')
  neutral(@Traced() trace: Trace, @Session() session: HttpSession): Trace {
    return super.answer(trace, session);
  }
}

let running: TestApp | undefined;
afterEach(() => running?.close());

async function start(options: TestAppOptions = {}): Promise<TestApp> {
  running = await createApp({
    store: { kind: 'memory' },
    controllers: [VersionedController, TracingController],
    providers: [
      { provide: APP_GUARD, useClass: tracingGuard('global guard') },
      { provide: APP_INTERCEPTOR, useClass: tracingInterceptor('global interceptor') },
    ],
    imports: [MiddlewareModule, GlobalMiddlewareModule],
    ...options,
  });
  return running;
}

const URI = { type: VersioningType.URI } as const;
const HEADER = { type: VersioningType.HEADER, header: 'x-version' } as const;
const OUTSIDE = { exclude: ['/', 'health', { path: 'users/:id', method: RequestMethod.GET }] };

describe('the session is on the request', () => {
  test.each<[string, TestAppOptions['prepare'], string[], Record<string, string>?]>([
    ['without further ado', undefined, ['/', '/plain', '/plain/', '/users/7', '/nested/deeper/still', '/plain?a=1']],
    [
      'under a global prefix',
      (app) => app.setGlobalPrefix('api'),
      ['/api', '/api/', '/api/plain', '/api/users/7', '/api/nested/deeper/still'],
    ],
    ['under a prefix of two parts', (app) => app.setGlobalPrefix('my/api'), ['/my/api', '/my/api/plain', '/my/api/users/7']],
    ['on routes outside the global prefix', (app) => app.setGlobalPrefix('api', OUTSIDE), ['/', '/health', '/users/7', '/api/plain']],
    [
      'with the version in the path',
      (app) => app.enableVersioning(URI),
      ['/v1/versioned', '/v2/versioned', '/versioned/neutral', '/plain'],
    ],
    [
      'with a default version in the path',
      (app) => app.enableVersioning({ ...URI, defaultVersion: '1' }),
      ['/v1/versioned', '/v2/versioned', '/versioned/neutral', '/v1/plain', '/v1'],
    ],
    [
      'with the version in the path under a prefix',
      (app) => app.setGlobalPrefix('api').enableVersioning(URI),
      ['/api/v1/versioned', '/api/v2/versioned', '/api/versioned/neutral', '/api/plain', '/api'],
    ],
    [
      'with a default version and routes outside the prefix',
      (app) => app.setGlobalPrefix('api', OUTSIDE).enableVersioning({ ...URI, defaultVersion: '1' }),
      ['/v1/health', '/v1/users/7', '/v1', '/api/v1/plain', '/api/v2/versioned'],
    ],
    ['with the version in a header', (app) => app.enableVersioning(HEADER), ['/versioned'], { 'x-version': '2' }],
    [
      'with the version in a header under a prefix',
      (app) => app.setGlobalPrefix('api').enableVersioning(HEADER),
      ['/api/versioned'],
      { 'x-version': '1' },
    ],
  ])('%s', async (_, prepare, paths, headers = {}) => {
    const { browser } = await start({ ...(prepare && { prepare }) });
    for (const path of paths) {
      const answer = await browser().get(path, headers);
      expect({ path, ...answer.json }).toEqual({ path, ...EVERYWHERE });
    }
  });
});

test('the session is on the request of plain Node under a prefix and with the version in the path', async () => {
  const prepare: TestAppOptions['prepare'] = (app) => app.setGlobalPrefix('api', OUTSIDE).enableVersioning({ ...URI, defaultVersion: '1' });
  const { browser } = await start({ platform: 'node', prepare });
  for (const path of ['/v1/health', '/v1/users/7', '/v1', '/api/v1/plain', '/api/v2/versioned', '/api/versioned/neutral'])
    expect({ path, ...(await browser().get(path)).json }).toEqual({ path, ...EVERYWHERE });
});

describe('modules that are imported before the session module', () => {
  @Module({ imports: [MiddlewareModule] })
  class FeatureModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(tracingMiddleware('feature middleware')).forRoutes('plain');
    }
  }

  test.each<[string, TestAppOptions]>([
    ['on all routes', {}],
    ['on some', { exclude: ['health'] }],
    ['on some, under a prefix', { exclude: ['health'], prepare: (app) => app.setGlobalPrefix('api') }],
  ])('have the session in their middleware, %s', async (_, options) => {
    const { browser } = await start({ ...options, importedBefore: [FeatureModule], imports: [GlobalMiddlewareModule] });
    const path = options.prepare === undefined ? '/plain' : '/api/plain';
    expect((await browser().get(path)).json).toEqual({ ...EVERYWHERE, 'feature middleware': true });
  });
});

describe('with every method', () => {
  @Controller()
  class AnyController {
    @All('any')
    answer(@Session() session: HttpSession): boolean {
      return typeof session.login === 'function';
    }
  }

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s requests have a session', async (method) => {
    const { browser } = await start({ controllers: [AnyController], imports: [], prepare: (app) => app.setGlobalPrefix('api') });
    expect((await browser().send(method, '/api/any')).json).toBe(true);
  });
});

describe('isGlobal: false', () => {
  test('imported first, the session is there for the middleware of modules imported after', async () => {
    const { browser } = await start({ isGlobal: false, imports: [MiddlewareModule] });
    const { 'global middleware': _, ...rest } = EVERYWHERE;
    expect((await browser().get('/plain')).json).toEqual(rest);
  });

  test("a global module's middleware runs before it, as Nest orders them", async () => {
    const { browser } = await start({ isGlobal: false });
    expect((await browser().get('/plain')).json).toEqual({ ...EVERYWHERE, 'global middleware': false });
  });
});

describe.each(['express', 'node'] as const)('exclude and forRoutes on %s', (platform) => {
  /** Says what is wrong, which a handler's error otherwise says only in the log. */
  @Catch(SessionMisuseError)
  class MisuseFilter implements ExceptionFilter {
    catch({ message }: SessionMisuseError, host: ArgumentsHost): void {
      host.switchToHttp().getResponse<Response>().json({ message });
    }
  }

  const NO_SESSION = {
    message:
      'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.',
  };
  const prefixed: TestAppOptions['prepare'] = (app) => app.setGlobalPrefix('api', { exclude: ['health'] });
  const versioned: TestAppOptions['prepare'] = (app) => app.enableVersioning(URI);

  test.each<[string, TestAppOptions, with_: string[], without: string[]]>([
    ['a path', { exclude: ['health'] }, ['/', '/plain'], ['/health']],
    ['paths by pattern', { exclude: ['users/:id', 'nested/{*rest}'] }, ['/', '/health'], ['/users/7', '/nested/deeper/still']],
    ['a path with its method', { exclude: [{ path: 'plain', method: RequestMethod.GET }] }, ['/health'], ['/plain']],
    ['a path with another method', { exclude: [{ path: 'plain', method: RequestMethod.POST }] }, ['/plain'], []],
    ['a path below the prefix', { exclude: ['plain'], prepare: prefixed }, ['/api', '/health', '/api/users/7'], ['/api/plain']],
    ['a path outside the prefix', { exclude: ['health'], prepare: prefixed }, ['/api', '/api/plain'], ['/health']],
    ['forRoutes: a path', { forRoutes: ['plain'] }, ['/plain'], ['/', '/health']],
    ['forRoutes: a controller', { forRoutes: [VersionedController], prepare: versioned }, ['/v2/versioned'], ['/plain']],
    ['forRoutes: a path with its method', { forRoutes: [{ path: 'users/:id', method: RequestMethod.GET }] }, ['/users/7'], ['/plain']],
    ['both', { forRoutes: ['nested/{*rest}', 'plain'], exclude: ['plain'] }, ['/nested/deeper/still'], ['/plain', '/']],
    ['forRoutes below the prefix', { forRoutes: ['plain'], prepare: prefixed }, ['/api/plain'], ['/api', '/health']],
  ])('%s', async (_, options, pathsWithSession, pathsWithout) => {
    const { browser } = await start({ platform, ...options, providers: [{ provide: APP_FILTER, useClass: MisuseFilter }], imports: [] });
    for (const path of pathsWithSession) expect([path, (await browser().get(path)).json.handler]).toEqual([path, true]);
    for (const path of pathsWithout) expect([path, (await browser().get(path)).json]).toEqual([path, NO_SESSION]);
  });
});

describe.each(['builtin', 'express-session'] as const)('two modules with sessions of their own, %s', (middleware) => {
  @Controller('admin')
  @UseGuards(SessionGuard)
  class AdminController {
    @Get()
    secret(): string {
      return 'secret';
    }
  }

  @Controller('shop')
  class ShopController {
    @Post()
    async login(@Session() session: HttpSession): Promise<void> {
      await session.login({ id: 'a customer' });
    }
  }

  async function enterAdmin(options: TestAppOptions, cookie: string, store: RedisSessionOptions['store'] = { kind: 'memory' }) {
    const logger = new CapturedLog();
    const admin = RedisSessionModule.forRoot({
      isGlobal: false,
      forRoutes: ['admin'],
      session: { secret: TEST_SECRET, name: cookie, middleware },
      store,
    });
    @Module({ imports: [admin], controllers: [AdminController] })
    class AdminModule {}
    const started = await start({
      store,
      session: { middleware },
      controllers: [ShopController],
      imports: [AdminModule],
      logger,
      ...options,
    });
    const customer = started.browser();
    await customer.post('/shop');
    return { status: (await customer.get('/admin')).status, logger };
  }

  test('who is signed in to one does not pass the guard of the other, where both have the route', async () => {
    const { status, logger } = await enterAdmin({}, 'admin');
    expect(status).toBe(500);
    expect(logger.matching(/This route needs the session of the cookie "admin", and has that of "sid"/)).toHaveLength(1);
  });

  test('who is signed in to one is nobody to the other, where only that has the route', async () => {
    expect(await enterAdmin({ exclude: ['admin'] }, 'admin')).toMatchObject({ status: 401 });
  });

  test('those of the same sessions are as one', async () => {
    expect(await enterAdmin({}, 'sid', new MemorySessionStore())).toMatchObject({ status: 200 });
  });
});

describe('two modules on the same routes', () => {
  async function warningsWith(cookie: string, extras: RedisSessionModuleExtras, first: RedisSessionModuleExtras = {}) {
    const logger = new CapturedLog();
    const second = RedisSessionModule.forRoot({ session: { secret: TEST_SECRET, name: cookie }, store: { kind: 'memory' }, ...extras });
    await start({ imports: [second], logger, ...first });
    return logger
      .matching('Two RedisSessionModules serve')
      .map((line) => /serve (.*), with the cookies "(?:sid|admin)" and "(?:sid|admin)"/.exec(line)?.[1]);
  }

  @Controller('admin')
  class AdminPagesController {}
  const ONE = ['the same route ("admin")'];
  const all = { exclude: [], forRoutes: undefined };

  test.each<[warnings: string[], cookie: string, second: RedisSessionModuleExtras, first?: RedisSessionModuleExtras]>([
    [['all routes'], 'admin', {}],
    [['all routes'], 'admin', { isGlobal: false }],
    // Sessions of their own, which the cookie does not tell apart.
    [['all routes'], 'sid', {}],
    [['all routes'], 'admin', { exclude: ['shop'] }],
    [['all routes'], 'admin', all, { exclude: ['admin'] }],
    [[], 'admin', { exclude: ['shop'] }, { exclude: ['admin'] }],
    [[], 'admin', { forRoutes: [] }],
    [ONE, 'admin', { isGlobal: false, forRoutes: ['admin'] }],
    [ONE, 'admin', { forRoutes: ['/admin/'] }, { exclude: ['health'] }],
    [ONE, 'admin', { forRoutes: ['admin'] }, { forRoutes: ['shop', { path: 'admin', method: RequestMethod.GET }] }],
    [ONE, 'admin', {}, { forRoutes: ['admin'] }],
    [['the same route (AdminPagesController)'], 'admin', { forRoutes: [AdminPagesController] }],
    [['the same route ("a{*rest}")'], 'admin', { forRoutes: ['a{*rest}'] }],
    [[], 'admin', { forRoutes: ['admin'] }, { exclude: ['admin'] }],
    [[], 'admin', { forRoutes: ['admin'] }, { exclude: ['admin/{*rest}'] }],
    [[], 'admin', { forRoutes: ['admin/users'] }, { exclude: ['admin/{*rest}'] }],
    [[], 'admin', { forRoutes: ['admin/users'] }, { exclude: [':where/users'] }],
    [[], 'admin', { forRoutes: [AdminPagesController] }, { exclude: ['admin'] }],
    [[], 'admin', { forRoutes: ['admin'] }, { forRoutes: ['shop'] }],
    [
      [],
      'admin',
      { forRoutes: [{ path: 'admin', method: RequestMethod.GET }] },
      { forRoutes: [{ path: 'admin', method: RequestMethod.POST }] },
    ],
  ])(
    'warn at the start of %j, where the second has the cookie %s and %p, and what the first is',
    async (...[warnings, cookie, second, first = {}]) => {
      expect(await warningsWith(cookie, second, first)).toEqual(warnings);
    },
  );

  test('do not warn where they have the same sessions', async () => {
    const store = new MemorySessionStore();
    const logger = new CapturedLog();
    const second = RedisSessionModule.forRoot({ session: { secret: TEST_SECRET }, store });
    await start({ imports: [second], store, logger });
    expect(logger.matching('Two RedisSessionModules')).toEqual([]);
  });
});

describe('an error in the middleware', () => {
  @Catch()
  class AnyFilter implements ExceptionFilter {
    catch(error: Error, host: ArgumentsHost): void {
      host.switchToHttp().getResponse<Response>().status(418).json({ message: error.message });
    }
  }

  test.each<[string, TestAppOptions]>([
    ['on all routes', {}],
    ['on some', { exclude: ['health'] }],
  ])('%s, goes to the exception filters', async (_, options) => {
    const cookie = () => {
      throw new Error('no cookie today');
    };
    const { browser } = await start({ ...options, session: { cookie }, providers: [{ provide: APP_FILTER, useClass: AnyFilter }] });
    expect(await browser().get('/plain')).toMatchObject({ status: 418, json: { message: 'no cookie today' } });
  });
});

describe.each(['builtin', 'express-session'] as const)('a request that passes the %s middleware twice', (middleware) => {
  class CountingStore extends MemorySessionStore {
    loads = 0;
    isDown = false;

    override async find(sid: Sid) {
      this.loads++;
      if (this.isDown) throw new SessionStoreUnavailableError('connection');
      return super.find(sid);
    }
  }

  @Module({})
  class SecondMountModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(SessionMiddleware).forRoutes('visits', 'health');
    }
  }

  @Controller()
  class VisitsController {
    @Get('visits')
    count(@Session() session: HttpSession & { visits?: number }): number {
      return (session.visits = (session.visits ?? 0) + 1);
    }

    @Get('health')
    health(): string {
      return 'fine';
    }
  }

  async function startCounting() {
    const store = new CountingStore();
    const { browser } = await start({
      session: { middleware },
      store,
      controllers: [VisitsController],
      providers: [],
      imports: [SecondMountModule],
    });
    const visitor = browser();
    await visitor.get('/visits');
    return { store, visitor };
  }

  test('loads the session once', async () => {
    const { store, visitor } = await startCounting();
    expect((await visitor.get('/visits')).text).toBe('2');
    expect(store.loads).toBe(1);
  });

  test('goes on without a session when the store is down', async () => {
    const { store, visitor } = await startCounting();
    store.isDown = true;
    expect((await visitor.get('/health')).text).toBe('fine');
    expect((await visitor.get('/visits')).status).toBe(503);
  });
});
