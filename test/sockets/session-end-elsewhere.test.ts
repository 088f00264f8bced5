import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Barrier } from '../support/barrier.js';
import { bothDoors, type Client } from '../support/doors.js';
import { startEndingProcess, type EndingProcess } from '../support/start-ending-process.js';
import { useSocketApps, type SocketApp } from '../support/socket-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

const PREFIX = 'shop:';
const CHANNEL = `${PREFIX}events`;
const USER = 'application';
const PASSWORD = 'password';
/** In ms. What "store.recheckAfter" is by itself. */
const BOUND = 15_000;
/** In ms. Part of the bound that is left for the answer of Redis, and for a timer that is late. */
const ROOM = 1_000;

/** In seconds. Longer than any test takes. */
const HOURS = 3 * 3_600;

/** What goes on while the clocks and timers of the looks stand still: sockets and Redis are real. */
const GOING_ON = [
  'Date',
  'hrtime',
  'nextTick',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
] as const;

describe.each(bothDoors)('a socket over $name of a session that another process of the system ends, both sharing their events', (door) => {
  const open = useSocketApps(door);
  let redis: RedisServer;
  let there: EndingProcess;
  beforeEach(async () => {
    redis = await startRedis();
    await redis.client().acl('SETUSER', USER, 'on', `>${PASSWORD}`, 'allkeys', 'allcommands', 'allchannels');
    there = await startEndingProcess(`redis://${USER}:${PASSWORD}@127.0.0.1:${redis.port}`, PREFIX);
  });
  afterEach(async () => {
    jest.useRealTimers();
    await there.stop();
    await redis.stop();
  });

  test('is closed at once', async () => {
    const here = await sharing(HOURS);
    const client = await here.connect(await here.signedIn());
    expect(await there.revokeAll('ada')).toBe(1);
    expect(await client.ended).toBe('revoked');
  });

  test('is closed within recheckAfter when pub/sub does not work', async () => {
    const here = await sharing(BOUND / 1_000);
    await redis.client().acl('SETUSER', USER, 'resetchannels');
    await until(async () => (await subscribers()) === 0, 'nobody hears the other');
    const client = await lookedAtOnce(here);
    expect(await there.revokeAll('ada')).toBe(1);
    expect(await client.ask('public')).toEqual({ event: 'answer', data: { id: 'ada' } });
    jest.advanceTimersByTime(BOUND - ROOM);
    expect(await client.ended).toBe('revoked');
  });

  /** This process, once it and the other one hear each other. */
  async function sharing(recheckAfter: number): Promise<SocketApp> {
    const app = await open({
      redis: { ...redis.options, username: USER, password: PASSWORD },
      store: { prefix: PREFIX, events: 'cluster', recheckAfter },
    });
    await until(async () => (await subscribers()) === 2, 'both hear one another');
    return app;
  }

  /** An open socket whose session was looked at when it was opened. From now on time passes only when a test says so. */
  async function lookedAtOnce(here: SocketApp): Promise<Client> {
    const browser = await here.signedIn();
    jest.useFakeTimers({ doNotFake: [...GOING_ON] });
    const first = new Barrier(1);
    const reload = here.store.reload?.bind(here.store);
    Object.assign(here.store, {
      reload: (...args: Parameters<NonNullable<typeof reload>>) => {
        const answer = reload?.(...args);
        void answer?.finally(() => void first.pass());
        return answer;
      },
    });
    const client = await here.connect(browser);
    jest.advanceTimersByTime(1);
    await first.full;
    return client;
  }

  const subscribers = async () => Number((await redis.client().pubsub('NUMSUB', CHANNEL))[1]);
});
