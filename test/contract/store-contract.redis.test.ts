import { afterAll, beforeAll, describe, test } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis } from '../../src/redis/client/redis-client.js';
import { MigratingSessionStore } from '../../src/redis/migration/migrating-session-store.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { storeContract } from '../../src/session/store/store-contract.js';
import { PATIENT } from '../support/connections.js';
import { countingStore } from '../support/counting-store.js';
import { delayingStore } from '../support/delaying-store.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';

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

const inRedis = () => new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, revokeBefore: true, deadline: 20_000 });

const converting = () =>
  new MigratingSessionStore(redis.client, { prefix: `test${++prefixes}:`, revokeBefore: true, deadline: 20_000, migrate: 'convert' });

const STORES: [string, () => SessionStore][] = [
  ['in Redis', inRedis],
  ['in Redis, counted', () => countingStore(inRedis()).store],
  ['in Redis, delayed', () => delayingStore(inRedis())],
  ['in Redis, converting', converting],
];

describe.each(STORES)('the contract of a store: %s', (store, open) => {
  afterAll(() => assertEveryKeyEnds([server.client()]));

  // While sessions are moved in from connect-redis, none are made from credentials.
  const cases = storeContract.filter(({ needs }) => needs !== 'findAdopted' || store !== 'in Redis, converting');
  test.each(cases.map(({ name, run }) => [name, run] as const))('%s', (_name, run) => run(open()));
});

for (const describeStore of [describeSessionStore, describeOwnedSessions, describeSessionIndex]) {
  describeStore('in Redis, counted', async (options) => ({
    store: countingStore(new RedisSessionStore(redis.client, { prefix: `test${++prefixes}:`, ...options })).store,
    check: () => assertEveryKeyEnds([server.client()]),
  }));
}
