import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import type { IndexedAt, SessionIndex } from '../../src/session/store/session-index.js';
import { generateSid, handleOf, type Handle } from '../../src/session/sid.js';
import { KeysWithoutTtl } from '../support/keys-without-ttl.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { newSession } from '../contract/session-store.contract.js';
import { sessionsOf } from '../support/sessions-of.js';

const LONG = 60_000;

let server: RedisServer;
let redis: Redis;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});

afterAll(() => server.stop());

async function start() {
  const store = sessionsOf(new RedisSessionStore(redis, { prefix: `test${++prefixes}:` }));
  const key = `${store.settings.prefix}user:ada`;
  return { store, index: store.index, key, now: Math.ceil(await store.now()), ends: () => redis.pexpiretime(key) };
}

describe('RedisSessionIndex', () => {
  it('is one sorted set that ends with the session that can live longest', async () => {
    const { index, key, now, ends } = await start();
    const [first, second, third] = [newHandle(), newHandle(), newHandle()];
    const indexedAt = Number(await index.reserve('ada', first, { ms: LONG }));
    const [, reserved] = await redis.zrange(key, 0, '0', 'WITHSCORES');
    expect(Number(reserved) % 1).toBe(0.5);
    expect(await ends()).toBe(Math.ceil(Number(reserved)));

    await index.confirm('ada', first, { indexedAt, endsAt: now + 2 * LONG });
    expect(await ends()).toBe(now + 2 * LONG);
    await index.refresh('ada', known(second), now + 3 * LONG);
    expect(await ends()).toBe(now + 3 * LONG);
    await index.refresh('ada', known(third), now + LONG);
    expect(await ends()).toBe(now + 3 * LONG);
    await index.refresh('ada', known(second), now + LONG);
    expect(await ends()).toBe(now + 2 * LONG);
    await index.reserve('ada', newHandle(), { ms: 4 * LONG });
    expect(await ends()).toBeGreaterThanOrEqual(now + 4 * LONG);
  });

  it('has a fence in it that lasts as long as asked, and as long as what it has ended', async () => {
    const { index, key, now, ends } = await start();
    await index.refresh('ada', known(newHandle()), now + 3 * LONG);
    const fence = (await index.fence('ada', { ms: LONG, reason: 'revoked' }))!;
    const [member, score] = await redis.zrange(key, 0, '0', 'WITHSCORES');
    expect([member, Number(score)]).toEqual([`!${now + 3 * LONG}.00||revoked`, -fence.indexedUpTo]);
    expect(await ends()).toBeGreaterThan(now + 3 * LONG);
    await index.fence('ada', { ms: 5 * LONG, reason: 'revoked' });
    // Neither a name with an earlier end nor the loss of all names makes it shorter.
    await index.refresh('ada', known(newHandle(), now + 2 * LONG), now + LONG);
    await index.remove(
      'ada',
      (await index.page('ada', { limit: 10 })).sessions.map(({ handle }) => handle),
    );
    expect(await ends()).toBeGreaterThanOrEqual(now + 5 * LONG);
    expect(await redis.zcard(key)).toBe(1);
  });

  it('takes a member with a negative score that is no fence for nothing', async () => {
    const { index, key, now } = await start();
    await redis.zadd(key, -4e12, 'x');
    expect(await index.refresh('ada', known(newHandle()), now + LONG)).toBeUndefined();
    expect(await index.fence('ada', { ms: LONG, reason: 'revoked' })).toBeDefined();
  });

  it('goes away with the last name, and never comes back without an end', async () => {
    const { index, key, now } = await start();
    const handle = newHandle();
    await index.refresh('ada', known(handle), now + LONG);
    await index.remove('ada', [handle]);
    expect(await redis.exists(key)).toBe(0);
    await index.page('ada', { limit: 1, after: { handle, score: now + LONG } });
    expect(await redis.exists(key)).toBe(0);
    await index.refresh('ada', known(handle), now + 20);
    await until(async () => (await redis.exists(key)) === 0, 'the set has expired');
    await index.refresh('ada', known(handle), now - 1);
    expect(await redis.exists(key)).toBe(0);
  });

  it('is read without a write', async () => {
    const { index, now } = await start();
    for (let n = 0; n < 5; n++) await index.refresh('ada', known(newHandle()), now + LONG);
    const { sessions } = await index.page('ada', { limit: 2 });
    const recorder = await server.monitor();
    const after = sessions.at(-1)!;
    await index.page('ada', { limit: 2, after });
    await index.nearest('ada', { limit: 2, after });
    const names = new Set((await recorder.stop()).filter(({ source }) => source === 'lua').map(({ name }) => name));
    expect([...names].filter((name) => !['time', 'zrange', 'zrevrange', 'zcard', 'zcount'].includes(name))).toEqual([]);
  });

  it('has an end at every moment', async () => {
    const { index, now } = await start();
    const watcher = server.client().duplicate();
    const watch = new KeysWithoutTtl(watcher);
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const [handle, old] = [newHandle(), newHandle()];
        await index.refresh('ada', known(old), now + 20 + n);
        await index.reserve('ada', handle, { ms: 5, replaces: known(old) });
        await index.confirm('ada', handle, { indexedAt: now, endsAt: now + 40 + n });
        if (n % 8 === 0) await index.fence('ada', { ms: 5, reason: 'revoked' });
        await index.nearest('ada', { limit: 5 });
        await index.page('ada', { limit: 5, after: { handle: old, score: now } });
        await index.remove('ada', [handle]);
      }),
    );
    await until(() => watch.looks > 5, 'it was looked at');
    expect(await watch.stop()).toEqual([]);
    watcher.disconnect();
  });

  it.each<[string, (index: SessionIndex) => Promise<unknown>]>([
    ['reserve', (index) => index.reserve('ada', newHandle(), { ms: 1_000 })],
    ['confirm', (index) => index.confirm('ada', newHandle(), { indexedAt: 4e12, endsAt: 4e12 })],
    ['refresh', (index) => index.refresh('ada', known(newHandle()), 4e12)],
    ['remove', (index) => index.remove('ada', [newHandle()])],
    ['leave', (index) => index.leave('ada', known(newHandle()))],
    ['fence', (index) => index.fence('ada', { ms: 1, reason: 'revoked' })],
    ['nearest', (index) => index.nearest('ada', { limit: 1 })],
    ['page', (index) => index.page('ada', { limit: 1 })],
  ])('takes what else lies at its key for no index, and replaces it: %s', async (_what, call) => {
    const { store, index, key } = await start();
    await redis.set(key, 'x', 'PX', LONG);
    await call(index);
    expect(await redis.type(key)).toMatch(/zset|none/);
    expect(await store.load(await newSession(store, {}, undefined, 'ada'))).toBeDefined();
  });

  it('has a key of its own for each user and prefix', async () => {
    const { store, index, now } = await start();
    const { index: other } = await start();
    for (const user of ['*', '{a}', 'a:b', '', '\u{1F36A} x']) await index.refresh(user, known(newHandle()), now + LONG);
    await other.refresh('*', known(newHandle()), now + LONG);
    const { prefix } = store.settings;
    const keys = await redis.keys(`${prefix}*`);
    expect(keys.toSorted()).toEqual(['*', '{a}', 'a:b', '', '\u{1F36A} x'].map((user) => `${prefix}user:${user}`).toSorted());
  });
});

