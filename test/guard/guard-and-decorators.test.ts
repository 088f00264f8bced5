import { describe, expect, test } from '@jest/globals';
import { Controller, Get, Injectable, ParseIntPipe, Session as NestSession, UseGuards, type ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Identity, Public, Session, SessionGuard, SessionHttpException, type HttpSession } from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import type { AnySession, ScriptedApp } from '../support/scripted-app.js';
import { keyOf } from '../support/stored-session.js';
import { redisVariants, useVariant, variants } from '../support/variants.js';

const kindOf = (value: unknown) => ({ type: value === null ? 'null' : typeof value, value });

@Controller('parts')
class PartsController {
  @Get('session') session(@Session() session: HttpSession, @NestSession() same: object) {
    return {
      isOurs: typeof session.login === 'function',
      isTheirs: !('login' in same),
      cart: (same as AnySession)['cart'] === session['cart' as never],
    };
  }
  @Get('cart') cart(@Session('cart') cart: unknown) {
    return kindOf(cart);
  }
  @Get('count') count(@Session('count', ParseIntPipe) count: number) {
    return kindOf(count);
  }
  @Get('session-cookie') cookie(@Session('cookie') cookie: unknown) {
    return kindOf(cookie);
  }
  @Get('handle') handle(@Session('handle') handle: unknown) {
    return kindOf(handle);
  }
  @Get('constructor') constructorEntry(@Session('constructor') value: unknown) {
    return kindOf(value);
  }
  @Get('proto') proto(@Session('__proto__') value: unknown) {
    return kindOf(value);
  }
  @Get('to-string') text(@Session('toString') value: unknown) {
    return kindOf(value);
  }
  @Get('login') login(@Session('login') value: unknown) {
    return kindOf(value);
  }
  @Get('who') who(@Identity() who: Identity | undefined) {
    return kindOf(who);
  }
  @Get('id') id(@Identity('id') id: unknown) {
    return kindOf(id);
  }
  @Get('who/constructor') whoConstructor(@Identity('constructor') value: unknown) {
    return kindOf(value);
  }
  @Get('who/proto') whoProto(@Identity('__proto__') value: unknown) {
    return kindOf(value);
  }
  @Get('who/to-string') whoText(@Identity('toString') value: unknown) {
    return kindOf(value);
  }
}

const NOTHING = { type: 'undefined' };

describe.each(variants)('the decorators, $name', (variant) => {
  const harness = useVariant(variant);

  async function open(entries: Record<string, unknown> = {}) {
    const app = await harness.open({ controllers: [PartsController] });
    const browser = app.browser();
    app.on('/fill', ({ session }) => void Object.assign(session, entries));
    await browser.get('/fill');
    return { app, browser, part: async (path: string) => (await browser.get(`/parts/${path}`)).json };
  }

  test('@Session() is our view of the session, and that of @nestjs/common is req.session', async () => {
    const { part } = await open({ cart: ['tea'] });
    expect(await part('session')).toEqual({ isOurs: true, isTheirs: true, cart: true });
  });

  test('@Session(name) is one entry, or the cookie, and may have a pipe', async () => {
    const { part } = await open({ cart: ['tea'], count: '7' });
    expect(await part('cart')).toEqual({ type: 'object', value: ['tea'] });
    expect(await part('count')).toEqual({ type: 'number', value: 7 });
    expect(await part('session-cookie')).toMatchObject({ type: 'object', value: { path: '/' } });
  });

  test('@Session(name) without such an entry is undefined, whatever every object or every session has', async () => {
    const { part } = await open();
    for (const path of ['cart', 'constructor', 'proto', 'to-string', 'login', 'handle'])
      expect([path, await part(path)]).toEqual([path, NOTHING]);
  });

  test('@Session(name) is an entry also when it is called like what every object has', async () => {
    const { part } = await open({ constructor: 1, toString: 2 });
    expect([await part('constructor'), await part('to-string')]).toEqual([kindOf(1), kindOf(2)]);
  });

  test('@Identity() is who is signed in, @Identity(name) one field, and undefined for nobody', async () => {
    const { part, browser } = await open();
    expect([await part('who'), await part('id')]).toEqual([NOTHING, NOTHING]);
    await browser.post('/login/ada');
    expect([await part('who'), await part('id')]).toEqual([kindOf({ id: 'ada' }), kindOf('ada')]);
    for (const path of ['who/constructor', 'who/proto', 'who/to-string']) expect([path, await part(path)]).toEqual([path, NOTHING]);
  });
});

@Controller('guarded')
@UseGuards(SessionGuard)
class GuardedController {
  @Get() closed() {
    return 'in';
  }
  @Public() @Get('open') open() {
    return 'open';
  }
}

@Public()
@Controller('lobby')
@UseGuards(SessionGuard)
class PublicController {
  @Get() open() {
    return 'open';
  }
}

@Injectable()
class AdminGuard extends SessionGuard {
  protected override authorize(identity: Identity & { role?: string }): boolean {
    return identity.role === 'admin';
  }
  protected override unauthorized(): Error {
    return new SessionHttpException(401, 'Who goes there?', 'NOT_YOU');
  }
}

@Injectable()
class TokenGuard extends SessionGuard {
  protected override isPublic(context: ExecutionContext): boolean {
    return context.getHandler().name === 'open' || super.isPublic(context);
  }
  protected override identityOf(context: ExecutionContext): Identity | undefined {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return headers['x-token'] === 'robot' ? { id: 'robot' } : super.identityOf(context);
  }
}

