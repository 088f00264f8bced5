import { afterAll, beforeAll, expect } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds, watchTtls } from '../support/watched-scripts.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';

let server: RedisServer;
let redis: OpenRedis<OwnClient>;
let watched: ReturnType<typeof watchTtls>;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis({ ...server.options, ...PATIENT }, () => undefined);
  watched = watchTtls(redis.client);
});

afterAll(async () => {
  await redis.close(1_000);
  await server.stop();
});

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex])
  describeStore('in Redis, one node', async (options) => {
    const { client, problems } = watched;
    const check = async () => {
      await assertEveryKeyEnds([server.client()]);
      expect(problems).toEqual([]);
    };
    return { store: new RedisSessionStore(client, { prefix: `test${++prefixes}:`, ...options }), check };
  });
