import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  type MiddlewareConsumer,
  Module,
  type NestInterceptor,
  type NestModule,
  Req,
  UseGuards,
  UseInterceptors,
  VersioningType,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { RedisSessionModule, type RedisSessionModuleExtras } from 'nestjs-redis-session';

/** Where in the course of a request the session was on it. */
interface TracedRequest {
  session?: unknown;
  seen?: string[];
}

/** Nest may run a middleware twice, on overlapping paths. */
function note(request: TracedRequest, place: string): string[] {
  request.seen ??= [];
  if (request.session !== undefined && !request.seen.includes(place)) request.seen.push(place);
  return request.seen;
}

@Module({})
class MiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    const middleware = (request: TracedRequest, _response: unknown, next: () => void) => {
      note(request, 'middleware');
      next();
    };
    consumer.apply(middleware).forRoutes('{*path}', '/');
  }
}

class TracingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    note(context.switchToHttp().getRequest(), 'guard');
    return true;
  }
}

class TracingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    note(context.switchToHttp().getRequest(), 'interceptor');
    return next.handle();
  }
}

@Controller()
@UseGuards(TracingGuard)
@UseInterceptors(TracingInterceptor)
class TracingController {
  @Get(['/', 'deeper/:id'])
  answer(@Req() request: TracedRequest) {
    return note(request, 'handler');
  }
}

describe.each<[string, RedisSessionModuleExtras]>([
  ['all routes', {}],
  ['some', { exclude: ['health'] }],
])('a session on %s', (_, extras) => {
  let app: INestApplication | undefined;
  afterEach(() => app?.close());

  it.each<[string, (app: INestApplication) => unknown, string[]]>([
    ['plainly', () => undefined, ['/', '/deeper/7']],
    ['under a global prefix', (it) => it.setGlobalPrefix('api'), ['/api', '/api/deeper/7']],
    [
      'under a prefix and a version',
      (it) => it.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
      ['/api/v1', '/api/v1/deeper/7'],
    ],
  ])('is there for everybody, %s', async (_, prepare, paths) => {
    const sessions = RedisSessionModule.forRoot({
      session: { secret: 'a secret of the tests of this application' },
      store: { kind: 'memory' },
      ...extras,
    });
    const module = await Test.createTestingModule({ imports: [MiddlewareModule, sessions], controllers: [TracingController] }).compile();
    app = module.createNestApplication();
    prepare(app);
    await app.listen(0, '127.0.0.1');
    for (const path of paths) {
      const answer = await fetch((await app.getUrl()) + path);
      expect([path, await answer.json()]).toEqual([path, ['middleware', 'guard', 'interceptor', 'handler']]);
    }
  });
});
