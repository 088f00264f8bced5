import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { PATIENT } from '../support/connections.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { confirmed, deltaOf, found, TERMS, newSession, rotated } from '../contract/session-store.contract.js';
import { sessionsOf } from '../support/sessions-of.js';

let cluster: RedisCluster;
let redis: OpenRedis<OwnClient>;

beforeAll(async () => {
  cluster = await startCluster();
  redis = await openRedis({ cluster: cluster.startupNodes, options: { redisOptions: PATIENT } }, () => undefined);
});

afterAll(async () => {
  await redis.close(1_000);
  await cluster.stop();
});

describe('RedisSessionStore on a cluster', () => {
  it('spreads sessions over the nodes', async () => {
    const store = sessionsOf(new RedisSessionStore(redis.client, { prefix: 'spread:' }));
    await Promise.all(Array.from({ length: 60 }, () => newSession(store)));
    const keys = await Promise.all(cluster.nodes.map((node) => node.client().keys('spread:*')));
    expect(keys.flat()).toHaveLength(60);
    for (const ofNode of keys) expect(ofNode.length).toBeGreaterThan(5);
  });

  it('runs every script on every node after its scripts were lost', async () => {
    const store = sessionsOf(new RedisSessionStore(redis.client, { prefix: 'flushed:' }));
    const lose = () => Promise.all(cluster.nodes.map((node) => node.client().script('FLUSH')));
    await lose();
    const sids = await Promise.all(Array.from({ length: 30 }, () => newSession(store, { n: 1 })));
    await lose();
    await Promise.all(sids.map(async (sid) => store.save(sid, await found(store, sid), deltaOf({ n: 2 }), TERMS)));
    await lose();
    const next = await Promise.all(sids.map((sid) => rotated(store, sid)));
    await lose();
    await Promise.all(next.map((sid) => confirmed(store, sid)));
    const records = await Promise.all(next.map((sid) => found(store, sid)));
    expect(records.map(({ entries }) => entries.get('n'))).toEqual(next.map(() => '2'));
  });

  it('learns the time from any node', async () => {
    const store = sessionsOf(new RedisSessionStore(redis.client, { prefix: 'time:' }));
    const sid = await newSession(store);
    await confirmed(store, await rotated(store, sid));
    const fresh = sessionsOf(new RedisSessionStore(redis.client, { prefix: 'time:' }));
    expect(await fresh.load(sid)).toMatchObject({ secret: 'previous' });
  });
});