@Controller('custom')
class CustomController {
  @UseGuards(AdminGuard) @Get('admin') admin() {
    return 'admin';
  }
  @UseGuards(TokenGuard) @Get('token') token() {
    return 'token';
  }
  @UseGuards(TokenGuard) @Get('open') open() {
    return 'open';
  }
}

const SIGNED_OUT = { statusCode: 401, error: 'Unauthorized', message: 'Sign in first.', code: 'SESSION_REQUIRED' };

describe.each(variants)('SessionGuard, $name', (variant) => {
  const harness = useVariant(variant);
  const controllers = [GuardedController, PublicController, CustomController];

  async function signIn(app: ScriptedApp, identity: object) {
    const browser = app.browser();
    app.on('/sign-in', ({ session }) => session.login(identity as Identity));
    await browser.post('/sign-in');
    return browser;
  }

  test('answers 401 to those who are not signed in, with a body to switch on, and lets others pass', async () => {
    const app = await harness.open({ controllers });
    const answer = await app.browser().get('/guarded');
    expect([answer.status, answer.json, answer.setCookies]).toEqual([401, SIGNED_OUT, []]);
    expect((await (await signIn(app, { id: 0 })).get('/guarded')).text).toBe('in');
  });

  test('@Public() opens a handler, or a whole class', async () => {
    const app = await harness.open({ controllers });
    expect((await app.browser().get('/guarded/open')).text).toBe('open');
    expect((await app.browser().get('/lobby')).text).toBe('open');
  });

  test('works as a global guard', async () => {
    const app = await harness.open({ controllers: [PublicController], providers: [{ provide: APP_GUARD, useClass: SessionGuard }] });
    expect((await app.browser().get('/plain')).json).toEqual(SIGNED_OUT);
    expect((await app.browser().get('/lobby')).text).toBe('open');
  });

  test('each of its steps can be overridden', async () => {
    const app = await harness.open({ controllers });
    const [user, admin] = [await signIn(app, { id: 1, role: 'user' }), await signIn(app, { id: 2, role: 'admin' })];
    expect((await app.browser().get('/custom/admin')).json).toEqual({
      statusCode: 401,
      error: 'Unauthorized',
      message: 'Who goes there?',
      code: 'NOT_YOU',
    });
    expect((await user.get('/custom/admin')).status).toBe(403);
    expect((await admin.get('/custom/admin')).text).toBe('admin');
    expect((await app.browser().get('/custom/token', { 'x-token': 'robot' })).text).toBe('token');
    expect((await app.browser().get('/custom/token')).json).toEqual(SIGNED_OUT);
    expect((await app.browser().get('/custom/open')).text).toBe('open');
  });

  test('asks the function "identity" where there is one, and takes what is no identity for nobody', async () => {
    const app = await harness.open({
      controllers: [GuardedController, PartsController],
      identity: (session) => (session as unknown as AnySession)['user'] as Identity,
    });
    const browser = app.browser();
    app.on('/user', ({ session, request }) => void (session['user'] = JSON.parse(request.query['is'] as string)));
    for (const nobody of [
      'null',
      '""',
      '"ada"',
      '7',
      '{}',
      '[]',
      '{"id":""}',
      '{"id":null}',
      '{"id":["ada"]}',
      '{"id":{}}',
      '{"id":true}',
    ]) {
      await browser.get(`/user?is=${encodeURIComponent(nobody)}`);
      expect([nobody, (await browser.get('/guarded')).status]).toEqual([nobody, 401]);
    }
    await browser.get(`/user?is=${encodeURIComponent('{"id":"ada","name":"Ada"}')}`);
    expect((await browser.get('/guarded')).text).toBe('in');
    expect((await browser.get('/parts/id')).json).toEqual(kindOf('ada'));
  });
});

describe.each(variants)('a route that the session middleware does not cover, $name', (variant) => {
  const harness = useVariant(variant);

  test.each(['/guarded', '/parts/session', '/parts/cart', '/parts/who'])(
    '%s answers 500, and the log says how to mend it',
    async (path) => {
      const logger = new CapturedLog();
      const app = await harness.open({ controllers: [GuardedController, PartsController], exclude: ['{*path}'], logger });
      expect((await app.browser().get(path)).json).toEqual({ statusCode: 500, message: 'Internal server error' });
      expect(logger.matching(/No session middleware ran for this request. Import RedisSessionModule in the root module/)).toHaveLength(1);
    },
  );
});

describe.each(redisVariants)('an identity written by hand, $name', (variant) => {
  const harness = useVariant(variant);

  const deep = `{"id":"ada","deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;

  test.each([
    ['an empty object', '{}'],
    ['an empty id', '{"id":""}'],
    ['no id', '{"id":null}'],
    ['an infinite id', '{"id":1e999}'],
    ['an id of the prototype', '{"__proto__":{"id":"ada"}}'],
    ['a string', '"ada"'],
    ['an array', '[{"id":"ada"}]'],
    ['no JSON', 'not JSON'],
    ['nothing', ''],
    ['what is nested without end', deep],
  ])('that is %s is nobody, and its holder can sign in again', async (_, text) => {
    const app = await harness.open({ controllers: [GuardedController, PartsController] });
    const browser = app.browser();
    await browser.post('/login/ada');
    await harness.client.hset(keyOf(app.store, (await browser.sid()) ?? ''), 'identity', text);

    expect((await browser.get('/guarded')).json).toEqual(SIGNED_OUT);
    expect((await browser.get('/parts/id')).json).toEqual(NOTHING);
    await browser.post('/login/ada');
    expect((await browser.get('/guarded')).text).toBe('in');
  });
});
