import { afterAll, beforeAll } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { describeSessionManager } from './session-manager.contract.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

let cluster: RedisCluster;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  cluster = await startCluster();
  // Fifty sign-ins at once are a lot for a busy machine.
  redis = await openRedis({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } }, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await cluster.stop();
});

describeSessionManager('in Redis, a cluster of three nodes', async (options) => ({
  store: new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, deadline: 20_000, ...options }),
  check: () => assertEveryKeyEnds(cluster.nodes.map((node) => node.client())),
}));
