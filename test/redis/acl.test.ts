import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Delete, Get, Post, Query, UseGuards } from '@nestjs/common';
import { Redis } from 'ioredis';
import {
  FreshLogin,
  Identity,
  Public,
  Session,
  SessionEvents,
  SessionGuard,
  SessionManager,
  SessionStoreUnavailableError,
  type HttpSession,
  type SessionPage,
} from '../../src/index.js';
import { openRedis, type RedisConnection } from '../../src/redis/client/redis-client.js';
import { MigratingSessionStore } from '../../src/redis/migration/migrating-session-store.js';
import type { Terms } from '../../src/session/session-record.js';
import { Sessions } from '../../src/session/sessions.js';
import { generateSid, type Sid } from '../../src/session/sid.js';
import { Browser } from '../support/browser.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { startCluster } from '../support/start-cluster.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

const PREFIX = 'shop:sess:';
const CREDENTIALS = { username: 'shop', password: 'a-long-random-password' };

@Controller()
@UseGuards(SessionGuard)
class ShopController {
  constructor(private readonly manager: SessionManager) {}

  @Public()
  @Post('login')
  async login(@Session() session: HttpSession, @Query('user') id = 'ada'): Promise<void> {
    await session.login({ id, roles: ['user'] });
  }

  @Post('cart')
  add(@Session() session: HttpSession & { cart?: string[] }): void {
    session.cart = [...(session.cart ?? []), 'tea'];
  }

  @Delete('cart')
  empty(@Session() session: HttpSession & { cart?: string[] }): void {
    delete session.cart;
  }

  @Post('count')
  count(@Session() session: HttpSession): Promise<number> {
    return session.increment('count');
  }

  @Post('rotate')
  rotate(@Session() session: HttpSession): Promise<void> {
    return session.rotate();
  }

  @Post('password')
  reauthenticate(@Session() session: HttpSession): Promise<void> {
    return session.reauthenticate();
  }

  @FreshLogin(60)
  @Get('safe')
  safe(): string {
    return 'open';
  }

  @Post('regenerate')
  regenerate(@Session() session: HttpSession): Promise<void> {
    return session.regenerate();
  }

  @Get('sessions')
  async list(@Session() session: HttpSession, @Identity('id') id: string): Promise<SessionPage[]> {
    const first = await this.manager.list(id, { limit: 1, current: session });
    return [first, await this.manager.list(id, first.cursor === undefined ? {} : { limit: 1, cursor: first.cursor })];
  }

  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }

  @Post('logout')
  logout(@Session() session: HttpSession): Promise<void> {
    return session.logout();
  }
}

/** The commands that the document prints under these headings. */
let rulesOf: (...names: string[]) => string[][];
beforeAll(async () => {
  const document = await readFile('docs/redis-setup.md', 'utf8');
  rulesOf = (...names) =>
    names.flatMap((name) => {
      const [, block] = new RegExp(`<!-- rules: ${name} -->\\s+\`\`\`\n([^\`]+)\`\`\``).exec(document) ?? [];
      if (block === undefined) throw new Error(`docs/redis-setup.md has no rules "${name}".`);
      return block
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
    });
});

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

function later<T>(what: T, end: (what: T) => unknown): T {
  cleanUp.push(() => end(what));
  return what;
}

/** Gives a server the user of the document. From Redis 7.2 on, ioredis has something more to say. */
async function setUp({ client }: RedisServer, rules: string[][]): Promise<void> {
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(await client().info('server')) ?? [];
  const isNew = Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2);
  for (const [command, ...args] of [...rules, ...(isNew ? rulesOf('redis 7.2') : [])]) await client().call(command!, ...args);
  await client().call('ACL', 'LOG', 'RESET');
  await client().config('RESETSTAT');
}

const refusalsOf = async ({ client }: RedisServer) => (await client().call('ACL', 'LOG')) as unknown[];

