import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { bothDoors } from '../support/doors.js';
import { answer, useSocketApps, type SocketApp } from '../support/socket-app.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

type End = (app: SocketApp, browser: Awaited<ReturnType<SocketApp['signedIn']>>) => Promise<unknown>;

const ENDS: readonly [string, string, End][] = [
  ['signed out', 'ended', (_app, browser) => browser.post('/logout')],
  ['signed in anew', 'ended', (_app, browser) => browser.post('/login/ada')],
  ['revoked', 'revoked', async (app, browser) => app.manager.revoke('ada', await handleOf(app, browser))],
  ['revoked with all others, for a reason', 'password-changed', (app) => app.manager.revokeAll('ada', 'password-changed')],
  ['evicted', 'evicted', (app) => app.browser().post('/login/ada')],
  ['ended by a reauthentication elsewhere', 'reauthenticated', (_app, browser) => browser.post('/reauthenticate')],
];

async function handleOf(app: SocketApp, browser: { sid(): Promise<string | undefined> }): Promise<string> {
  return app.sessions.handleOf((await browser.sid()) as never);
}

/** An application where each of these can happen. */
const OPTIONS = { maxSessionsPerUser: 1 };

function prepared(app: SocketApp): SocketApp {
  app.on('/reauthenticate', ({ session }) => session.reauthenticate());
  app.on('/rotate', ({ session }) => session.rotate());
  return app;
}

describe.each(bothDoors)('a socket over $name whose session ends in this process', (door) => {
  const open = useSocketApps(door);

  test.each(ENDS)('is closed at once when it is %s, and for good: %s', async (_, reason, end) => {
    const app = prepared(await open({ store: OPTIONS }));
    const browser = await app.signedIn();
    const clients = [await app.connect(browser), await app.connect(browser)];
    await end(app, browser);
    expect(await Promise.all(clients.map(({ ended }) => ended))).toEqual([reason, reason]);
    await until(() => app.sessions.watched.size === 0, 'nothing is watched any more');
  });

  test('stays open when another session ends, and through a rotation', async () => {
    const app = prepared(await open({ store: { rotationGrace: 0, recheckAfter: 0 } }));
    const [browser, other] = [await app.signedIn(), await app.signedIn('eve')];
    const client = await app.connect(browser);
    await other.post('/logout');
    await browser.post('/rotate');
    await browser.get('/whoami');
    expect(await client.ask('whoami')).toEqual(answer({ id: 'ada' }));
    expect(client.isOpen).toBe(true);
  });

  test('leaves nothing behind when its client closes it', async () => {
    const app = await open();
    const browser = await app.signedIn();
    const clients = await Promise.all(Array.from({ length: 5 }, () => app.connect(browser)));
    expect(app.sessions.watched.size).toBe(1);
    await Promise.all(clients.map((client) => client.close()));
    await until(() => app.sessions.watched.size === 0, 'nothing is watched any more');
  });
});

describe.each(bothDoors)('a socket over $name whose session ends in another process', (door) => {
  const open = useSocketApps(door);
  let redis: RedisServer;
  let proxy: ChaosProxy;
  beforeAll(async () => {
    redis = await startRedis();
    proxy = await startProxy(redis.port);
  });
  afterAll(async () => {
    await proxy.stop();
    await redis.stop();
  });

  test.each(ENDS)('is closed within recheckAfter without any message between the two, when it is %s: %s', async (_, reason, end) => {
    const store = { ...OPTIONS, prefix: `${reason}:${door.name}:`.replaceAll(' ', '-'), recheckAfter: 1 };
    const here = await open({ redis: redis.options, store });
    const there = prepared(await open({ redis: redis.options, store }));
    const browser = await here.signedIn();
    const client = await here.connect(browser);
    await end(there, browser.at(there.origin));
    expect(await client.ended).toBe(reason);
  });

  test('is closed at once when events are shared', async () => {
    const store = { prefix: 'shared:', recheckAfter: 3_600, events: 'cluster' } as const;
    const here = await open({ redis: redis.options, store });
    const there = await open({ redis: redis.options, store });
    const browser = await here.signedIn();
    const client = await here.connect(browser);
    const subscribers = async () => (await redis.client().pubsub('NUMSUB', 'shared:events'))[1];
    await until(async () => Number(await subscribers()) >= 2, 'both processes hear one another');
    await there.manager.revokeAll('ada');
    expect(await client.ended).toBe('revoked');
  });

  test('stays open while Redis cannot be reached, and is closed when it can again', async () => {
    const store = { prefix: 'outage:', recheckAfter: 1, logErrors: false } as const;
    const here = await open({ redis: { ...redis.options, port: proxy.port }, store });
    const there = await open({ redis: redis.options, store });
    const browser = await here.signedIn();
    const client = await here.connect(browser);
    let failed = 0;
    const reload = here.store.reload?.bind(here.store);
    const counting = async (...args: Parameters<NonNullable<typeof reload>>) => {
      const answer = reload?.(...args);
      answer?.catch(() => failed++);
      return answer;
    };
    Object.assign(here.store, { reload: counting });
    await proxy.cut();
    await there.manager.revokeAll('ada');
    await until(() => failed >= 3, 'it was looked at again and again');
    expect(client.isOpen).toBe(true);
    await proxy.heal();
    expect(await client.ended).toBe('revoked');
  });
});
