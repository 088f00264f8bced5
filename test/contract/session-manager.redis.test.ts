import { afterAll, beforeAll } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds, watchTtls } from '../support/watched-scripts.js';
import { describeSessionManager } from './session-manager.contract.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let watched: ReturnType<typeof watchTtls>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  // Fifty sign-ins at once are a lot for a busy machine.
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
  watched = watchTtls(redis.client);
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

describeSessionManager('in Redis', async (options) => {
  const { client, problems } = watched;
  const check = async () => {
    await assertEveryKeyEnds([server.client()]);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  };
  return { store: new RedisSessionStore(client, { prefix: `test${++prefixes}:`, deadline: 20_000, ...options }), check };
});
