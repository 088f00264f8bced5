import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Controller, Get, Post, UseGuards } from '@nestjs/common';
import { Cluster, Redis } from 'ioredis';
import {
  Identity,
  Public,
  Session,
  SessionEvents,
  SessionGuard,
  SessionManager,
  type HttpSession,
  type SessionEventMap,
} from '../../src/index.js';
import type { SessionEventName } from '../../src/session/session-event-map.js';
import { RedisEventChannel, RedisSessionStore } from '../../src/express.js';
import { generateSid, handleOf, type Handle } from '../../src/session/sid.js';
import { CapturedLog } from '../support/captured-log.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startSentinel } from '../support/start-sentinel.js';
import { until } from '../support/until.js';
import { Sessions } from '../../src/session/sessions.js';

const CHANNEL = 'sess:events';
const HANDLE = handleOf(generateSid());
const CART = 'tea and biscuits, nobody else needs to know';

@Controller()
@UseGuards(SessionGuard)
class AccountController {
  @Public()
  @Post('login')
  async login(@Session() session: HttpSession & { cart?: string }): Promise<void> {
    session.cart = CART;
    await session.login({ id: 'ada' }, { keep: true });
  }

  @Post('rotate')
  rotate(@Session() session: HttpSession): Promise<void> {
    return session.rotate();
  }

  @Get('me')
  me(@Identity() who: Identity): Identity {
    return who;
  }
}

let cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
  cleanUp = [];
});

function later<T>(what: T, end: (what: T) => unknown): T {
  cleanUp.push(() => end(what));
  return what;
}

type Told = { readonly name: SessionEventName } & SessionEventMap[SessionEventName];
const NAMES: readonly SessionEventName[] = [
  'created',
  'loggedIn',
  'adopted',
  'rotated',
  'destroyed',
  'revoked',
  'evicted',
  'lost',
  'rejected',
  'reused',
];

interface Node extends TestApp {
  /** What its listeners were told, in order. */
  readonly told: Told[];
  readonly events: SessionEvents;
  readonly manager: SessionManager;
  heard(event: Partial<Told>): Promise<void>;
}

async function start(options: TestAppOptions): Promise<Node> {
  const app = later(await createApp({ controllers: [AccountController], ...options }), ({ close }) => close());
  const events = app.app.get(SessionEvents);
  const told: Told[] = [];
  for (const name of NAMES) events.on(name, (event) => told.push({ name, ...event }));
  return {
    ...app,
    told,
    events,
    manager: app.app.get(SessionManager),
    heard: (event) =>
      until(
        () => told.some((one) => Object.entries(event).every(([key, value]) => Object.is(one[key as keyof Told], value))),
        'it is told',
      ),
  };
}

function emit<Name extends SessionEventName>(node: Node, name: Name, facts: Omit<SessionEventMap[Name], 'handle'>): Handle {
  const handle = handleOf(generateSid());
  node.events.emit(name, { handle, ...facts } as unknown as SessionEventMap[Name]);
  return handle;
}

/** The clients of a server, each with its fields. */
async function clientsOf(redis: Redis): Promise<Record<string, string>[]> {
  const list = String(await redis.client('LIST'))
    .trim()
    .split('\n');
  return list.map((line) => Object.fromEntries(line.split(' ').map((field) => field.split('=', 2) as [string, string])));
}

