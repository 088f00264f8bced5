import { afterEach, describe, expect, test } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Module,
  Post,
  UseGuards,
  Version,
  VersioningType,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import {
  Identity,
  Public,
  RedisSessionModule,
  Session,
  SessionGuard,
  type CsrfOptions,
  type HttpSession,
  type RedisSessionOptions,
  type RedisSessionModuleExtras,
} from '../../src/index.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, TEST_SECRET, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { RawClient } from '../support/raw-client.js';

/** Says who somebody is, in words that are in no other answer. */
function nameOf(who: Identity | undefined): string {
  return `<${String(who?.id)}>`;
}

function neighbour(path: 'shop' | 'admin') {
  @Controller(path)
  @UseGuards(SessionGuard)
  class GuardedController {
    @Get('me') me(@Identity() who: Identity): string {
      return nameOf(who);
    }
    @Get() root(@Identity() who: Identity): string {
      return nameOf(who);
    }
    @Version('1') @Get('versioned') versioned(@Identity() who: Identity): string {
      return nameOf(who);
    }
    @Get('deep/:id') deep(@Identity() who: Identity): string {
      return nameOf(who);
    }
    @Public() @Post('login') async login(@Session() session: HttpSession): Promise<void> {
      await session.login({ id: path });
    }
    @Public() @Get('open') open(@Identity() who: Identity | undefined, @Session() session: HttpSession | undefined): string {
      return nameOf(who ?? session?.identity);
    }
  }
  return GuardedController;
}

const ShopController = neighbour('shop');
const AdminController = neighbour('admin');

interface Neighbours {
  readonly shop: Partial<RedisSessionOptions> & RedisSessionModuleExtras;
  readonly admin: Partial<RedisSessionOptions> & RedisSessionModuleExtras;
}

const EACH_EXCLUDES: Neighbours = {
  shop: { exclude: ['admin', 'admin/{*rest}'] },
  admin: { exclude: ['shop', 'shop/{*rest}'] },
};
const ADMIN_HAS_ROUTES: Neighbours = {
  shop: { exclude: ['admin', 'admin/{*rest}'] },
  admin: { forRoutes: ['admin', 'admin/{*rest}'] },
};
const BY_CONTROLLER: Neighbours = {
  shop: { exclude: ['admin', 'admin/{*rest}'] },
  admin: { forRoutes: [AdminController] },
};

type Middleware = 'builtin' | 'express-session';

function sessionsOf(middleware: Middleware, name: string, { shop, admin }: Neighbours, which: keyof Neighbours): DynamicModule {
  const { session, ...options } = which === 'shop' ? shop : admin;
  return RedisSessionModule.forRoot({
    isGlobal: false,
    session: { secret: TEST_SECRET, name, middleware, ...session },
    store: { kind: 'memory' },
    ...options,
  });
}

function moduleOf(controllers: Type[], sessions: DynamicModule): Type {
  @Module({ imports: [sessions], controllers })
  class FeatureModule {}
  return FeatureModule;
}

let running: TestApp | undefined;
afterEach(() => running?.close());

/** Two modules of one application, with sessions of their own. That of `createApp` is out of the way. */
async function start(neighbours: Neighbours, middleware: Middleware, names: readonly [string, string], options: TestAppOptions = {}) {
  running = await createApp({
    store: { kind: 'memory' },
    isGlobal: false,
    forRoutes: [],
    imports: [
      moduleOf([ShopController], sessionsOf(middleware, names[0], neighbours, 'shop')),
      moduleOf([AdminController], sessionsOf(middleware, names[1], neighbours, 'admin')),
    ],
    ...options,
  });
  return running;
}

async function cookieOf(app: TestApp, prefix: string, path: string): Promise<string> {
  const browser = app.browser();
  const answer = await browser.post(`${prefix}/${path}/login`);
  expect(answer.status).toBe(201);
  return browser.jar.getCookieString(app.origin);
}

async function ask(origin: string, method: string, target: string, cookie: string) {
  const client = await RawClient.connect(origin);
  client.request(method, target, { host: 'shop.example', cookie });
  return client.answer();
}

