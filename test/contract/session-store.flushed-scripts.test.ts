import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { RedisClient } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';
import { assertEveryKeyEnds, watchScripts } from '../support/watched-scripts.js';

let server: RedisServer;
let redis: Redis;
let flushed: RedisClient;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  flushed = watchScripts(redis, { before: (client) => void client.script('FLUSH') });
});

afterAll(() => server.stop());

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in Redis, whose script cache is lost before every call', async (options) => {
    return {
      store: new RedisSessionStore(flushed, { prefix: `test${++prefixes}:`, ...options }),
      check: () => assertEveryKeyEnds([redis]),
    };
  });

test('Redis knew no script of those calls, and was sent each as its text', async () => {
  const { evalsha, eval: byText } = await server.commandCounts();
  expect(evalsha).toBeGreaterThan(0);
  expect(byText).toBe(evalsha);
});