/** Everything that the package does in Redis, from two applications that tell one another of it. */
async function useAll(options: TestAppOptions, forgetScripts: () => Promise<unknown>): Promise<void> {
  const store = {
    prefix: PREFIX,
    events: 'cluster',
    revokeBefore: true,
    touchAfter: 0,
    rotateAfter: 1_000,
    maxSessionsPerUser: { limit: 3, policy: 'evict-least-recent' },
    track: { ip: true, userAgent: true },
  } as const;
  const start = async () => later(await createApp({ controllers: [ShopController], ...options, store }), ({ close }: TestApp) => close());
  const [one, other] = [await start(), await start()];
  const manager = other.app.get(SessionManager);
  let told = 0;
  other.app.get(SessionEvents).on('loggedIn', ({ remote }) => (told += remote === true ? 1 : 0));
  const send = async (visitor: Browser, method: string, path: string, status: number) => {
    const answer = await visitor.send(method, path);
    expect([method, path, answer.status]).toEqual([method, path, status]);
    return answer;
  };
  const signIn = async (user = 'ada') => {
    const visitor = one.browser();
    await send(visitor, 'POST', `/login?user=${user}`, 201);
    return visitor;
  };
  // Events that were sent before the other one listened are lost.
  await until(async () => {
    await signIn('bob');
    return told > 0;
  }, 'events arrive');
  await manager.revokeAll('bob');

  const visitor = await signIn();
  for (const step of ['in use', 'after the scripts are gone']) {
    await send(visitor, 'POST', '/cart', 201);
    await send(visitor, 'DELETE', '/cart', 200);
    await send(visitor, 'POST', '/count', 201);
    await send(visitor, 'POST', '/rotate', 201);
    await send(visitor, 'GET', '/me', 200);
    await send(visitor, 'POST', '/password', 201);
    await send(visitor, 'GET', '/safe', 200);
    if (step === 'in use') await forgetScripts();
  }
  // Nobody has waited for the touch of the last request, and the others are to be seen later.
  await one.store.drain();
  const others = [await signIn(), await signIn(), await signIn()] as const;
  expect(await manager.count('ada')).toBe(3);
  expect((await send(visitor, 'GET', '/me', 401)).json).toMatchObject({ reason: 'evicted' });

  const { json } = await send(others[0], 'GET', '/sessions', 200);
  expect(json).toMatchObject([{ sessions: [{ userId: 'ada' }] }, { sessions: [{ userId: 'ada' }] }]);
  expect(await manager.updateIdentity('ada', { roles: ['admin'] })).toBe(3);
  expect((await send(others[0], 'GET', '/me', 200)).json).toEqual({ id: 'ada', roles: ['admin'] });
  const handle = (await others[0].sid())!.slice(0, 22);
  expect(await manager.get('ada', handle)).toMatchObject({ userId: 'ada' });
  expect(await manager.revokeOthers('ada', handle, 'password-changed')).toBe(2);
  expect((await send(others[1], 'GET', '/me', 401)).json).toMatchObject({ reason: 'password-changed' });
  await send(others[1], 'POST', '/login', 201);
  await send(others[1], 'POST', '/regenerate', 201);
  await send(others[2], 'POST', '/login', 201);
  await send(others[2], 'POST', '/logout', 201);
  expect(await manager.revoke('ada', handle)).toBe(true);
  await signIn();
  expect(await manager.revokeBefore('ada')).toBe(1);
  await signIn();
  // Nor has anybody for this touch, which would end the session by itself.
  await one.store.drain();
  expect(await manager.revokeAll('ada')).toBe(1);
  for (const { close } of [one, other]) await close();
}

