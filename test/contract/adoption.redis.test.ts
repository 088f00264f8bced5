import { afterAll, beforeAll } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';
import { describeAdoption } from './adoption.contract.js';

const FIVE_MINUTES = 300_000;

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
});

afterAll(async () => {
  await assertEveryKeyEnds([server.client()]);
  await redis.close(1_000);
  await server.stop();
});

describeAdoption('in Redis', async (options) => {
  const prefix = `test${++prefixes}:`;
  // Nobody can move the clock of Redis: what has no more than five minutes left goes at once.
  const later = async () => {
    const client = server.client();
    for (const key of await client.keys(`${prefix}*`)) if ((await client.pttl(key)) <= FIVE_MINUTES) await client.del(key);
  };
  return { store: new RedisSessionStore(redis.client, { prefix, ...options }), later };
});