/** The ways to write a path that routers and matchers of paths may read in different ways. */
function spellingsOf(path: string): string[] {
  const host = 'http://shop.example';
  const mixed = path.replace(/[a-z]/g, (letter, at) => (at % 2 === 0 ? letter.toUpperCase() : letter));
  return [
    path,
    `${path}/`,
    `${path}//`,
    `/${path}`,
    `//shop.example${path}`,
    `${path}?`,
    `${path}?x=/shop/me`,
    `${path}?x#y`,
    `${path}#x`,
    `${path}#/shop/me`,
    `${path}%23x`,
    `${path};x=1`,
    `${path}%20`,
    `${path}%00`,
    `${path}\\`,
    path.toUpperCase(),
    mixed,
    path.replace('admin', '%61dmin'),
    path.replaceAll('/', '%2F'),
    path.replaceAll('/', '%2f').replace('%2f', '/'),
    path.replaceAll('/', '\\'),
    path.replaceAll('/', '//'),
    path.replaceAll('/', '/./'),
    `/shop/..${path}`,
    `/shop/%2e%2e${path}`,
    `/shop${path}`,
    `/shop/../..${path}`,
    `/x/..${path}`,
    `/.${path}`,
    `${host}${path}`,
    `${host}:80${path}`,
    `${host}${path}/`,
    `${host}${path}#x`,
    `${host}${path}?x`,
    `${host.toUpperCase()}${path}`,
    `${host}/${path}`,
    `https://shop.example${path}`,
    `http://u:p@shop.example${path}`,
    `${host}/shop/me#${path}`,
    `ftp://shop.example${path}`,
    `shop:${path}`,
    `http:${path}`,
    `http:/${path}`,
    `http://shop${path}`,
    `*`,
    '?/admin/me',
    host,
    `${host}?x`,
  ];
}

const LAYOUTS: [string, Neighbours][] = [
  ['each excludes the routes of the other', EACH_EXCLUDES],
  ['one excludes what is the routes of the other', ADMIN_HAS_ROUTES],
  ['one excludes the controller of the other', BY_CONTROLLER],
];

