import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  RequestMethod,
  UseGuards,
  type ArgumentsHost,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Request, Response } from 'express';
import { CsrfExempt, CsrfGuard, Session, SessionGuard, SessionHttpException, type HttpSession } from '../../src/index.js';
import type { CrossOriginReason } from '../../src/redis-session.errors.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { CROSS_SITE, refused, SAME_ORIGIN, sendTo, type OriginRequest } from '../support/origin-client.js';
import { blackouts } from '../support/outages.js';
import { headerOf } from '../support/raw-client.js';
import { startProxy } from '../support/start-proxy.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant } from '../support/variants.js';

let apps: TestApp[] = [];
beforeEach(() => void (apps = []));
afterEach(() => Promise.all(apps.map((app) => app.close())));

async function open(options: TestAppOptions) {
  const app = await createApp({ store: { kind: 'memory' }, ...options });
  apps.push(app);
  const ask = async (path: string, headers: Record<string, string> = CROSS_SITE, method = 'POST') => {
    const { status, body } = await sendTo(app.origin, { path, headers, method } satisfies OriginRequest);
    return status === 403 ? (JSON.parse(body) as unknown) : body;
  };
  return { ...app, ask };
}

@Controller()
class ShopController {
  @Post('order') order() {
    return 'ordered';
  }
  @UseGuards(CsrfGuard) @Post('guarded') guarded() {
    return 'guarded';
  }
  @CsrfExempt() @Post('hook') hook() {
    return 'hooked';
  }
  @CsrfExempt() @UseGuards(CsrfGuard) @Post('hook/guarded') guardedHook() {
    return 'hooked';
  }
  @Post('hook/more') more() {
    return 'more';
  }
}

@CsrfExempt()
@Controller('hooks')
class HooksController {
  @Post('paid') paid() {
    return 'paid';
  }
}

const controllers = [ShopController, HooksController];

describe('session.csrf', () => {
  test.each([undefined, false] as const)('%p lets every request pass', async (csrf) => {
    const { ask } = await open({ session: { csrf }, controllers });
    expect(await ask('/order')).toBe('ordered');
  });

  test.each([true, {}])('%p is before every handler', async (csrf) => {
    const { ask } = await open({ session: { csrf }, controllers });
    expect(await ask('/order')).toEqual(refused('cross-site'));
    expect(await ask('/order', SAME_ORIGIN)).toBe('ordered');
  });

  test.each([true, false])('is before handlers of other modules and of routes without a session, isGlobal: %p', async (isGlobal) => {
    @Controller('other')
    class OtherController {
      @Post() post() {
        return 'other';
      }
    }
    @Module({ controllers: [OtherController] })
    class OtherModule {}
    const { ask } = await open({
      isGlobal,
      exclude: ['order'],
      session: { csrf: true },
      controllers: [ShopController],
      imports: [OtherModule],
    });
    expect(await ask('/other')).toEqual(refused('cross-site'));
    expect(await ask('/order')).toEqual(refused('cross-site'));
  });

  test('is before handlers under a global prefix', async () => {
    const prepare: TestAppOptions['prepare'] = (app) =>
      void app.setGlobalPrefix('api', { exclude: [{ path: 'order', method: RequestMethod.ALL }] });
    const { ask } = await open({ session: { csrf: true }, controllers, prepare });
    expect(await ask('/api/guarded')).toEqual(refused('cross-site'));
    expect(await ask('/order')).toEqual(refused('cross-site'));
    expect(await ask('/api/hook')).toBe('hooked');
  });

  test('looks at the method that the handler gets, whatever it was before', async () => {
    const prepare: TestAppOptions['prepare'] = (app) =>
      void app.use((request: Request, _: Response, next: () => void) => {
        if (typeof request.query['_method'] === 'string') request.method = request.query['_method'];
        next();
      });
    const { ask } = await open({ session: { csrf: true }, controllers, prepare });
    expect(await ask('/order?_method=POST', CROSS_SITE, 'GET')).toEqual(refused('cross-site'));
  });

  test('tells a filter the reason and the cause', async () => {
    let seen: unknown;
    @Catch(SessionHttpException)
    class Filter implements ExceptionFilter<SessionHttpException> {
      catch({ code, reason, cause }: SessionHttpException, host: ArgumentsHost) {
        seen = { code, reason, cause: (cause as Error).name };
        host.switchToHttp().getResponse<Response>().sendStatus(403);
      }
    }
    const { origin } = await open({ session: { csrf: true }, controllers, providers: [{ provide: APP_FILTER, useClass: Filter }] });
    expect(await sendTo(origin, { path: '/order', headers: CROSS_SITE })).toMatchObject({ status: 403, body: 'Forbidden' });
    expect(seen).toEqual({ code: 'SESSION_CROSS_ORIGIN', reason: 'cross-site', cause: 'CrossOriginError' });
  });
});

