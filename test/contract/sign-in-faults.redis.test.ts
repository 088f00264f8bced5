import { afterAll, beforeAll } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { describeSignInFaults } from './sign-in-faults.contract.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

describeSignInFaults('in Redis', async (options) => ({
  store: new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, ...options }),
}));