/** Asks for all of them at once. */
async function answersTo(origin: string, targets: readonly string[], cookie: string) {
  return Promise.all(
    targets.map(async (target) => ({ target, path: target.replace(/[?#].*/, ''), ...(await ask(origin, 'GET', target, cookie)) })),
  );
}

describe.each(['builtin', 'express-session'] as const)('two modules of one application, %s', (middleware) => {
  test.each([
    ...LAYOUTS.map(([name, layout]) => [name, layout, ['shop', 'admin'], ''] as const),
    ['each excludes, with one name of the cookie', EACH_EXCLUDES, ['sid', 'sid'], ''] as const,
    ['each excludes, under a prefix', EACH_EXCLUDES, ['shop', 'admin'], '/api'] as const,
  ])('nobody is the user of the other, however the path is written: %s', async (_, layout, names, prefix) => {
    const app = await start(layout, middleware, names, {
      prepare: (nest) => {
        nest.enableVersioning({ type: VersioningType.URI });
        if (prefix !== '') nest.setGlobalPrefix(prefix);
      },
    });
    const [shop, admin] = [await cookieOf(app, prefix, 'shop'), await cookieOf(app, prefix, 'admin')];
    expect(await ask(app.origin, 'GET', `${prefix}/shop/me`, shop)).toMatchObject({ status: 200, body: '<shop>' });
    expect(await ask(app.origin, 'GET', `${prefix}/admin/me`, admin)).toMatchObject({ status: 200, body: '<admin>' });
    expect(await ask(app.origin, 'GET', `${prefix}/admin/me`, shop)).toMatchObject({ status: 401 });
    expect(await ask(app.origin, 'OPTIONS', '*', shop)).not.toMatchObject({ status: 200 });

    for (const path of ['/admin/me', '/admin', '/admin/open', '/v1/admin/versioned']) {
      const answers = await answersTo(app.origin, spellingsOf(prefix + path), shop);
      const asAnother = answers.filter(({ body, path: asked }) => body.includes('<shop>') && !asked.endsWith('/shop/me'));
      expect(asAnother).toEqual([]);
      // Those targets do lead to the handler, or this would show nothing.
      const absolute = answers.find(({ target }) => target === `http://shop.example${prefix}${path}`);
      expect([path, absolute?.status]).not.toEqual([path, 404]);
    }
  });
});

describe('a guard', () => {
  const BOTH_EVERYWHERE: Neighbours = { shop: {}, admin: {} };

  @Injectable()
  class OwnGuard extends SessionGuard {
    constructor(
      reflector: Reflector,
      readonly log: CapturedLog,
    ) {
      super(reflector);
    }
  }

  @Controller('own')
  @UseGuards(OwnGuard)
  class OwnController {
    @Get() own(@Identity() who: Identity): string {
      return nameOf(who);
    }
  }

  test('refuses the session of another module, also where no routes are excluded', async () => {
    const app = await start(BOTH_EVERYWHERE, 'builtin', ['shop', 'admin']);
    const shop = await cookieOf(app, '', 'shop');
    expect(await ask(app.origin, 'GET', '/shop/me', shop)).toMatchObject({ body: '<shop>' });
    expect(await ask(app.origin, 'GET', '/admin/me', shop)).toMatchObject({ status: 500 });
  });

  test("of an application's own knows its module, though its constructor passes on nothing but the reflector", async () => {
    const log = new CapturedLog();
    const providers = [{ provide: CapturedLog, useValue: log }];
    const [shop, admin] = (['shop', 'admin'] as const).map((which) => sessionsOf('builtin', which, BOTH_EVERYWHERE, which));
    @Module({ imports: [shop as DynamicModule], controllers: [ShopController] })
    class ShopModule {}
    @Module({ imports: [admin as DynamicModule], controllers: [OwnController], providers })
    class AdminModule {}
    running = await createApp({ store: { kind: 'memory' }, isGlobal: false, forRoutes: [], imports: [ShopModule, AdminModule] });
    const cookie = await cookieOf(running, '', 'shop');
    expect(await ask(running.origin, 'GET', '/own', cookie)).toMatchObject({ status: 500 });
    expect(await ask(running.origin, 'GET', '/own', '')).toMatchObject({ status: 500 });
  });

  test.each([
    ['made by hand', (app: NestExpressApplication) => void app.useGlobalGuards(new SessionGuard(new Reflector()))],
    ['of the container', (app: NestExpressApplication) => void app.useGlobalGuards(app.get(SessionGuard))],
  ])('%s serves an application with one module', async (_, prepare) => {
    @Controller('only')
    class OnlyController {
      @Public() @Post('login') async login(@Session() session: HttpSession): Promise<void> {
        await session.login({ id: 'only' });
      }
      @Get() only(@Identity() who: Identity): string {
        return nameOf(who);
      }
    }
    running = await createApp({ store: { kind: 'memory' }, controllers: [OnlyController], prepare });
    const cookie = await cookieOf(running, '', 'only');
    expect(await ask(running.origin, 'GET', '/only', cookie)).toMatchObject({ status: 200, body: '<only>' });
    expect(await ask(running.origin, 'GET', '/only', '')).toMatchObject({ status: 401 });
  });
});

describe('CsrfGuard', () => {
  const partner = (csrf: CsrfOptions | boolean) => ({ session: { secret: TEST_SECRET, csrf } });
  const asPartner = async (origin: string, path: string, cookie: string) => {
    const client = await RawClient.connect(origin);
    client.request('POST', path, { host: 'shop.example', cookie, origin: 'https://partner.example', 'content-length': '0' });
    return (await client.answer()).status;
  };

  test("asks by the rules of the request's own module", async () => {
    const layout: Neighbours = {
      shop: { ...EACH_EXCLUDES.shop, ...partner({ trustedOrigins: ['https://partner.example'] }) },
      admin: { ...EACH_EXCLUDES.admin, ...partner(true) },
    };
    const app = await start(layout, 'builtin', ['shop', 'admin']);
    expect(await asPartner(app.origin, '/shop/login', '')).toBe(201);
    expect(await asPartner(app.origin, '/admin/login', '')).toBe(403);
  });

  test('asks by its own where the module of the request leaves it to others', async () => {
    const app = await start({ ...EACH_EXCLUDES, shop: { ...EACH_EXCLUDES.shop, ...partner(true) } }, 'builtin', ['shop', 'admin']);
    expect(await asPartner(app.origin, '/admin/login', '')).toBe(403);
  });
});
