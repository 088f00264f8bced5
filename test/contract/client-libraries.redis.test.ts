import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { storeContract } from '../../src/session/store/store-contract.js';
import type { StoreOptions } from '../../src/session/store/store-options.js';
import { LIBRARIES, PROTOCOLS, type AppClient, type Connect } from '../support/client-libraries.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';
import { describeSessionIndex } from './session-index.contract.js';
import { describeSessionManager } from './session-manager.contract.js';
import { describeSessionStore } from './session-store.contract.js';
import { describeOwnedSessions } from './session-store.users.contract.js';

let server: RedisServer;
let app: AppClient;
let prefixes = 0;

/** A server of its own, since what is left of one run is looked through after each test of the next. */
function withClient(connect: Connect): void {
  beforeAll(async () => {
    server = await startRedis();
    app = await connect(server);
  });
  afterAll(async () => {
    app.end();
    await server.stop();
  });
}

const open = (options: StoreOptions = {}) => ({
  store: new RedisSessionStore(app.client, { prefix: `test${++prefixes}:`, deadline: 20_000, ...options }),
  check: () => assertEveryKeyEnds([server.client()]),
});

/** The client that this package makes itself has contract suites of its own. */
const OTHERS = LIBRARIES.filter(([name]) => name !== 'ioredis 6');

describe.each([...OTHERS, ...PROTOCOLS])('the contract of a store, with a client of %s', (_name, connect) => {
  withClient(connect);

  test.each(storeContract.map(({ name, run }) => [name, run] as const))('%s', (_sentence, run) => run(open({ revokeBefore: true }).store));
});

describe.each(OTHERS)('with a client of %s', (name, connect) => {
  withClient(connect);

  for (const describeSuite of [describeSessionStore, describeOwnedSessions, describeSessionIndex, describeSessionManager])
    describeSuite(`in Redis, ${name}`, async (options) => open(options));
});
