import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocketGateway } from '@nestjs/websockets';
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

/** In seconds. Longer than any test takes. */
const HOURS = 3 * 3_600;

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
    const app = prepared(await open({ store: { ...OPTIONS, recheckAfter: HOURS } }));
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
    const store = { ...OPTIONS, prefix: prefixOf(reason), recheckAfter: 1 };
    const here = await open({ redis: redis.options, store });
    const there = prepared(await open({ redis: redis.options, store }));
    const browser = await here.signedIn();
    const client = await here.connect(browser);
    await end(there, browser.at(there.origin));
    expect(await client.ended).toBe(reason);
  });

  test('is closed at once when events are shared', async () => {
    const store = { prefix: 'shared:', recheckAfter: HOURS, events: 'cluster' } as const;
    const here = await open({ redis: redis.options, store });
    const there = await open({ redis: redis.options, store });
    const browser = await here.signedIn();
    const client = await here.connect(browser);
    const subscribers = async () => (await redis.client().pubsub('NUMSUB', 'shared:events'))[1];
    await until(async () => Number(await subscribers()) >= 2, 'both processes hear one another');
    await there.manager.revokeAll('ada');
    expect(await client.ended).toBe('revoked');
  });

  test('stays open while Redis cannot be reached, with the outage for an answer, and is closed when it can again if its session has ended', async () => {
    const store = { prefix: prefixOf('outage'), recheckAfter: 1, logErrors: false } as const;
    const here = await open({ redis: { ...redis.options, port: proxy.port }, store });
    const there = await open({ redis: redis.options, store });
    const [ended, goingOn] = [await here.connect(await here.signedIn()), await here.connect(await here.signedIn('eve'))];
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
    await until(() => failed >= 6, 'both were looked at again and again');
    const outage = { event: 'exception', data: expect.objectContaining({ status: 503, code: 'SESSION_STORE_UNAVAILABLE' }) };
    for (const client of [ended, goingOn]) {
      // What was found just before the outage is known for as long as recheckAfter says.
      await until(async () => (await client.ask('whoami')).event === 'exception', 'messages are refused');
      expect(await client.ask('whoami')).toEqual(outage);
      expect(client.isOpen).toBe(true);
    }
    await proxy.heal();
    expect(await ended.ended).toBe('revoked');
    const eve = answer({ id: 'eve' });
    await until(async () => isDeepStrictEqual(await goingOn.ask('whoami'), eve), 'messages are handled again');
    expect(goingOn.isOpen).toBe(true);
  });

  test('shows within recheckAfter what updateIdentity has written in another process, without any message', async () => {
    const sockets: object[] = [];

    @WebSocketGateway(door.at('seen'))
    class Seen {
      handleConnection(client: object) {
        sockets.push(client);
      }
    }
    const store = { prefix: prefixOf('identity'), recheckAfter: 1 };
    const here = await open({ redis: redis.options, store, providers: [Seen] });
    const there = await open({ redis: redis.options, store });
    const client = await here.connect(await here.signedIn(), { at: 'seen' });
    await until(() => sockets.length === 1, 'the gateway has its socket');
    const [socket = {}] = sockets;
    expect(here.sockets.identityOf(socket)).toEqual({ id: 'ada' });
    await there.manager.updateIdentity('ada', { roles: ['admin'] });
    await until(() => isDeepStrictEqual(here.sockets.identityOf(socket), { id: 'ada', roles: ['admin'] }), 'the socket shows the roles');
    expect(client.isOpen).toBe(true);
  });

  /** In which no other test keeps sessions. */
  function prefixOf(subject: string): string {
    return `${subject}:${door.name}:`.replaceAll(' ', '-');
  }
});