interface Place {
  readonly redis: TestAppOptions['redis'];
  client(): Redis | Cluster;
  newClient(): Redis | Cluster;
  nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

const places: readonly (readonly [string, () => Promise<Place>])[] = [
  [
    'one server',
    async () => {
      const server = await startRedis();
      return {
        redis: server.url,
        client: () => server.client(),
        newClient: () => new Redis(server.options),
        nodes: [server],
        stop: () => server.stop(),
      };
    },
  ],
  [
    'a Cluster',
    async () => {
      const cluster: RedisCluster = await startCluster();
      return {
        redis: { cluster: cluster.startupNodes },
        client: () => cluster.client(),
        newClient: () => new Cluster(cluster.startupNodes),
        nodes: cluster.nodes,
        stop: () => cluster.stop(),
      };
    },
  ],
];

describe.each(places)('with events: "cluster" on %s,', (_name, open) => {
  let place: Place;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place.stop());

  const subscribers = async () => {
    const counts = await Promise.all(place.nodes.map((node) => node.client().pubsub('NUMSUB', CHANNEL)));
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };

  /** Applications that are all connected. */
  async function startTogether(...all: Pick<TestAppOptions, 'logger'>[]): Promise<Node[]> {
    await until(async () => (await subscribers()) === 0, 'those of the test before have left');
    const nodes: Node[] = [];
    for (const options of all) nodes.push(await start({ redis: place.redis, ...options, store: { events: 'cluster' } }));
    await until(async () => (await subscribers()) === all.length, 'all are subscribed');
    return nodes;
  }

  test('listeners are told of what happens on another node, marked as remote, and once of what happens on their own', async () => {
    const [one, other] = (await startTogether({}, {})) as [Node, Node];
    const visitor = one.browser();
    await visitor.post('/login');
    const [{ handle } = { handle: '' }] = (await one.manager.list('ada')).sessions;
    await other.heard({ name: 'loggedIn', handle: handle as Handle, userId: 'ada', remote: true });

    expect(await other.manager.revoke('ada', handle, 'password-changed')).toBe(true);
    await one.heard({ name: 'revoked', handle: handle as Handle, userId: 'ada', reason: 'password-changed', remote: true });
    expect((await visitor.get('/me')).json).toMatchObject({ statusCode: 401, reason: 'password-changed' });

    expect(one.told.filter(({ remote }) => remote !== true).map(({ name }) => name)).toEqual(['created', 'loggedIn']);
    expect(other.told.filter(({ remote }) => remote !== true).map(({ name }) => name)).toEqual(['revoked']);
    expect(one.told.filter(({ name }) => name === 'loggedIn')).toHaveLength(1);
    expect([other.events.count('loggedIn'), other.events.count('revoked')]).toEqual([0, 1]);
  });

  test('every event arrives as it was, without what else it holds', async () => {
    const [one, other] = (await startTogether({}, {})) as [Node, Node];
    const userId = 'ada: "*" {1} 😀 \u0000\ud800';
    const replaced = HANDLE;
    const all: Told[] = [];
    const tell = <Name extends SessionEventName>(name: Name, facts: Omit<SessionEventMap[Name], 'handle'>) =>
      all.push({ name, handle: emit(one, name, { ...facts, secret: 'not for others' }), ...facts, remote: true });
    tell('created', {});
    tell('loggedIn', { userId, replaced });
    tell('adopted', { userId });
    tell('rotated', { userId });
    tell('destroyed', {});
    tell('revoked', { userId, reason: 'password-changed' });
    tell('evicted', { userId: 'u'.repeat(16_000) });
    tell('lost', {});
    tell('rejected', { what: 'entry' });
    tell('reused', {});
    for (const event of all) await other.heard({ handle: event.handle });
    expect(other.told).toHaveLength(all.length);
    expect(other.told).toEqual(expect.arrayContaining(all));
  });

  test('applications with another prefix are told nothing', async () => {
    const [one, other] = (await startTogether({}, {})) as [Node, Node];
    const third = await start({ redis: place.redis, store: { events: 'cluster', prefix: 'other:' } });
    const handle = emit(one, 'lost', {});
    await other.heard({ handle });
    expect(third.told).toEqual([]);
  });

  test('applications without the option tell nothing and are told nothing', async () => {
    const [one] = (await startTogether({})) as [Node];
    const local = await start({ redis: place.redis });
    emit(local, 'lost', {});
    const handle = emit(one, 'lost', {});
    await one.heard({ handle });
    expect([one.told.length, local.told.length]).toEqual([1, 1]);
  });

  test('what is sent holds no sid and no session data', async () => {
    const [one] = (await startTogether({})) as [Node];
    const seen: string[] = [];
    const [node] = place.nodes;
    const listener = later(new Redis(node!.options), (it) => it.disconnect());
    listener.on('message', (_channel, text: string) => seen.push(text));
    await listener.subscribe(CHANNEL);
    const visitor = one.browser();
    await visitor.post('/login');
    const sids = [await visitor.sid()];
    await visitor.post('/rotate');
    sids.push(await visitor.sid());
    await one.manager.revokeAll('ada');
    await until(() => ['rotated', 'revoked'].every((name) => seen.some((text) => text.includes(name))), 'the events are published');
    const everything = seen.join('\n');
    expect(everything).not.toContain(CART);
    for (const sid of sids) {
      expect(sid).toHaveLength(54);
      expect(everything).not.toContain(sid!.slice(22));
    }
  });

  test('whatever else is published there is ignored', async () => {
    const logger = new CapturedLog();
    const [one, other] = (await startTogether({}, { logger })) as [Node, Node];
    const valid = { v: 1, from: 'somebody', name: 'lost', event: { handle: HANDLE } };
    const rubbish = [
      '',
      '{',
      'null',
      '[]',
      '"lost"',
      '1e999',
      '\u0000',
      '['.repeat(30_000),
      JSON.stringify({ ...valid, padding: ' '.repeat(40_000) }),
      ...[
        { ...valid, v: 2 },
        { ...valid, from: 1 },
        { ...valid, name: 'unknown' },
        { ...valid, name: '__proto__' },
        { ...valid, name: 'constructor' },
        { ...valid, name: ['lost'] },
        { ...valid, event: null },
        { ...valid, event: [HANDLE] },
        { ...valid, event: {} },
        { ...valid, event: { handle: `${HANDLE}!` } },
        { ...valid, event: { handle: { toString: HANDLE } } },
        { ...valid, event: { handle: HANDLE, userId: 7 } },
        { ...valid, event: { handle: HANDLE, userId: '' } },
        { ...valid, name: 'loggedIn' },
        { ...valid, name: 'loggedIn', event: { handle: HANDLE, userId: 'ada', replaced: 'x' } },
        { ...valid, name: 'revoked', event: { handle: HANDLE, userId: 'ada', reason: 'a\nnew line' } },
        { ...valid, name: 'rejected', event: { handle: HANDLE, what: 'everything' } },
      ].map((message) => JSON.stringify(message)),
      `{"v":1,"from":"somebody","name":"lost","event":{"__proto__":{"handle":"${HANDLE}"}}}`,
    ];
    for (const text of rubbish) await place.client().publish(CHANNEL, text);
    await place.client().publish(CHANNEL, Buffer.from([0xff, 0xfe, 0x00]));
    const polluting = `{"v":1,"from":"somebody","name":"lost","event":{"handle":"${HANDLE}","__proto__":{"polluted":true},"extra":1},"__proto__":{"polluted":true}}`;
    await place.client().publish(CHANNEL, polluting);
    const handle = emit(one, 'lost', {});
    await other.heard({ handle });
    await other.heard({ handle: HANDLE });
    expect(other.told).toHaveLength(2);
    expect(other.told).toContainEqual({ name: 'lost', handle: HANDLE, remote: true });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(logger.matching('events')).toEqual([]);
  });

  test('a broken subscription comes back by itself', async () => {
    const [one, other] = (await startTogether({}, {})) as [Node, Node];
    for (const node of place.nodes) await node.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(async () => (await subscribers()) === 2, 'both are subscribed again');
    for (const [teller, listener] of [
      [one, other],
      [other, one],
    ] as const) {
      const before = listener.told.length;
      // A Cluster may lose one.
      await until(() => {
        emit(teller, 'lost', {});
        return listener.told.length > before;
      }, 'events arrive');
    }
  });

  test('after a restart of Redis events flow again', async () => {
    const logger = new CapturedLog();
    const [one, other] = (await startTogether({}, { logger })) as [Node, Node];
    await Promise.all(place.nodes.map((node) => node.kill()));
    await until(() => logger.matching('Session events are not shared').length > 0, 'the outage is noticed');
    for (let count = 0; count < 3; count++) emit(other, 'lost', {});
    await Promise.all(place.nodes.map((node) => node.restart()));
    await until(async () => (await subscribers()) === 2, 'both are subscribed again');
    const before = one.told.length;
    // Until its own client is back, the other one tells nobody.
    await until(async () => {
      emit(other, 'reused', {});
      await new Promise((resolve) => setImmediate(resolve));
      return one.told.length > before;
    }, 'events arrive');
    // In a short outage a command waits for the connection, so these may come late, but never twice.
    const late = one.told.filter(({ name }) => name === 'lost').map(({ handle }) => handle);
    expect(late).toHaveLength(new Set(late).size);
    // Both nodes write to this log.
    const lines = () => [logger.matching('Session events are not shared').length, logger.matching('Session events are shared').length];
    await until(() => lines()[0] === lines()[1], 'the end of the outage is noticed');
    expect(lines()[0]).toBeLessThanOrEqual(2);
  });

  test('20 applications, one after the other, leave no connection and no listener behind', async () => {
    await until(async () => (await subscribers()) === 0, 'those of the test before have left');
    const client = later(place.newClient(), (it) => it.disconnect());
    const inUse = async () => {
      const infos = await Promise.all(place.nodes.map((node) => node.client().info('clients')));
      const connections = infos.reduce((sum, info) => sum + Number(/connected_clients:(\d+)/.exec(info)?.[1]), 0);
      const listeners = client.eventNames().reduce((sum, name) => sum + client.listenerCount(name), 0);
      return { connections, listeners };
    };
    const cycle = async () => {
      const { browser, close } = await createApp({ redis: client, controllers: [AccountController], store: { events: 'cluster' } });
      await until(async () => (await subscribers()) === 1, 'it is subscribed');
      await browser().post('/login');
      await close();
      await until(async () => (await subscribers()) === 0, 'it has left');
    };
    for (let count = 0; count < 3; count++) await cycle();
    const before = await inUse();
    for (let count = 0; count < 20; count++) await cycle();
    // A Cluster client connects to a node when it first needs it, which may be now.
    const most = before.connections + place.nodes.length;
    await until(async () => (await inUse()).connections <= most, 'all connections are closed');
    expect((await inUse()).listeners).toBe(before.listeners);
  });

  test('closing ends the subscription', async () => {
    const [one, other] = (await startTogether({}, {})) as [Node, Node];
    await one.close();
    await until(async () => (await subscribers()) === 1, 'one has left');
    emit(one, 'lost', {});
    const handle = emit(other, 'lost', {});
    await other.heard({ handle });
    expect([one.told.length, other.told.length]).toEqual([1, 1]);
  });
});

