import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Get, Query } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { MemorySessionStore, RedisSessionStore } from '../../src/index.js';
import { SessionHealthIndicator, type SessionHealthProblem } from '../../src/health.js';
import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { PATIENT } from '../support/connections.js';
import { createApp, type TestApp, type TestAppOptions } from '../support/create-app.js';
import { useOutages } from '../support/outage-harness.js';
import { blackouts, brownouts } from '../support/outages.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { redisVariants } from '../support/variants.js';
import { wrapStore } from '../support/wrapping-store.js';

const QUIET = { error: () => undefined, warn: () => undefined };

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly sessions: SessionHealthIndicator,
  ) {}

  @Get()
  check(@Query('down') down: string | undefined) {
    const named = down === undefined ? undefined : (down.split(',') as SessionHealthProblem[]);
    return this.health.check([() => this.sessions.isHealthy('sessions', { down: named })]);
  }
}

const WITH_HEALTH: Pick<TestAppOptions, 'imports' | 'providers' | 'controllers'> = {
  imports: [TerminusModule.forRoot({ logger: false })],
  providers: [SessionHealthIndicator],
  controllers: [HealthController],
};

/** The status of the answer, that of the health check, and what it says of sessions. */
async function healthAt({ origin }: { readonly origin: string }, query = '') {
  const response = await fetch(`${origin}/health${query}`);
  const body = (await response.json()) as { status: string; details: { sessions: object } };
  return [response.status, body.status, body.details.sessions] as const;
}

const degraded = (...problems: SessionHealthProblem[]) => [200, 'degraded', { status: 'degraded', problems }];

/** What the indicator of Terminus says, as it stands here. */
async function healthOf(store: SessionStore): Promise<unknown> {
  const { sessions } = await new SessionHealthIndicator(store, new HealthIndicatorService()).isHealthy();
  return sessions;
}

describe.each(redisVariants.filter(({ middleware }) => middleware === 'builtin'))('health, $name', (variant) => {
  const outages = useOutages(variant);
  const { harness } = outages;
  const openUnscripted = () => outages.openUnscripted(WITH_HEALTH);

  test('is up while sessions work, and needs none itself', async () => {
    const app = await openUnscripted();
    expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
    expect(await harness.client.keys('*')).toEqual([]);
  });

  test('is degraded while Redis throws keys away', async () => {
    const app = await openUnscripted();
    await harness.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      expect(await healthAt(app)).toEqual(degraded('evicting'));
    } finally {
      await harness.client.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });

  test.each([
    ['is out of memory', 'full'],
    ['is a replica now', 'replica'],
  ] as const)('is degraded while Redis %s', async (name, problem) => {
    const app = await openUnscripted();
    const outage = brownouts.find((one) => one.name === name)!;
    await outage.begin(harness.redis, outages.proxy);
    try {
      expect(await healthAt(app)).toEqual(degraded(problem));
      expect(await healthAt(app, `?down=${problem}`)).toMatchObject([503, 'error', { status: 'down', problems: [problem] }]);
      expect(await healthAt(app, '?down=unavailable')).toEqual(degraded(problem));
    } finally {
      await outage.end(harness.redis, outages.proxy);
    }
    expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
  });

  test.each(blackouts)('is degraded while Redis $name, and down where that is asked for, without an address', async (outage) => {
    const app = await openUnscripted();
    app.sessions.settings.failures.printTo(QUIET);
    await outages.begin(outage);
    const [status, overall, sessions] = await healthAt(app);
    expect([status, overall]).toEqual([200, 'degraded']);
    expect(sessions).toEqual({
      status: 'degraded',
      problems: ['unavailable'],
      reason: expect.stringMatching(/^(?:timeout|connection|outage|NOAUTH)$/),
    });
    const down = await healthAt(app, '?down=unavailable,evicting');
    expect(down).toMatchObject([503, 'error', { status: 'down', problems: ['unavailable'] }]);
    expect(JSON.stringify([sessions, down])).not.toMatch(/127\.0\.0\.1|\d{4,5}/);
  });

  test('finds nothing but that sessions work where the user of Redis may not ask more', async () => {
    await harness.client.call('ACL', 'SETUSER', 'shop', 'reset', 'on', '>secret', '~*', '+@all', '-info');
    const app = await harness.openUnscripted({ ...WITH_HEALTH, redis: { ...outages.address, username: 'shop', password: 'secret' } });
    app.sessions.settings.failures.printTo(QUIET);
    await harness.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
    } finally {
      await harness.client.config('SET', 'maxmemory-policy', 'noeviction');
      await harness.client.call('ACL', 'DELUSER', 'shop');
    }
  });
});

