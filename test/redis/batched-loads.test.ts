import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisSessionStore } from '../../src/index.js';
import type { Terms, SessionRecord } from '../../src/session/session-record.js';
import type { Sid } from '../../src/session/sid.js';
import { commandsDuring } from '../support/command-recorder.js';
import { storedSid } from '../support/stored-sid.js';
import { startProxy, type ChaosProxy } from '../support/start-proxy.js';
import { until } from '../support/until.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

/** What a load of nothing says. */
const GONE = undefined;

describe('sessions that are loaded at the same time', () => {
  let server: RedisServer;
  let proxy: ChaosProxy;
  let client: Redis;
  let store: IndexedSessions;
  beforeAll(async () => {
    server = await startRedis();
    proxy = await startProxy(server.port);
    const patience = { retryStrategy: () => 50, maxRetriesPerRequest: 1, autoResendUnfulfilledCommands: false };
    client = new Redis({ host: '127.0.0.1', port: proxy.port, ...patience }).on('error', () => undefined);
    store = sessionsOf(new RedisSessionStore(client));
  });
  afterEach(async () => {
    await proxy.heal();
    await server.client().flushall();
  });
  afterAll(async () => {
    client.disconnect();
    await proxy.stop();
    await server.stop();
  });

  const visits = (record: SessionRecord | undefined) => record?.entries.get('visits');

  test('cost one command when they are one session, and one each when they are several', async () => {
    const [ada, grace] = [await storedSid(store, { visits: 1 }), await storedSid(store, { visits: 2 })];
    const absent = 'x'.repeat(54) as Sid;
    let loaded: (SessionRecord | undefined)[] = [];
    const commands = await commandsDuring(server, store, async () => {
      loaded = await Promise.all([ada, ada, grace, ada, absent, grace].map((sid) => store.load(sid)));
    });
    expect(commands).toEqual(['hgetall', 'hgetall', 'hgetall']);
    expect(loaded.map(visits)).toEqual(['1', '1', '2', '1', undefined, '2']);
  });

  test('cost one command in each turn of the event loop', async () => {
    const sid = await storedSid(store);
    const commands = await commandsDuring(server, store, async () => {
      for (let turn = 0; turn < 3; turn++) await Promise.all([store.load(sid), store.load(sid)]);
    });
    expect(commands).toEqual(['hgetall', 'hgetall', 'hgetall']);
  });

  test('are one write to the socket, with what is touched beside them', async () => {
    const sids = [await storedSid(store, { visits: 1 }), await storedSid(store), await storedSid(store)];
    const record = (await store.load(sids[0]!))!;
    const terms: Terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
    // Redis has not seen the script before.
    await store.touch(sids[0]!, record, terms);
    const socket = client.stream as Required<Pick<typeof client.stream, '_write' | '_writev'>>;
    const [alone, together] = [jest.spyOn(socket, '_write'), jest.spyOn(socket, '_writev')];
    try {
      await Promise.all([...sids.map((sid) => store.load(sid)), store.touch(sids[0]!, record, terms)]);
      expect(alone).not.toHaveBeenCalled();
      expect(together.mock.calls.map(([chunks]) => chunks.length)).toEqual([4]);
    } finally {
      alone.mockRestore();
      together.mockRestore();
    }
  });

  test('see what was written before them in the same turn, and not what was written after them', async () => {
    const sid = await storedSid(store, { visits: 1 });
    const record = (await store.load(sid))!;
    const terms: Terms = { idle: undefined, cookie: undefined, wholeCookie: {} };
    const write = (visits: string) => store.save(sid, record, { set: new Map([['visits', visits]]), removed: [] }, terms);
    // Redis has not seen the script before the first time, and is then sent its text in a later turn.
    await write('1');
    const [, after] = await Promise.all([write('2'), store.load(sid)]);
    const [before] = await Promise.all([store.load(sid), write('3')]);
    expect([visits(after), visits(before)]).toEqual(['2', '2']);
  });

  test('share no record', async () => {
    const sid = await storedSid(store, { visits: 1 });
    const [one, two] = await Promise.all([store.load(sid), store.load(sid)]);
    (one!.entries as Map<string, string>).set('visits', '9');
    expect(visits(two)).toBe('1');
    expect(one).not.toBe(two);
  });

  test('are each told by their own secret', async () => {
    const sid = await storedSid(store, { visits: 1 });
    const guessed = (sid.slice(0, 22) + 'x'.repeat(32)) as Sid;
    const [guess, real] = await Promise.all([store.load(guessed), store.load(sid)]);
    expect(guess).toBe(GONE);
    expect(visits(real)).toBe('1');
  });

  test('never join one that is on the wire: its answer may be older than a revocation', async () => {
    const sid = await storedSid(store, { visits: 1 });
    const recorder = await server.monitor();
    const arrived = async (count: number) => (await recorder.commands()).filter(({ name }) => name === 'hgetall').length === count;
    proxy.stallAnswers();
    const before = store.load(sid);
    await until(() => arrived(1), 'the first load has reached Redis');
    await server.client().del(store.settings.prefix + store.handleOf(sid));
    const after = store.load(sid);
    await until(() => arrived(2), 'the second load has reached Redis');
    await proxy.heal();
    expect([visits(await before), await after]).toEqual(['1', GONE]);
    await recorder.stop();
  });

  test('are told of an outage together, and the next ones of its end', async () => {
    const sid = await storedSid(store, { visits: 1 });
    proxy.stall();
    const loads = [store.load(sid), store.load(sid)];
    await proxy.cut();
    const outcomes = await Promise.allSettled(loads);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.code)).toEqual(Array(2).fill('SESSION_STORE_UNAVAILABLE'));
    await proxy.heal();
    expect(visits(await store.load(sid))).toBe('1');
  });

  test('fail one by one where only one of them is not a session', async () => {
    const [sid, other] = [await storedSid(store, { visits: 1 }), 'y'.repeat(54) as Sid];
    await server.client().set(store.settings.prefix + store.handleOf(other), 'a string');
    const [loaded, rejected] = await Promise.all([store.load(sid), store.load(other)]);
    expect([visits(loaded), rejected]).toEqual(['1', GONE]);
  });

  test.each([
    ['pairs', (reply: unknown) => Object.entries(reply as object)],
    ['a Map', (reply: unknown) => new Map(Object.entries(reply as object))],
  ])('are not taken for ended where the application has ioredis give hashes as %s', async (_, transform) => {
    const sid = await storedSid(store, { visits: 1 });
    // A copy of its own, since this holds for all clients of one.
    jest.resetModules();
    const { Redis: Other, Command } = await import('ioredis');
    Command.setReplyTransformer('hgetall', (reply: unknown) => transform(Array.isArray(reply) ? pairsOf(reply) : reply));
    const other = new Other(server.options);
    const outcome = sessionsOf(new RedisSessionStore(other, { logErrors: false })).load(sid);
    await expect(outcome).rejects.toMatchObject({ reason: 'reply' });
    other.disconnect();
  });
});

function pairsOf(reply: readonly unknown[]): object {
  return Object.fromEntries(reply.flatMap((field, index) => (index % 2 === 0 ? [[field, reply[index + 1]]] : [])));
}
