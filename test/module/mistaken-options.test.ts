import { describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { createClient, createClientPool, createCluster } from 'redis';
import { MemorySessionStore, RedisSessionModule, SessionGuard } from '../../src/index.js';
import { RedisSessionStore, sessionMiddleware } from '../../src/express.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET, type TestAppOptions } from '../support/create-app.js';
import { createScriptedApp } from '../support/scripted-app.js';

const OPTIONS = { secret: TEST_SECRET, store: new MemorySessionStore() };

describe('what cannot be, with its cure', () => {
  test.each([undefined, null, 'redis://localhost'])('forRoot(%p) and forRootAsync() of it', (options) => {
    expect(() => RedisSessionModule.forRoot(options as never)).toThrow(
      /RedisSessionModule\.forRoot\(\) must be given an object of options, received .* Write something like/,
    );
    expect(() => RedisSessionModule.forRootAsync(options as never)).toThrow(/RedisSessionModule\.forRootAsync\(\) must be given an object/);
  });

  test('the module without forRoot()', async () => {
    @Module({ imports: [RedisSessionModule] })
    class AppModule {}
    await expect(Test.createTestingModule({ imports: [AppModule] }).compile()).rejects.toThrow(
      /RedisSessionModule must be imported with options.* Write RedisSessionModule\.forRoot/,
    );
  });

  test('a store over a client of node-redis 4', () => {
    const nodeRedis4 = { isOpen: false, isReady: false, connect: async () => undefined, sendCommand: async () => undefined };
    expect(() => new RedisSessionStore(nodeRedis4 as never)).toThrow(
      /must be a client of node-redis 5 or 6, received one of version 4\. Type/,
    );
  });

  test('a store over a pool of node-redis', () => {
    expect(() => new RedisSessionStore(createClientPool() as never)).toThrow(/must be one client, received a pool of node-redis\. Give/);
  });

  test('a store over a client of node-redis that reads from replicas', () => {
    for (const client of [createClient({ readonly: true }), createCluster({ rootNodes: [{}], useReplicas: true })])
      expect(() => new RedisSessionStore(client)).toThrow(/must not read from replicas/);
  });

  test('an option of express that there is not, with those that there are', () => {
    const make = (more: object) => () => sessionMiddleware({ secret: TEST_SECRET, store: new MemorySessionStore(), ...more });
    expect(make({ somethingElse: 1 })).toThrow(
      '"somethingElse" is not an option. Known names: store, secret, name, cookie, rolling, resave, saveUninitialized, unset, proxy, genid, noStore, header, passive, csrf, identity, adopt, deadline, logErrors.',
    );
    expect(make({ identitiy: () => undefined })).toThrow('"identitiy" is not an option. Did you mean "identity"?');
  });
});

describe('what is hardly meant is said once', () => {
  const MAX_AGE = /"session.cookie.maxAge" is .* ms, so sessions end after less than a minute/;
  const TTL = /"store.ttl" is .* s, so sessions end after .* days/;
  const BOTH = /"session.cookie.maxAge" \(.* s\) and "store.ttl" \(.* s\) both say/;

  test.each<[string, warnings: RegExp[], Pick<TestAppOptions, 'session' | 'store'>]>([
    ['maxAge in seconds', [MAX_AGE], { session: { cookie: { maxAge: 1_800 } } }],
    ['maxAge of a minute', [], { session: { cookie: { maxAge: 60_000 } } }],
    ['ttl in milliseconds', [TTL], { store: { kind: 'memory', ttl: 1_800_000 } }],
    ['the least ttl that looks like milliseconds', [TTL], { store: { kind: 'memory', ttl: 900_000 } }],
    ['a ttl of ten days', [], { store: { kind: 'memory', ttl: 864_000 } }],
    ['a ttl of thirty days', [], { store: { kind: 'memory', ttl: 2_592_000 } }],
    ['maxAge and ttl that differ', [BOTH], { session: { cookie: { maxAge: 3_600_000 } }, store: { kind: 'memory', ttl: 600 } }],
    ['maxAge and ttl that are the same', [], { session: { cookie: { maxAge: 600_000 } }, store: { kind: 'memory', ttl: 600 } }],
  ])('%s: %j', async (_, warnings, options) => {
    const logger = new CapturedLog();
    for (let applications = 0; applications < 2; applications++)
      await (await createScriptedApp({ store: { kind: 'memory' }, ...options, logger })).close();
    const found = logger.lines.filter((line) => [MAX_AGE, TTL, BOTH].some((one) => one.test(line)));
    expect(found).toHaveLength(warnings.length);
    for (const [index, warning] of warnings.entries()) expect(found[index]).toMatch(warning);
  });

  @Controller('guarded')
  @UseGuards(SessionGuard)
  class GuardedController {
    @Get() me(): string {
      return 'me';
    }
  }

  test.each(['user', 'userId', 'uid', 'passport'])('a 401 for a session with an entry "%s"', async (name) => {
    const logger = new CapturedLog();
    const app = await createScriptedApp({ store: { kind: 'memory' }, controllers: [GuardedController], logger });
    app.on('/in', ({ request }) => {
      Object.assign((request as { session?: object }).session ?? {}, { [name]: { id: 1 } });
    });
    const browser = app.browser();
    await browser.get('/in');
    for (let times = 0; times < 2; times++) expect((await browser.get('/guarded')).status).toBe(401);
    await app.browser().get('/guarded');
    expect(logger.matching(`an entry "${name}" and no identity. Call session.login()`)).toHaveLength(1);
    await app.close();
  });

  test('a 401 where the option "identity" returns an id alone', async () => {
    forgetWarnings();
    const logger = new CapturedLog();
    const identity = ((session: { passport?: { user: string } }) => session.passport?.user) as never;
    const app = await createScriptedApp({ store: { kind: 'memory' }, identity, controllers: [GuardedController], logger });
    app.on('/in', ({ session }) => void (session['passport'] = { user: 'ada' }));
    const browser = app.browser();
    await browser.get('/in');
    expect((await browser.get('/guarded')).status).toBe(401);
    expect(logger.matching('an entry "passport" and no identity. ')).toEqual([expect.stringContaining('an id alone is nobody')]);
    await app.close();
  });

  test.each(['ada', 7])('an option "identity" that returns an id alone, as %p, where no guard of ours looks', async (id) => {
    forgetWarnings();
    const logger = new CapturedLog();
    const identity = ((session: { user?: unknown }) => session.user) as never;
    const app = await createScriptedApp({ store: { kind: 'memory' }, identity, logger });
    app.on('/in', ({ session }) => void (session['user'] = id));
    const browser = app.browser();
    expect((await browser.get('/whoami')).json).toEqual({ identity: null });
    expect(logger.matching('an id alone')).toEqual([]);
    await browser.get('/in');
    for (let times = 0; times < 2; times++) expect((await browser.get('/whoami')).json).toEqual({ identity: null });
    expect(logger.matching('an id alone, so nobody is signed in')).toEqual([
      expect.stringContaining('(session) => session.passport && { id: session.passport.user }'),
    ]);
    await app.close();
  });
});

describe.each(['builtin', 'express-session'] as const)('a secure cookie that is withheld over http, with %s', (middleware) => {
  async function open(logger: CapturedLog) {
    const app = await createScriptedApp({
      store: { kind: 'memory' },
      session: { middleware, name: 'sid', cookie: { secure: true } },
      logger,
    });
    app.on('/write', ({ request }) => void Object.assign((request as { session?: object }).session ?? {}, { note: 'x' }));
    return app;
  }
  const WITHHELD = 'its cookie was not sent: "session.cookie.secure" is true';

  test.each(['/login/ada', '/write'])('is told once, by %s', async (path) => {
    const logger = new CapturedLog();
    const app = await open(logger);
    for (const unneeded of ['/plain', '/read', '/whoami']) await app.browser().get(unneeded);
    expect(logger.matching(WITHHELD)).toEqual([]);
    for (let times = 0; times < 2; times++) expect((await app.browser().post(path)).setCookies).toEqual([]);
    expect(logger.matching(WITHHELD)).toHaveLength(1);
    await app.close();
  });
});

describe('without Nest, what is hardly meant is said once', () => {
  const TTL = /^"store.ttl" is 1800000 s, so sessions end after/;
  const MAX_AGE = /^"cookie.maxAge" is 1800 ms/;
  const BOTH = /^"cookie.maxAge" \(3600 s\) and "store.ttl" \(600 s\) both say/;
  const SHORT = /^"secret" has fewer than 32 bytes/;

  test.each<[string, RegExp[], () => unknown]>([
    [
      'a ttl of RedisSessionStore in milliseconds',
      [TTL],
      () => new RedisSessionStore(new Redis({ lazyConnect: true }), { ttl: 1_800_000 }),
    ],
    ['a ttl of MemorySessionStore in milliseconds', [TTL], () => new MemorySessionStore({ ttl: 1_800_000 })],
    ['a ttl of a day', [], () => new MemorySessionStore({ ttl: 86_400 })],
    ['maxAge in seconds', [MAX_AGE], () => sessionMiddleware({ ...OPTIONS, cookie: { maxAge: 1_800 } })],
    ['maxAge, and the ttl that the store has unasked', [], () => sessionMiddleware({ ...OPTIONS, cookie: { maxAge: 3_600_000 } })],
    [
      'maxAge and another ttl',
      [BOTH],
      () => sessionMiddleware({ ...OPTIONS, store: new MemorySessionStore({ ttl: 600 }), cookie: { maxAge: 3_600_000 } }),
    ],
    ['a short secret', [SHORT], () => sessionMiddleware({ ...OPTIONS, secret: 'keyboard cat' })],
  ])('%s', (_, expected, make) => {
    forgetWarnings();
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
    for (let times = 0; times < 2; times++) make();
    const messages = warned.mock.calls.map(([message]) => message);
    warned.mockRestore();
    expect(messages).toEqual(expected.map((one) => expect.stringMatching(one)));
  });
});

test('a store with a ttl that the cookie contradicts is told of to the module too', async () => {
  const logger = new CapturedLog();
  const store = new MemorySessionStore({ ttl: 600 });
  await (await createScriptedApp({ store, session: { cookie: { maxAge: 3_600_000 } }, logger })).close();
  expect(logger.matching('both say')).toHaveLength(1);
});

test('the once of a process is that of all its applications: a proxy, a plain object for a cookie, a short secret', async () => {
  const logger = new CapturedLog();
  for (let applications = 0; applications < 2; applications++) {
    const app = await createScriptedApp({ store: { kind: 'memory' }, session: { secret: 'keyboard cat' }, logger });
    app.on('/cookie', ({ request }) => void Object.assign(request.session ?? {}, { cookie: { maxAge: 600_000, domain: 'example.com' } }));
    await app.browser().get('/cookie', { 'x-forwarded-proto': 'https' });
    await app.close();
  }
  const told = logger.lines.map((line) => /X-Forwarded-Proto: https|a plain object|fewer than 32 bytes/.exec(line)?.[0]);
  expect(told.filter(Boolean)).toEqual(['fewer than 32 bytes', 'X-Forwarded-Proto: https', 'a plain object']);
});

test('the address of a device is that of IPv4, where the socket is of both', async () => {
  const app = await createScriptedApp({ store: { kind: 'memory', track: { ip: true } } });
  app.on('/in', ({ session, request }) => {
    Object.defineProperty(request, 'ip', { value: '::ffff:127.0.0.1' });
    return session.login({ id: 'ada' });
  });
  await app.browser().get('/in');
  const { SessionManager } = await import('../../src/index.js');
  expect((await app.app.get(SessionManager).list('ada')).sessions[0]?.ip).toBe('127.0.0.1');
  await app.close();
});
