import { afterAll, beforeAll } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';
import { describeSessionIndex } from './session-index.contract.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

let cluster: RedisCluster;
let redis: OpenRedis<OwnClient>;
let prefixes = 0;

beforeAll(async () => {
  cluster = await startCluster();
  redis = await openRedis({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } }, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await cluster.stop();
});

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in Redis, a cluster of three nodes', async (options) => ({
    store: new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, ...options }),
    check: () => assertEveryKeyEnds(cluster.nodes.map((node) => node.client())),
  }));
