import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../src/index.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

const HOUR = 3_600_000;

describe("Redis' time, in a process whose machine was suspended for an hour since it learnt it,", () => {
  let server: RedisServer;
  let client: Redis;
  let store: IndexedSessions;
  const { now } = performance;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.options);
  });
  beforeEach(() => {
    store = sessionsOf(new RedisSessionStore(client));
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  /** What is done before the machine is suspended: seen from after that, the monotonic clock was ahead of the one on the wall by an hour. */
  async function before<T>(what: () => Promise<T>): Promise<T> {
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now.call(performance) + HOUR);
    const result = await what();
    clock.mockRestore();
    return result;
  }
  const redisTime = async () => Number((await server.client().time())[0]) * 1_000;

  test('is asked for again, so that no sign-in looks fresher than it is, and no grace lasts longer', async () => {
    await before(() => store.now());
    expect(Math.abs((await store.now()) - (await redisTime()))).toBeLessThan(60_000);
  });
});