describe('with events: "cluster",', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const subscribed = (count: number) =>
    until(async () => Number((await redis.client().pubsub('NUMSUB', CHANNEL))[1]) === count, `${count} are subscribed`);

  test('no request waits for an event to be sent', async () => {
    const client = later(new Redis(redis.options), (it) => it.disconnect());
    const answers: ((count: number) => void)[] = [];
    client.publish = () => new Promise((resolve) => answers.push(resolve));
    const one = await start({ redis: client, store: { events: 'cluster' } });
    const visitor = one.browser();
    expect((await visitor.post('/login')).status).toBe(201);
    expect((await visitor.get('/me')).json).toEqual({ id: 'ada' });
    for (const answer of answers) answer(0);
  });

  test('events that were lost on their way, without an answer, keep no later one back', async () => {
    const client = later(new Redis(redis.options), (it) => it.disconnect());
    const publish = client.publish.bind(client);
    const logger = new CapturedLog();
    const one = await start({ redis: client, store: { events: 'cluster', deadline: 50 }, logger });
    const other = await start({ redis: redis.url, store: { events: 'cluster' }, logger });
    await subscribed(2);
    await other.heard({ handle: emit(one, 'created', {}) });
    client.publish = () => new Promise(() => undefined);
    for (let count = 0; count < 1_001; count++) emit(one, 'lost', {});
    client.publish = publish;
    await until(() => {
      emit(one, 'reused', {});
      return other.told.length > 1;
    }, 'events arrive');
    expect(other.told[1]).toMatchObject({ name: 'reused', remote: true });
    await until(() => logger.matching('are shared with other processes again').length > 0, 'the end is noticed');
  });

  test('an event that Redis refuses is logged once, and harms nobody', async () => {
    await redis.client().call('ACL', 'SETUSER', 'silent', 'on', '>silent', '~*', '&*', '+@all', '-publish');
    const logger = new CapturedLog();
    const one = await start({
      redis: { ...redis.options, username: 'silent', password: 'silent' },
      store: { events: 'cluster' },
      logger,
    });
    await subscribed(1);
    const visitor = one.browser();
    expect((await visitor.post('/login')).status).toBe(201);
    expect((await visitor.post('/login')).status).toBe(201);
    await until(() => logger.matching('NOPERM').length > 0, 'it is logged');
    expect(logger.matching('Session events')).toEqual([expect.stringContaining('are not shared with other processes (NOPERM)')]);
  });

  test('an application without events of its own notices, too, that events are shared again', async () => {
    await redis.client().call('ACL', 'SETUSER', 'mute', 'on', '>mute', '~*', '&*', '+@all', '-publish');
    const logger = new CapturedLog();
    await start({ redis: { ...redis.options, username: 'mute', password: 'mute' }, store: { events: 'cluster' }, logger });
    await until(() => logger.matching('(NOPERM)').length > 0, 'it is logged');
    await redis.client().call('ACL', 'SETUSER', 'mute', '+publish');
    await until(() => logger.matching('are shared with other processes again').length > 0, 'the end is noticed');
  });

  test('a subscription that Redis refuses is tried again until it is allowed', async () => {
    await redis.client().call('ACL', 'SETUSER', 'deaf', 'on', '>deaf', '~*', 'resetchannels', '+@all');
    const logger = new CapturedLog();
    const one = await start({ redis: { ...redis.options, username: 'deaf', password: 'deaf' }, store: { events: 'cluster' }, logger });
    await until(() => logger.matching('(NOPERM)').length > 0, 'it is logged');
    expect((await one.browser().post('/login')).status).toBe(201);
    await redis.client().call('ACL', 'SETUSER', 'deaf', `&${CHANNEL}`);
    await subscribed(1);
    await redis.client().publish(CHANNEL, JSON.stringify({ v: 1, from: 'x', name: 'lost', event: { handle: HANDLE } }));
    await one.heard({ handle: HANDLE, remote: true });
    expect(logger.matching('Session events are not shared')).toHaveLength(1);
  });

  test('what a node missed while its connection was away is not told later', async () => {
    const proxy = later(await startProxy(redis.port), (it) => it.stop());
    const one = await start({ redis: redis.url, store: { events: 'cluster' } });
    const other = await start({ redis: { host: '127.0.0.1', port: proxy.port }, store: { events: 'cluster' } });
    await subscribed(2);
    await proxy.cut();
    await subscribed(1);
    const missed = emit(one, 'lost', {});
    await one.heard({ handle: missed });
    await proxy.heal();
    await subscribed(2);
    const handle = emit(one, 'lost', {});
    await other.heard({ handle });
    expect(other.told).toEqual([{ name: 'lost', handle, remote: true }]);
  });

  test('closing while Redis is away, or frozen, ends all the same', async () => {
    const absent = later(await startRedis(), (server) => server.stop());
    const logger = new CapturedLog();
    const options: TestAppOptions = { redis: absent.url, store: { events: 'cluster', deadline: 200 }, logger };
    const [waiting, frozen] = [await start(options), await start(options)];
    await until(async () => Number((await absent.client().pubsub('NUMSUB', CHANNEL))[1]) === 2, 'both are subscribed');
    absent.pause();
    await frozen.close();
    absent.resume();
    await absent.kill();
    await until(() => logger.matching('Session events are not shared').length > 0, 'the outage is noticed');
    await waiting.close();
  });

  test('by way of a sentinel, a connection that broke listens to it no longer', async () => {
    const setup = later(await startSentinel(), (it) => it.stop());
    const master = setup.master.client();
    const app = await start({ redis: setup.options, store: { events: 'cluster' } });
    const subscriber = async () => (await clientsOf(master)).find(({ sub }) => sub === '1')?.id;
    const listeners = async () => (await clientsOf(setup.sentinel)).filter(({ sub }) => sub === '1').length;
    // That of the client and that of the subscription.
    await until(async () => (await subscriber()) !== undefined && (await listeners()) === 2, 'both listen to the sentinel');
    for (let count = 0; count < 3; count++) {
      const broken = await subscriber();
      await master.call('CLIENT', 'KILL', 'ID', broken!);
      await until(async () => ![undefined, broken].includes(await subscriber()), 'it is subscribed again');
    }
    await until(async () => (await listeners()) === 2, 'both listen to the sentinel, and nobody else');
    await app.close();
    await until(async () => (await listeners()) === 0, 'nobody listens to the sentinel');
  });

  test('a bad entry is logged by the node that found it alone', async () => {
    const logger = new CapturedLog();
    const [one, other] = [
      await start({ redis: redis.url, store: { events: 'cluster' }, logger }),
      await start({ redis: redis.url, store: { events: 'cluster' }, logger }),
    ];
    await subscribed(2);
    const handle = emit(one, 'rejected', { what: 'session' });
    await other.heard({ handle });
    expect(logger.matching(handle)).toHaveLength(1);
  });

  test('the layout of connect-redis shares its events too', async () => {
    const store = { kind: 'connect-redis', events: 'cluster' } as const;
    const [one, other] = [await start({ redis: redis.url, store }), await start({ redis: redis.url, store })];
    await subscribed(2);
    await one.browser().post('/login');
    await until(() => other.told.length > 1, 'both are told');
    expect(other.told).toMatchObject([
      { name: 'created', userId: 'ada', remote: true },
      { name: 'loggedIn', userId: 'ada', remote: true },
    ]);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('from a log');
      },
    ],
    ['rejects', () => Promise.reject(new Error('from a log'))],
  ])('a log that %s harms nobody, and its author is warned', async (_how, log) => {
    const client = later(new Redis(redis.options), (it) => it.disconnect());
    client.publish = () => Promise.reject(new Error('Connection is closed.'));
    const store = new RedisSessionStore(client);
    const warned = later(jest.spyOn(process, 'emitWarning'), (it) => it.mockRestore());
    const channel = later(new RedisEventChannel(client, store, log), (it) => it.close());
    channel.open();
    await until(() => warned.mock.calls.length > 0, 'its author is warned');
    expect(warned.mock.calls).toEqual([[expect.stringContaining('from a log'), { type: 'SessionLoggerError' }]]);
  });

  test('without Nest, a channel shares the events of a store until it is closed', async () => {
    const client = later(new Redis(redis.options), (it) => it.disconnect());
    const [store, otherStore] = [new RedisSessionStore(client), new RedisSessionStore(client)];
    const [channel, otherChannel] = [new RedisEventChannel(client, store), new RedisEventChannel(client, otherStore)];
    later(otherChannel, (it) => it.close());
    for (const each of [channel, otherChannel]) {
      each.open();
      each.open();
    }
    await subscribed(2);
    const told: unknown[] = [];
    SessionEvents.of(otherStore).on('created', (event) => told.push(event));
    const { handle } = await Sessions.of(store).create(generateSid(), {
      entries: new Map(),
      terms: { idle: 60_000, cookie: undefined, wholeCookie: { originalMaxAge: null } },
    });
    await until(() => told.length > 0, 'it is told');
    expect(told).toEqual([{ handle, remote: true }]);
    await channel.close();
    await channel.close();
    await subscribed(1);
    expect(await client.ping()).toBe('PONG');
  });
});