describe.each([
  ['connect-redis', { kind: 'connect-redis' }],
  ['a store that moves from connect-redis', { migrate: 'prepare' }],
] as const)('health with %s', (_, store) => {
  const { openUnscripted, harness } = useOutages(redisVariants[0]!);

  test('says the same of Redis', async () => {
    const app = await openUnscripted({ ...WITH_HEALTH, session: { name: 'connect.sid' }, store });
    expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
    await harness.client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      expect(await healthAt(app)).toEqual(degraded('evicting'));
    } finally {
      await harness.client.config('SET', 'maxmemory-policy', 'noeviction');
    }
  });
});

describe('health with other stores', () => {
  const apps: TestApp[] = [];
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  test('is up with sessions in memory', async () => {
    const app = await createApp({ ...WITH_HEALTH, store: { kind: 'memory' } });
    apps.push(app);
    expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
  });

  test('is what the store within says, with one that wraps it', async () => {
    const inner: SessionStore = Object.assign(new MemorySessionStore(), { inspect: () => Promise.resolve(['evicting'] as const) });
    const wrapped = wrapStore(inner, (_, run) => run());
    expect(await healthOf(wrapped)).toEqual({ status: 'degraded', problems: ['evicting'] });
  });

  test('says no more than that sessions can be read, or cannot, with one that says nothing of itself', async () => {
    const store = new MemorySessionStore();
    expect(await healthOf(store)).toEqual({ status: 'up' });
    const refuse = () => Promise.reject(new SessionStoreUnavailableError('store'));
    expect(await healthOf(Object.assign(store, { find: refuse }))).toEqual({
      status: 'degraded',
      problems: ['unavailable'],
      reason: 'store',
    });
    const fail = () => {
      throw new TypeError('a fault with a secret in it');
    };
    expect(await healthOf(Object.assign(store, { find: fail }))).toEqual({
      status: 'degraded',
      problems: ['unavailable'],
      reason: 'error',
    });
  });

  test.each(['find', 'inspect'])('waits for the deadline and no longer where %s() never answers', async (call) => {
    const store = new MemorySessionStore({ deadline: 20 });
    const stuck = Object.assign(store, { [call]: () => new Promise<never>(() => undefined) });
    expect(await healthOf(stuck)).toEqual({ status: 'degraded', problems: ['unavailable'], reason: 'timeout' });
  });

  test('refuses the name of a problem that there is not', async () => {
    const indicator = new SessionHealthIndicator(new MemorySessionStore(), new HealthIndicatorService());
    await expect(indicator.isHealthy('sessions', { down: ['unavailble' as never] })).rejects.toThrow(
      'isHealthy() needs names of problems in "down" (unavailable, replica, full, evicting), received "unavailble".',
    );
  });
});

describe('health on a Cluster', () => {
  let cluster: RedisCluster;
  let client: ReturnType<RedisCluster['client']>;
  beforeAll(async () => {
    cluster = await startCluster();
    client = cluster.client();
  });
  afterAll(() => cluster?.stop());

  test('looks at every master', async () => {
    const store = new RedisSessionStore(client, { deadline: 60_000 });
    expect(await healthOf(store)).toEqual({ status: 'up' });
    const [, , last] = cluster.nodes;
    await last!.client().config('SET', 'maxmemory-policy', 'volatile-ttl');
    expect(await healthOf(store)).toEqual({ status: 'degraded', problems: ['evicting'] });
    await last!.client().config('SET', 'maxmemory-policy', 'noeviction');
  });

  test('is degraded while one node does not answer, whichever node a look would fall on', async () => {
    const app = await createApp({ ...WITH_HEALTH, redis: { cluster: cluster.startupNodes, options: { redisOptions: PATIENT } } });
    try {
      app.sessions.settings.failures.printTo(QUIET);
      expect(await healthAt(app)).toEqual([200, 'ok', { status: 'up' }]);
      await cluster.nodes[1]!.kill();
      // The client drops the node that it cannot reach, looks for it again, and drops it again.
      for (let n = 0; n < 20; n++) {
        expect(await healthAt(app)).toEqual([
          200,
          'degraded',
          { status: 'degraded', problems: ['unavailable'], reason: expect.stringMatching(/^(?:timeout|connection|outage|CLUSTERDOWN)$/) },
        ]);
      }
    } finally {
      await app.close();
    }
  });
});