describe('the Redis user of docs/redis-setup.md', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const options = () => ({ redis: { ...redis.options, ...CREDENTIALS } });

  test('may do all that the package does, needs each of its rights for it, and is refused nothing', async () => {
    const rules = rulesOf('always', 'revokeBefore', 'events');
    await setUp(redis, rules);
    await useAll(options(), () => redis.client().script('FLUSH'));
    expect(await refusalsOf(redis)).toEqual([]);

    const granted = rules.flat().flatMap((rule) => /^\+(.+)/.exec(rule)?.[1] ?? []);
    // After an outage is when it is sent.
    const used = { ...(await redis.commandCounts()), info: 1, ping: 1 };
    expect(granted.filter((command) => !(command in used))).toEqual([]);
    expect(granted).toHaveLength(new Set(granted).size);
  });

  test.each([
    ['an unknown command', ['FLUSHALL']],
    ['a look at all keys', ['KEYS', '*']],
    ['a look at all keys, piece by piece', ['SCAN', '0']],
    ['the configuration', ['CONFIG', 'GET', '*']],
    ['other users', ['ACL', 'LIST']],
    ['what others send', ['MONITOR']],
    ['the scripts', ['SCRIPT', 'FLUSH']],
    ['a key of another application', ['HGETALL', 'other:sess:x']],
    ['a key of another application, in a script', ['EVAL', "return redis.call('HGETALL', KEYS[1])", '1', 'other:x']],
    ['such a key that is not even named', ['EVAL', "return redis.call('HGETALL', 'other:x')", '0']],
    ['another channel', ['PUBLISH', 'other:sess:events', 'x']],
    ['listening to another channel', ['SUBSCRIBE', 'other:sess:events']],
    ['listening to all channels', ['PSUBSCRIBE', '*']],
  ])('is refused %s', async (_what, [command, ...args]) => {
    await setUp(redis, rulesOf('always', 'revokeBefore', 'events'));
    const client = later(new Redis({ ...redis.options, ...CREDENTIALS }), (it) => it.disconnect());
    await client.ping().catch(() => undefined);
    await redis.client().call('ACL', 'LOG', 'RESET');
    await expect(client.call(command!, ...args)).rejects.toThrow(/NOPERM|can't access|No permissions|ACL failure/);
    expect(await refusalsOf(redis)).toHaveLength(1);
  });

  test('with fewer rights is a failed store: 503', async () => {
    await setUp(redis, [...rulesOf('always'), ['ACL', 'SETUSER', 'shop', '-hset']]);
    const { browser } = later(await createApp({ controllers: [ShopController], ...options(), store: { prefix: PREFIX } }), ({ close }) =>
      close(),
    );
    expect((await browser().post('/login')).status).toBe(503);
  });

  test('of the layout of connect-redis may do all that is needed there, and needs each of its rights', async () => {
    const rules = [rulesOf('always')[0]!, ...rulesOf('connect-redis')];
    await setUp(redis, rules);
    const store = { kind: 'connect-redis', prefix: PREFIX } as const;
    const { browser, close } = await createApp({ controllers: [ShopController], ...options(), store });
    const visitor = browser();
    for (const path of ['/login', '/cart', '/logout']) expect((await visitor.post(path)).status).toBe(201);
    await visitor.post('/login');
    expect((await visitor.get('/me')).json).toEqual({ id: 'ada', roles: ['user'] });
    await close();
    expect(await refusalsOf(redis)).toEqual([]);
    const granted = rules.flat().flatMap((rule) => /^\+(.+)/.exec(rule)?.[1] ?? []);
    const used = { ...(await redis.commandCounts()), info: 1, ping: 1 };
    expect(granted.filter((command) => !(command in used))).toEqual([]);
  });
});

