import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisSessionStore, SessionManager } from '../../src/index.js';
import type { Terms } from '../../src/session/session-record.js';
import { generateSid } from '../../src/session/sid.js';
import { storedSid } from '../support/stored-sid.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { sessionsOf, type IndexedSessions } from '../support/sessions-of.js';

const TERMS: Terms = { idle: undefined, cookie: undefined, wholeCookie: {} };

describe('what is in Redis and is not as this package writes it', () => {
  let server: RedisServer;
  let client: Redis;
  let store: IndexedSessions;
  let logged: Error[];
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis(server.options);
  });
  beforeEach(() => {
    logged = [];
    store = sessionsOf(new RedisSessionStore(client, { deadline: 5_000, logErrors: (error) => void logged.push(error) }));
  });
  afterEach(() => server.client().flushall());
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  const keyOf = (sid: string) => store.settings.prefix + store.handleOf(sid as never);
  const reads = async () => (await server.commandCounts())['hgetall'] ?? 0;

  test.each([
    ['a string', (key: string) => client.set(key, 'x')],
    ['a list', (key: string) => client.rpush(key, 'x')],
    ['a hash', (key: string) => client.hset(key, 'a', 'b')],
  ])('in the place of the index of a user is replaced: %s', async (_, write) => {
    const sid = await storedSid(store);
    await write(`${store.settings.prefix}user:ada`);
    expect(await store.index.reserve('ada', store.handleOf(sid), { ms: 60_000 })).toEqual(expect.any(Number));
    expect(await client.type(`${store.settings.prefix}user:ada`)).toBe('zset');
    expect(await client.pttl(`${store.settings.prefix}user:ada`)).toBeGreaterThan(0);
    expect(await new SessionManager(store.store).count('ada')).toBe(0);
    expect(logged).toEqual([expect.objectContaining({ message: expect.stringContaining('index of a user') })]);
    expect(logged[0]?.message).not.toContain('ada');
  });

  test.each([
    ['fields', 100_000, 1],
    ['bytes', 7, 100_000],
  ])('a hash with far too many %s is no session, is told of, and is read once', async (_, fields, size) => {
    const sid = await storedSid(store);
    const entries = Array.from({ length: fields }, (_field, n) => [`entry${n}`, JSON.stringify('x'.repeat(size))]).flat();
    for (let from = 0; from < entries.length; from += 10_000) await client.hset(keyOf(sid), ...entries.slice(from, from + 10_000));
    await client.persist(keyOf(sid));
    const rejected: unknown[] = [];
    store.events.on('rejected', ({ handle, what }) => rejected.push([handle, what]));
    const before = await reads();
    for (let n = 0; n < 5; n++) expect(await store.load(sid)).toBeUndefined();
    expect(rejected).toEqual([[store.handleOf(sid), 'session']]);
    expect((await reads()) - before).toBe(1);
    // Only this one.
    expect(await store.load(await storedSid(store))).toBeDefined();
  });

  test('one that is just too large is still a session, and may shrink', async () => {
    const sid = await storedSid(store);
    await client.hset(keyOf(sid), ...Array.from({ length: 200 }, (_, n) => [`entry${n}`, '1']).flat());
    const record = (await store.load(sid))!;
    const removed = [...record.entries.keys()];
    expect((await store.save(sid, record, { set: new Map(), removed }, TERMS))?.entries.size).toBe(0);
  });

  test('a session from whose key the end was taken gets one with the next write', async () => {
    const sid = await storedSid(store);
    await client.persist(keyOf(sid));
    expect(await store.touch(sid, (await store.load(sid))!, TERMS)).toBeDefined();
    expect(await client.pttl(keyOf(sid))).toBeGreaterThan(0);
  });

  test('a session from whose key the end was taken ends all the same', async () => {
    let sid = await storedSid(store);
    let record = (await store.load(sid))!;
    // Again on a machine that stalled, where it has ended before.
    await until(async () => {
      sid = await storedSid(store);
      record = (await store.load(sid))!;
      await store.touch(sid, record, { ...TERMS, idle: 300 });
      return (await client.persist(keyOf(sid))) === 1;
    }, 'its end was taken');
    await until(async () => (await store.load(sid)) === undefined, 'it has ended');
    expect(await client.exists(keyOf(sid))).toBe(1);
    expect(await store.touch(sid, record, TERMS)).toBeUndefined();
    expect(await client.exists(keyOf(sid))).toBe(0);
  });

  test('a new session whose end Redis refuses to set is not there', async () => {
    await client.call('ACL', 'SETUSER', 'half', 'on', '>half', '~*', '+@all', '-pexpireat');
    const half = new Redis({ ...server.options, username: 'half', password: 'half' });
    const failing = sessionsOf(new RedisSessionStore(half, { logErrors: false }));
    const session = { entries: new Map([['cart', '"tea"']]), userId: undefined, terms: TERMS };
    const reason = await failing.create(generateSid(), session).catch((error: { reason: string }) => error.reason);
    half.disconnect();
    expect(reason).toBe('NOPERM');
    expect(await client.dbsize()).toBe(0);
  });
});
