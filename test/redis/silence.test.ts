import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { RedisSessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { answerWithin } from '../../src/session/deadline.js';
import { slotOf } from '../../src/redis/client/key-slot.js';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { resolveOptions } from '../../src/redis-session.options.js';
import { openStore } from '../../src/redis-session.stores.js';
import { Connections } from '../support/connections.js';
import { TEST_SECRET } from '../support/create-app.js';
import { startCluster, type RedisCluster } from '../support/start-cluster.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { storedSid } from '../support/stored-sid.js';
import { until } from '../support/until.js';
import { Sessions } from '../../src/session/sessions.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

/** In ms. Calls that nobody answers are waited for so long. */
const COMMAND_TIMEOUT = 300;
const NOBODY = 'x'.repeat(54) as Sid;

const connections = new Connections();

/** What becomes of some calls, one after the other: `answered`, or the reason of the error. */
async function outcomes(calls: number, call: () => Promise<unknown>): Promise<string[]> {
  const all: string[] = [];
  for (let n = 0; n < calls; n++)
    all.push(
      await call().then(
        () => 'answered',
        (error: { readonly reason: string }) => error.reason,
      ),
    );
  return all;
}

/** Calls until one fails at once. Those before waited in vain: two, and on a machine that stalls one more, whose own wait ended before that of the node. */
async function untilOutage(call: () => Promise<unknown>): Promise<void> {
  const all = await outcomes(2, call);
  while (all.at(-1) === 'timeout' && all.length < 5) all.push(...(await outcomes(1, call)));
  expect(all).toEqual([...all.slice(0, -1).map(() => 'timeout'), 'outage']);
  expect(all.length).toBeGreaterThanOrEqual(3);
}

const answered = (store: IndexedSessions, sid = NOBODY) =>
  until(async () => (await outcomes(1, () => store.load(sid)))[0] === 'answered', 'Redis answers again');

/** Ways to have a client. The one of an application waits for an answer for ever. */
const clients: readonly [string, (port: number) => Promise<OwnClient>][] = [
  ['a client of ours', (port) => connections.ready({ host: '127.0.0.1', port, commandTimeout: COMMAND_TIMEOUT, socketTimeout: 600_000 })],
  ['a client of the application', (port) => application(Redis, port)],
  // Of its types, those that are used here are the same.
  ['a client of ioredis 5', (port) => application(Redis5 as unknown as typeof Redis, port)],
];
async function application(Client: typeof Redis, port: number): Promise<Redis> {
  const client = new Client({ host: '127.0.0.1', port }).on('error', () => undefined);
  own.push(client);
  await client.ping();
  return client;
}

const own: Redis[] = [];
afterEach(() => {
  for (const client of own.splice(0)) client.disconnect();
});

describe.each(clients)('when Redis stops answering, with %s,', (_, connect) => {
  let server: RedisServer;
  let proxy: ChaosProxy;
  let store: IndexedSessions;
  let client: OwnClient;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    proxy = await startProxy(server.port);
    client = await connect(proxy.port);
    store = sessionsOf(new RedisSessionStore(client, { deadline: COMMAND_TIMEOUT, logErrors: false }));
  });
  afterEach(async () => {
    server.resume();
    await proxy.stop();
  });
  afterAll(() => server.stop());

  const load = () => store.load(NOBODY);
  const connectionsNow = async () =>
    String(await server.client().client('LIST'))
      .trim()
      .split('\n').length;

  test('only the first two calls wait, and the next one that Redis could answer is answered', async () => {
    server.pause();
    await untilOutage(waited);
    expect(await outcomes(3, load)).toEqual(Array(3).fill('outage'));
    server.resume();
    await answered(store);
  });

  /** A client may wait for ever: it is waited for as long as `store.deadline`, as a request does. */
  const waited = () => answerWithin(COMMAND_TIMEOUT + 100, load());

  test('with the layout of connect-redis too', async () => {
    const options = resolveOptions(
      { redis: client, session: { secret: TEST_SECRET }, store: { kind: 'connect-redis', deadline: COMMAND_TIMEOUT, logErrors: false } },
      false,
    );
    const theirLayout = Sessions.of(await openStore(options, { client }, console));
    const loadThere = () => answerWithin(COMMAND_TIMEOUT + 100, theirLayout.load(NOBODY));
    await until(async () => (await outcomes(1, loadThere))[0] === 'answered', 'Redis answers');
    server.pause();
    await untilOutage(loadThere);
    expect(await outcomes(1, loadThere)).toEqual(['outage']);
    server.resume();
    await until(async () => (await outcomes(1, loadThere))[0] === 'answered', 'Redis answers again');
  });

  test('what was sent before in vain is answered late, or not at all; what fails at once is never sent', async () => {
    const calm = sessionsOf(new RedisSessionStore(server.client()));
    const sid = await storedSid(calm, { visits: 1 });
    const record = (await calm.load(sid))!;
    server.pause();
    await untilOutage(waited);
    expect(await outcomes(5, () => store.increment(record, 'visits', 1))).toEqual(Array(5).fill('outage'));
    server.resume();
    await answered(store, sid);
    expect((await calm.load(sid))?.entries.get('visits')).toBe('1');
  });

  test('an answer between two timeouts is no outage', async () => {
    server.pause();
    expect(await outcomes(1, waited)).toEqual(['timeout']);
    server.resume();
    await answered(store);
    server.pause();
    await untilOutage(waited);
  });

  test('it is found again when its old connection is dead, and no connection is left over', async () => {
    const before = await connectionsNow();
    proxy.stallAnswers();
    await untilOutage(waited);
    await answered(store);
    // The proxy keeps the dead one open.
    await until(async () => (await connectionsNow()) <= before + 1, 'the probe has closed its connections');
  });

  test('nothing of a probe is left over when the client is closed meanwhile', async () => {
    proxy.stall();
    await untilOutage(waited);
    const { accepted } = proxy;
    await until(() => proxy.accepted > accepted, 'the probe has made a connection');
    client.disconnect();
    await until(() => client.status === 'end', 'the client has ended');
    await proxy.heal();
    await until(async () => (await connectionsNow()) === 1, 'only the connection of the test is left');
    const after = proxy.accepted;
    expect(await outcomes(2, load)).toEqual(['connection', 'connection']);
    expect(proxy.accepted).toBe(after);
  });
});