/** Everything that a move from connect-redis does in Redis, on an instance of either phase. */
async function moveAll(client: RedisConnection, write: (sid: Sid) => Promise<unknown>): Promise<void> {
  const identity = ({ passport }: { passport?: { user: string } }) => passport && { id: passport.user };
  const open = async (migrate: 'prepare' | 'convert') => {
    const own = later(await openRedis(client, () => undefined), (it) => it.close(1_000));
    return new MigratingSessionStore(own.client, { migrate, prefix: PREFIX, identity, deadline: 60_000, logErrors: false });
  };
  const [prepares, converts] = [Sessions.of(await open('prepare')), Sessions.of(await open('convert'))];
  const terms: Terms = { idle: 600_000, cookie: undefined, wholeCookie: {} };
  const change = { set: new Map([['cart', '"tea"']]), removed: [] };
  const sids = Array.from({ length: 4 }, () => generateSid());
  for (const sid of sids) await write(sid);
  const [changed, ended, converted] = sids as [Sid, Sid, Sid];
  const load = async (sessions: Sessions, sid: Sid) => {
    const record = await sessions.load(sid);
    if (record === undefined) throw new Error('There is no session.');
    return record;
  };

  const record = await load(prepares, changed);
  await prepares.touch(changed, record, terms);
  await prepares.save(changed, record, change, terms);
  await prepares.increment(record, 'count', 1);
  expect(await prepares.create(generateSid(), { entries: new Map([['cart', '"tea"']]), terms })).toBeDefined();
  expect(await prepares.destroy(ended)).toBe(true);
  // What has ended is barred, and barred for no shorter time by whoever ends it again.
  expect(await converts.destroy(ended)).toBe(false);
  await converts.save(converted, await load(converts, converted), change, terms);
  expect(await prepares.store.migration?.count()).toMatchObject({ left: 3, unreadable: 0 });
  expect(await converts.store.migration?.convertRest({ perSecond: 10_000 }).done).toMatchObject({ converted: 3, failed: 0 });
  expect((await new SessionManager(converts.store).list('ada')).sessions).toHaveLength(3);
  expect(await new SessionManager(converts.store).revokeAll('ada')).toBe(3);
}

describe('the Redis user of docs/redis-setup.md may do all that a move from connect-redis needs', () => {
  const RULES = ['always', 'migrate', 'migration'];
  const string = JSON.stringify({ cookie: { originalMaxAge: 600_000, path: '/' }, passport: { user: 'ada' } });

  test('on one node', async () => {
    const redis = later(await startRedis(), (it) => it.stop());
    await setUp(redis, rulesOf(...RULES));
    await moveAll({ ...redis.options, ...CREDENTIALS }, (sid) => redis.client().set(`${PREFIX}${sid}`, string, 'EX', 600));
    expect(await refusalsOf(redis)).toEqual([]);
  });

  test.each(['get', 'set', 'hexists', 'scan'])('and without %s may not', async (right) => {
    const redis = later(await startRedis(), (it) => it.stop());
    await setUp(redis, [...rulesOf(...RULES), ['ACL', 'SETUSER', 'shop', `-${right}`]]);
    const write = (sid: Sid) => redis.client().set(`${PREFIX}${sid}`, string, 'EX', 600);
    await expect(moveAll({ ...redis.options, ...CREDENTIALS }, write)).rejects.toThrow(SessionStoreUnavailableError);
    expect((await refusalsOf(redis)).length).toBeGreaterThan(0);
  });

  test('on a Cluster', async () => {
    const cluster = later(await startCluster(), (it) => it.stop());
    for (const node of cluster.nodes) await setUp(node, rulesOf(...RULES, 'cluster'));
    const client = { cluster: cluster.startupNodes, options: { redisOptions: CREDENTIALS } };
    await moveAll(client, (sid) => cluster.client().set(`${PREFIX}${sid}`, string, 'EX', 600));
    for (const node of cluster.nodes) expect(await refusalsOf(node)).toEqual([]);
  });
});

test('the Redis user of docs/redis-setup.md may do all that the package does on a Cluster', async () => {
  const cluster = later(await startCluster(), (it) => it.stop());
  for (const node of cluster.nodes) await setUp(node, rulesOf('always', 'revokeBefore', 'events', 'cluster'));
  const redis = { cluster: cluster.startupNodes, options: { redisOptions: CREDENTIALS } };
  await useAll({ redis }, () => Promise.all(cluster.nodes.map((node) => node.client().script('FLUSH'))));
  for (const node of cluster.nodes) expect(await refusalsOf(node)).toEqual([]);
});
