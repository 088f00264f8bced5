import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  Body,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Module,
  Post,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type MiddlewareConsumer,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { map, type Observable } from 'rxjs';
import { MemorySessionStore, RedisSessionModule, Session, SessionContext, type HttpSession } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { Barrier } from '../support/barrier.js';
import { createApp, TEST_SECRET, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';
import { useVariant, variants } from '../support/variants.js';

const NAMES = ['ada', 'grace', 'edith', 'joan'];

/** A service far from any request. */
@Injectable()
class Basket {
  constructor(readonly context: SessionContext) {}

  get who(): unknown {
    return this.context.identity?.id;
  }

  add(item: string): void {
    const session = this.context.session as AnySession;
    session['items'] = [...((session['items'] as string[] | undefined) ?? []), item];
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  readonly who: unknown;
  constructor(basket: Basket) {
    this.who = basket.who;
  }
}

@Injectable()
class LookingGuard implements CanActivate {
  constructor(private readonly basket: Basket) {}
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    if (headers['x-refuse'] === '1') throw new ForbiddenException();
    Object.assign(headers, { 'x-guard': String(this.basket.who) });
    return true;
  }
}

@Injectable()
class LookingInterceptor implements NestInterceptor {
  constructor(private readonly basket: Basket) {}
  intercept(_context: ExecutionContext, next: CallHandler<object>): Observable<object> {
    const before = this.basket.who;
    return next.handle().pipe(map((answer) => ({ ...answer, before, after: this.basket.who })));
  }
}

@Injectable()
class LookingPipe implements PipeTransform {
  constructor(private readonly basket: Basket) {}
  transform(value: object): object {
    return { ...value, pipe: this.basket.who };
  }
}

@Injectable()
@Catch(ForbiddenException)
class LookingFilter implements ExceptionFilter {
  constructor(private readonly basket: Basket) {}
  catch(_error: unknown, host: ArgumentsHost): void {
    // On Express and on Fastify.
    host.switchToHttp().getResponse<Response>().status(403).send({ filter: this.basket.who });
  }
}

@Controller('places')
@UseGuards(LookingGuard)
@UseInterceptors(LookingInterceptor)
@UseFilters(LookingFilter)
class PlacesController {
  constructor(
    private readonly basket: Basket,
    private readonly scoped: RequestScoped,
  ) {}

  @Post()
  @UsePipes(LookingPipe)
  async all(@Body() body: object): Promise<object> {
    const handler = this.basket.who;
    await Promise.resolve();
    const promised = this.basket.who;
    const immediate = await new Promise((resolve) => void setImmediate(() => resolve(this.basket.who)));
    const timeout = await new Promise((resolve) => void setTimeout(() => resolve(this.basket.who), 1));
    return { ...body, scoped: this.scoped.who, handler, promised, immediate, timeout };
  }
}

const placesOf = (who: string) => ({
  pipe: who,
  scoped: who,
  handler: who,
  promised: who,
  immediate: who,
  timeout: who,
  before: who,
  after: who,
});

@Controller('basket')
class BasketController {
  constructor(private readonly basket: Basket) {}
  @Post() add(@Body() { item }: { item: string }): void {
    this.basket.add(item);
  }
  @Get() items(@Session('items') items: unknown): unknown {
    return items ?? [];
  }
}

const ON: Pick<TestAppOptions, 'context' | 'controllers' | 'providers'> = {
  context: true,
  controllers: [PlacesController, BasketController],
  providers: [Basket, RequestScoped],
};

describe.each(variants)('SessionContext, $name', (variant) => {
  const harness = useVariant(variant);

  const contextOf = (app: ScriptedApp) => app.app.get(SessionContext);

  test('knows who is signed in wherever a request leads, whichever requests are under way beside it', async () => {
    const app = await harness.open(ON);
    const browsers = NAMES.map(() => app.browser());
    await Promise.all(browsers.map((browser, index) => browser.post(`/login/${NAMES[index]}`)));
    const answers = await Promise.all(browsers.map((browser) => browser.post('/places', {})));
    expect(answers.map(({ json }) => json)).toEqual(NAMES.map((name) => expect.objectContaining(placesOf(name))));
  });

  test('knows nobody in the request of a visitor', async () => {
    const app = await harness.open(ON);
    const { json } = await app.browser().post('/places', {});
    expect(json).toEqual({});
  });

  test('knows the request in an exception filter', async () => {
    const app = await harness.open(ON);
    const browser = app.browser();
    await browser.post('/login/ada');
    expect((await browser.post('/places', {}, { 'x-refuse': '1' })).json).toEqual({ filter: 'ada' });
  });

  test('lets a service write to the session, which is stored as ever', async () => {
    const app = await harness.open(ON);
    const browser = app.browser();
    await browser.post('/basket', { item: 'tea' });
    await browser.post('/basket', { item: 'milk' });
    expect((await browser.get('/basket')).json).toEqual(['tea', 'milk']);
  });

  test('is the session that @Session() gives', async () => {
    const app = await harness.open(ON);
    app.on('/same', ({ session }) => ({ same: isSame(app, session) }));
    expect((await app.browser().get('/same')).json).toEqual({ same: true });
  });

  test('knows each of several requests of one session, which share its load', async () => {
    const app = await harness.open(ON);
    const cookie = signedCookie(await storedSid(app.store, { n: 1 }));
    const barrier = new Barrier(NAMES.length);
    void barrier.full.then(() => barrier.open());
    app.on('/mine', async ({ session }) => {
      const before = isSame(app, session);
      await barrier.pass();
      return [before, isSame(app, session)];
    });
    const answers = await Promise.all(NAMES.map(() => app.browser().get('/mine', { cookie })));
    expect(answers.map(({ json }) => json as unknown)).toEqual(NAMES.map(() => [true, true]));
  });

  test('follows a sign-in and a sign-out', async () => {
    const app = await harness.open(ON);
    app.on('/in-and-out', async ({ session }) => {
      const seen: unknown[] = [contextOf(app).identity?.id];
      await session.login({ id: 'ada' });
      seen.push(contextOf(app).identity?.id);
      await session.logout();
      return [...seen, contextOf(app).identity?.id].map((id) => id ?? null);
    });
    expect((await app.browser().post('/in-and-out')).json).toEqual([null, 'ada', null]);
  });

  test.each(['session', 'identity'] as const)('outside of a request, %s is an error with the cure', async (name) => {
    const app = await harness.open(ON);
    expect(() => contextOf(app)[name]).toThrow(
      expect.objectContaining({ code: 'SESSION_MISUSE', message: expect.stringContaining('No request with a session is under way') }),
    );
    expect(contextOf(app).peek()).toBeUndefined();
  });

  test('on a route without a session it is the same error', async () => {
    const app = await harness.open({ ...ON, exclude: ['outside'] });
    app.on('/outside', () => ({ peeked: contextOf(app).peek() ?? null, code: codeOf(() => contextOf(app).session) }));
    expect((await app.browser().get('/outside')).json).toEqual({ peeked: null, code: 'SESSION_MISUSE' });
  });

  test.each([undefined, false])('with "context: %p" using it is an error with the cure', async (context) => {
    const app = await harness.open({ ...ON, context });
    const errors: unknown[] = [];
    app.on('/off', () => {
      for (const use of [() => contextOf(app).session, () => contextOf(app).identity, () => contextOf(app).peek()])
        try {
          use();
        } catch (error) {
          errors.push(error);
        }
    });
    await app.browser().get('/off');
    expect(errors).toHaveLength(3);
    for (const error of errors)
      expect(error).toMatchObject({ code: 'SESSION_MISUSE', message: expect.stringContaining('Set the option "context" to true') });
  });

  test('stands beside a context of the application, whichever of the two begins first', async () => {
    const tenants = new AsyncLocalStorage<string>();
    const own = (_request: unknown, _response: unknown, next: () => void) => tenants.run('shop', next);
    @Module({})
    class TenantModule {
      configure(consumer: MiddlewareConsumer): void {
        consumer.apply(own).forRoutes('{*path}');
      }
    }
    const seen: unknown[] = [];
    for (const order of [{ prepare: (nest: NestExpressApplication) => void nest.use(own) }, { imports: [TenantModule] }]) {
      const app = await harness.open({ ...ON, ...order });
      const browser = app.browser();
      await browser.post('/login/ada');
      app.on('/both', async () => {
        await new Promise((resolve) => void setImmediate(resolve));
        seen.push([tenants.getStore(), contextOf(app).identity?.id]);
      });
      await browser.get('/both');
    }
    expect(seen).toEqual([
      ['shop', 'ada'],
      ['shop', 'ada'],
    ]);
  });
});

/** Never answers a load. */
class MuteStore extends MemorySessionStore {
  override find(): Promise<undefined> {
    return new Promise(() => undefined);
  }
}

describe.each(['builtin', 'express-session'] as const)('SessionContext of a request whose load fails, %s', (middleware) => {
  let app: ScriptedApp | undefined;
  afterEach(() => app?.close());

  test('is that request, whichever others time out with it: the session is the 503 of others, and a peek is undefined', async () => {
    app = await createScriptedApp({ ...ON, store: new MuteStore({ deadline: 50, logErrors: false }), session: { middleware } });
    const context = app.app.get(SessionContext);
    app.on('/peek', () => ({ peeked: context.peek() ?? null }));
    app.on('/session', () => context.session);
    app.on('/identity', () => context.identity);
    const cookie = signedCookie(generateSid());
    const answers = await Promise.all(['/peek', '/session', '/identity'].map((path) => app!.browser().get(path, { cookie })));
    expect(answers.map(({ status, json }) => [status, (json as { code?: unknown }).code])).toEqual([
      [200, undefined],
      [503, 'SESSION_STORE_UNAVAILABLE'],
      [503, 'SESSION_STORE_UNAVAILABLE'],
    ]);
  });
});

describe('SessionContext', () => {
  let running: TestApp | undefined;
  afterEach(() => running?.close());

  test('of one module refuses the request of another, as its guard does', async () => {
    const other = RedisSessionModule.forRoot({
      session: { secret: TEST_SECRET, name: 'other' },
      store: { kind: 'memory' },
      context: true,
      isGlobal: false,
      forRoutes: [],
    });

    @Controller('asking')
    class AskingController {
      constructor(private readonly context: SessionContext) {}
      @Get() ask(): unknown {
        return [codeOf(() => this.context.session), this.context.peek() ?? null];
      }
    }

    @Module({ imports: [other], controllers: [AskingController] })
    class OtherModule {}

    running = await createApp({ store: { kind: 'memory' }, context: true, imports: [OtherModule] });
    expect((await running.browser().get('/asking')).json).toEqual(['SESSION_MISUSE', null]);
  });
});

function isSame(app: ScriptedApp, session: AnySession): boolean {
  return app.app.get(SessionContext).session === (session as unknown as HttpSession);
}

function codeOf(use: () => unknown): unknown {
  try {
    return use();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
