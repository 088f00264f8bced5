import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import { toStoreError } from '../../src/redis/client/redis-errors.js';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import type { Sid } from '../../src/session/sid.js';
import { LIBRARIES, type AppClient } from '../support/client-libraries.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { startRefusingServer, type RefusingServer } from '../support/refusing-server.js';

const NOBODY = '0'.repeat(54) as Sid;
const PATIENT = { deadline: 20_000, logErrors: false };

// The texts are those of Redis 7.0.
const REFUSALS = [
  ['LOADING', 'LOADING Redis is loading the dataset in memory'],
  ['BUSY', 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'],
  ['MASTERDOWN', "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."],
  ['READONLY', "READONLY You can't write against a read only replica."],
  ['CLUSTERDOWN', 'CLUSTERDOWN The cluster is down'],
  ['TRYAGAIN', 'TRYAGAIN Multiple keys request during rehashing of slot'],
  ['MOVED', 'MOVED 3999 127.0.0.1:6381'],
  ['ASK', 'ASK 3999 127.0.0.1:6381'],
  ['CROSSSLOT', "CROSSSLOT Keys in request don't hash to the same slot"],
  ['MISCONF', 'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.'],
  ['NOAUTH', 'NOAUTH Authentication required.'],
  ['WRONGPASS', 'WRONGPASS invalid username-password pair or user is disabled.'],
  ['NOPERM', "NOPERM this user has no permissions to access one of the keys used as arguments, e.g. 'sess:the-secret-key'"],
  ['ERR', "ERR unknown command 'HGETALL', with args beginning with: 'sess:the-secret-key'"],
] as const;

describe.each(LIBRARIES)('what Redis refuses has the same reason, with a client of %s', (_name, connect) => {
  let server: RefusingServer;
  let app: AppClient;
  beforeAll(async () => {
    server = await startRefusingServer();
    app = await connect(server);
  });
  afterAll(async () => {
    app.end();
    await server.stop();
  });

  test.each(REFUSALS)('%s', async (reason, text) => {
    server.refuseWith(text);
    const store = new RedisSessionStore(app.client, PATIENT);
    const refused = await store.find(NOBODY).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'SessionStoreUnavailableError', reason });
    expect(String(refused)).not.toMatch(/secret|127\.0\.0\.1/);
  });
});

const VERSIONS = [
  ['node-redis 5', (url: string) => redis5.createClient({ url, disableOfflineQueue: true })],
  ['node-redis 6', (url: string) => redis6.createClient({ url, disableOfflineQueue: true })],
] as const;

describe.each(VERSIONS)('what %s itself refuses', (_name, make) => {
  let server: RedisServer;
  const ends: (() => void)[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(() => server.resume());
  afterEach(() => {
    server.resume();
    for (const end of ends.splice(0)) end();
  });
  afterAll(() => server.stop());

  async function connected() {
    const client = make(server.url);
    client.on('error', () => undefined);
    await client.connect();
    ends.push(() => client.isOpen && client.destroy());
    return client;
  }

  const reasonOf = (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      (error: unknown) => toStoreError(error).reason,
    );

  test('a command that was under way when the client was closed, and one after that, as a connection', async () => {
    const client = await connected();
    const store = new RedisSessionStore(client, PATIENT);
    server.pause();
    const underWay = reasonOf(store.find(NOBODY));
    // It is sent with all others of this turn.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    client.destroy();
    expect(await underWay).toBe('connection');
    expect(await reasonOf(store.find(NOBODY))).toBe('connection');
  });

  test('a command before the client was connected, and one that was aborted, as a connection', async () => {
    const client = make(server.url);
    expect(await reasonOf(client.sendCommand(['PING']))).toBe('connection');
    const aborted = (await connected()).sendCommand(['PING'], { abortSignal: AbortSignal.abort() });
    expect(await reasonOf(aborted)).toBe('connection');
  });
});

test.each(LIBRARIES.filter(([name]) => name.startsWith('node-redis')))(
  'a client of %s that Redis refuses to connect again says why',
  async (_name, connect) => {
    const server = await startRedis();
    const app = await connect(server);
    const store = new RedisSessionStore(app.client, PATIENT);
    await server.client().config('SET', 'requirepass', 'not-what-it-has');
    await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    let reason = '';
    while (reason !== 'NOAUTH')
      reason = await store.find(NOBODY).then(
        () => 'answered',
        (error: unknown) => toStoreError(error).reason,
      );
    expect(reason).toBe('NOAUTH');
    app.end();
    await server.stop();
  },
);