describe('the time before which the sessions of a user are dead', () => {
  it.each([{ ttl: 500 * 86_400 }, { absoluteTtl: 500 * 86_400 }])('is kept for as long as a session may be, with %j', async (times) => {
    const store = sessionsOf(new RedisSessionStore(redis, { prefix: `test${++prefixes}:`, revokeBefore: true, ...times }));
    await store.endBefore('ada', 5);
    expect(await redis.pttl(`${store.settings.prefix}not-before:ada`)).toBeGreaterThan(499 * 86_400_000);
  });

  it('is kept for as long as a browser keeps a cookie', async () => {
    const store = sessionsOf(new RedisSessionStore(redis, { prefix: `test${++prefixes}:`, revokeBefore: true }));
    const sid = await newSession(store, {}, undefined, 'a:{b}');
    const key = `${store.settings.prefix}not-before:a:{b}`;
    await store.endBefore('a:{b}', 5.2);
    expect(await redis.get(key)).toBe('6');
    expect(await redis.pttl(key)).toBeGreaterThan(399 * 86_400_000);
    expect(await store.load(sid)).toBeDefined();
    await store.endBefore('a:{b}', 7);
    expect(await redis.get(key)).toBe('7');
  });

  it.each<[string, (key: string) => Promise<unknown>]>([
    ['no number', (key) => redis.set(key, 'soon', 'PX', LONG)],
    ['empty', (key) => redis.set(key, '', 'PX', LONG)],
    ['negative', (key) => redis.set(key, '-1', 'PX', LONG)],
    ['of another type', (key) => redis.rpush(key, '1').then(() => redis.pexpire(key, LONG))],
  ])('that is damaged (%s) is no answer, and nobody passes: only now takes its place', async (_, damage) => {
    const store = sessionsOf(new RedisSessionStore(redis, { prefix: `test${++prefixes}:`, revokeBefore: true }));
    const sid = await newSession(store, {}, undefined, 'ada');
    const key = `${store.settings.prefix}not-before:ada`;
    const refusal = { code: 'SESSION_STORE_UNAVAILABLE' };
    await damage(key);
    await expect(store.load(sid)).rejects.toMatchObject(refusal);
    await expect(store.describe([store.handleOf(sid)])).rejects.toMatchObject(refusal);
    await expect(store.endBefore('ada', 5)).rejects.toMatchObject(refusal);
    const counts = await store.endBefore('ada');
    expect(await redis.get(key)).toBe(String(counts));
    expect(await redis.pttl(key)).toBeGreaterThan(399 * 86_400_000);
    expect(await store.load(sid)).toBeUndefined();
    const next = await newSession(store, {}, undefined, 'ada');
    expect(await store.load(next)).toBeDefined();
  });
});

function known(handle: Handle, indexedAt?: number): IndexedAt {
  return { handle, indexedAt };
}

function newHandle(): Handle {
  return handleOf(generateSid());
}
