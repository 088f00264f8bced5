import { afterEach, describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  createParamDecorator,
  Get,
  Global,
  Injectable,
  Module,
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
import { Session, SessionMiddleware, type HttpSession } from '../../src/index.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';

/** Where in the course of a request the session was on it, in order. */
type Trace = Record<string, boolean>;
type TracedRequest = Request & { trace?: Trace };

function note(request: TracedRequest, place: string): void {
  request.trace = { ...request.trace, [place]: typeof request.session?.login === 'function' };
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
    consumer.apply(tracingMiddleware('middleware')).forRoutes('{*path}');
  }
}

@Global()
@Module({})
class GlobalMiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(tracingMiddleware('global middleware')).forRoutes('{*path}');
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
    ['under a global prefix', (app) => app.setGlobalPrefix('api'), ['/api', '/api/', '/api/plain', '/api/users/7', '/api/nested/deeper/still']],
    ['under a prefix of two parts', (app) => app.setGlobalPrefix('my/api'), ['/my/api', '/my/api/plain', '/my/api/users/7']],
    ['on routes outside the global prefix', (app) => app.setGlobalPrefix('api', OUTSIDE), ['/', '/health', '/users/7', '/api/plain']],
    ['with the version in the path', (app) => app.enableVersioning(URI), ['/v1/versioned', '/v2/versioned', '/versioned/neutral', '/plain']],
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
    ['with the version in a header under a prefix', (app) => app.setGlobalPrefix('api').enableVersioning(HEADER), ['/api/versioned'], { 'x-version': '1' }],
  ])('%s', async (_, prepare, paths, headers = {}) => {
    const { browser } = await start({ ...(prepare && { prepare }) });
    for (const path of paths) {
      const answer = await browser().get(path, headers);
      expect({ path, ...answer.json }).toEqual({ path, ...EVERYWHERE });
    }
  });
});
