import { afterAll, beforeAll } from '@jest/globals';
import { openRedis, type OpenRedis } from '../../src/redis/redis-client.js';
import { RedisSessionStore } from '../../src/redis/redis-session-store.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { describeSessionManager } from './session-manager.contract.js';
import { assertEveryKeyEnds, watched } from './session-store.watch.js';

let server: RedisServer;
let redis: OpenRedis;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = openRedis(server.url, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

describeSessionManager('in Redis', async (options) => {
  const { client, problems } = watched(redis.client);
  const check = async () => {
    await assertEveryKeyEnds([server.client()]);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  };
  return { store: new RedisSessionStore(client, { prefix: `test${++prefixes}:`, ...options }), check };
});