describe('@CsrfExempt()', () => {
  test('opens exactly its handler', async () => {
    const { ask } = await open({ session: { csrf: true }, controllers });
    expect(await ask('/hook')).toBe('hooked');
    expect(await ask('/hook/guarded')).toBe('hooked');
    expect(await ask('/hook/more')).toEqual(refused('cross-site'));
  });

  test('opens the handlers of its class', async () => {
    const { ask } = await open({ session: { csrf: { strict: true } }, controllers });
    expect(await ask('/hooks/paid')).toBe('paid');
    expect(await ask('/hooks/paid', {})).toBe('paid');
    expect(await ask('/order', {})).toEqual(refused('no-origin'));
  });
});

describe('CsrfGuard', () => {
  test('guards a handler where the option is off', async () => {
    const { ask } = await open({ controllers });
    expect(await ask('/guarded')).toEqual(refused('cross-site'));
    expect(await ask('/guarded', SAME_ORIGIN)).toBe('guarded');
    expect(await ask('/hook/guarded')).toBe('hooked');
    expect(await ask('/order')).toBe('ordered');
  });

  test('has steps that can be overridden', async () => {
    @Injectable()
    class OwnGuard extends CsrfGuard {
      protected override isExempt(context: ExecutionContext) {
        return context.switchToHttp().getRequest<Request>().path.endsWith('/open');
      }
      protected override refused(reason: CrossOriginReason) {
        return new SessionHttpException(403, 'Go away.', 'GO_AWAY', { reason });
      }
    }
    @UseGuards(OwnGuard)
    @Controller('own')
    class OwnController {
      @Post('open') open() {
        return 'open';
      }
      @Post('closed') closed() {
        return 'closed';
      }
    }
    const { ask } = await open({ controllers: [OwnController] });
    expect(await ask('/own/open')).toBe('open');
    const answer = { statusCode: 403, error: 'Forbidden', message: 'Go away.', code: 'GO_AWAY', reason: 'cross-site' };
    expect(await ask('/own/closed')).toEqual(answer);
  });
});

@Controller('account')
class AccountController {
  @Post('login') login(@Session() session: HttpSession) {
    return session.login({ id: 'mallory' });
  }
  @UseGuards(SessionGuard) @Post('delete') delete(@Session() session: HttpSession) {
    return session.logout();
  }
  @UseGuards(SessionGuard) @Get('page') page() {
    return 'page';
  }
}

describe.each(redisVariants)('requests of another site, $name', (variant) => {
  const harness = useVariant(variant);
  const openAccount = (redis?: TestAppOptions['redis']) =>
    harness.open({ session: { csrf: true }, controllers: [AccountController], ...(redis === undefined ? {} : { redis }) });

  test('cannot sign anybody in', async () => {
    const app = await openAccount();
    const answer = await sendTo(app.origin, { path: '/account/login', headers: CROSS_SITE });
    expect(JSON.parse(answer.body)).toEqual(refused('cross-site'));
    expect(headerOf(answer, 'set-cookie')).toEqual([]);
    expect(await harness.client.keys('*')).toEqual([]);
    expect(headerOf(await sendTo(app.origin, { path: '/account/login', headers: SAME_ORIGIN }), 'set-cookie')).toHaveLength(1);
  });

  test('do nothing in the name of who is signed in, whose session stays as it is', async () => {
    const app = await openAccount();
    const sid = await storedSid(app.store, { identity: { id: 'ada' } });
    const cookie = signedCookie(sid);
    const before = await harness.client.hgetall(keyOf(app.store, sid));
    const answer = await sendTo(app.origin, { path: '/account/delete', headers: { ...CROSS_SITE, cookie } });
    expect(JSON.parse(answer.body)).toEqual(refused('cross-site'));
    expect(headerOf(answer, 'set-cookie')).toEqual([]);
    expect(await harness.client.hgetall(keyOf(app.store, sid))).toEqual(before);
    expect(await sendTo(app.origin, { path: '/account/page', method: 'GET', headers: { ...CROSS_SITE, cookie } })).toMatchObject({
      body: 'page',
    });
  });

  test.each(blackouts)('are refused, and others are not, while Redis $name', async ({ begin, end }) => {
    const proxy = await startProxy(harness.redis.port);
    try {
      const app = await openAccount({ host: '127.0.0.1', port: proxy.port, commandTimeout: 1_000 });
      const cookie = signedCookie(await storedSid(app.store, { identity: { id: 'ada' } }));
      await begin(harness.redis, proxy);
      const answers = await Promise.all(
        [CROSS_SITE, SAME_ORIGIN].flatMap((headers) =>
          ['/account/delete', '/plain'].map((path) => sendTo(app.origin, { path, headers: { ...headers, cookie } })),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 503, 200]);
    } finally {
      await end(harness.redis, proxy);
      await proxy.stop();
    }
  });
});