describe('when a node of a Cluster stops answering,', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster({ config: { 'cluster-require-full-coverage': 'no', 'cluster-node-timeout': '60000' } });
  });
  afterAll(() => cluster.stop());

  test('calls for its keys fail at once, and those for the others go on', async () => {
    const client = await connections.ready({
      cluster: cluster.startupNodes,
      options: { redisOptions: { commandTimeout: COMMAND_TIMEOUT, socketTimeout: 600_000 } },
    });
    const store = sessionsOf(new RedisSessionStore(client, { deadline: COMMAND_TIMEOUT, logErrors: false }));
    const sidOn = (node: number) => {
      for (let n = 0; ; n++) {
        const sid = String(n).padEnd(54, 'x') as Sid;
        const slot = slotOf(store.settings.prefix + store.handleOf(sid));
        if (Math.floor((slot * 3) / 16_384) === node) return sid;
      }
    };
    const [there, elsewhere] = [sidOn(0), sidOn(2)];
    await answered(store, there);

    cluster.nodes[0]!.pause();
    await untilOutage(() => store.load(there));
    expect(await outcomes(1, () => store.load(there))).toEqual(['outage']);
    // A single wait in vain, on a machine that stalls, is no outage.
    await answered(store, elsewhere);
    cluster.nodes[0]!.resume();
    await answered(store, there);
  });

  test('a key lies in the slot that Redis says', async () => {
    const keys = ['', 'a', 'sess:abc', 'x{user}y', '{}a', '{}{a}', 'a{b', '{a}}b', 'ä€😀', 'x'.repeat(300)];
    const client = cluster.nodes[1]!.client();
    expect(keys.map(slotOf)).toEqual(await Promise.all(keys.map((key) => client.cluster('KEYSLOT', key))));
  });
});
