import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { RedisSessionStore } from '../../src/redis/redis-session-store.js';
import type { SessionIndex } from '../../src/session/session-index.js';
import { generateSid, handleOf, type Handle } from '../../src/session/sid.js';
import { ImmortalKeys } from '../support/immortal-keys.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';
import { newSession } from './session-store.contract.js';

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
  const store = new RedisSessionStore(redis, { prefix: `test${++prefixes}:` });
  const key = `${store.settings.prefix}user:ada`;
  return { store, index: store.index, key, now: Math.ceil(await store.now()), ends: () => redis.pexpiretime(key) };
}

describe('RedisSessionIndex', () => {
  it('is one sorted set that ends with the session that can live longest', async () => {
    const { index, key, now, ends } = await start();
    const [first, second, third] = [newHandle(), newHandle(), newHandle()];
    await index.reserve('ada', first, { ms: LONG });
    const [, reserved] = await redis.zrange(key, 0, '0', 'WITHSCORES');
    expect(Number(reserved) % 1).toBe(0.5);
    expect(await ends()).toBe(Math.ceil(Number(reserved)));

    await index.settle('ada', first, now + 2 * LONG);
    expect(await ends()).toBe(now + 2 * LONG);
    await index.renew('ada', second, now + 3 * LONG);
    expect(await ends()).toBe(now + 3 * LONG);
    await index.renew('ada', third, now + LONG);
    expect(await ends()).toBe(now + 3 * LONG);
    await index.renew('ada', second, now + LONG);
    expect(await ends()).toBe(now + 2 * LONG);
    await index.reserve('ada', newHandle(), { ms: 4 * LONG });
    expect(await ends()).toBeGreaterThanOrEqual(now + 4 * LONG);

    await index.claim('ada', { skip: 0, size: 10 });
    expect(await redis.zrange(key, 0, '-1', 'WITHSCORES')).toEqual(
      [third, second]
        .toSorted()
        .flatMap((handle) => [handle, `${now + LONG - 0.25}`])
        .concat(first, `${now + 2 * LONG - 0.25}`),
    );
  });

  it('goes away with the last name, and never comes back without an end', async () => {
    const { index, key, now } = await start();
    const handle = newHandle();
    await index.renew('ada', handle, now + LONG);
    await index.remove('ada', [handle]);
    expect(await redis.exists(key)).toBe(0);
    await index.page('ada', { limit: 1, after: { handle, score: now + LONG } });
    expect(await redis.exists(key)).toBe(0);
    await index.renew('ada', handle, now + 20);
    await until(async () => (await redis.exists(key)) === 0, 'the set has expired');
    await index.renew('ada', handle, now - 1);
    expect(await redis.exists(key)).toBe(0);
  });

  it('has an end at every moment', async () => {
    const { index, now } = await start();
    const watcher = server.client().duplicate();
    const immortal = new ImmortalKeys(watcher);
    await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const [handle, old] = [newHandle(), newHandle()];
        await index.renew('ada', old, now + 20 + n);
        await index.reserve('ada', handle, { ms: 5, replaces: old });
        await index.settle('ada', handle, now + 40 + n, old);
        await index.claim('ada', { skip: 0, size: 10 });
        await index.page('ada', { limit: 5, after: { handle: old, score: now } });
        await index.remove('ada', [handle]);
      }),
    );
    await until(() => immortal.looks > 5, 'it was looked at');
    expect(await immortal.stop()).toEqual([]);
    watcher.disconnect();
  });

  it.each<[string, (index: SessionIndex) => Promise<unknown>]>([
    ['reserve', (index) => index.reserve('ada', newHandle(), { ms: 1_000 })],
    ['settle', (index) => index.settle('ada', newHandle(), 4e12)],
    ['renew', (index) => index.renew('ada', newHandle(), 4e12)],
    ['remove', (index) => index.remove('ada', [newHandle()])],
    ['claim', (index) => index.claim('ada', { skip: 0, size: 1 })],
    ['page', (index) => index.page('ada', { limit: 1 })],
  ])('cannot answer when something else lies at its key: %s', async (_what, call) => {
    const { store, index, key } = await start();
    await redis.set(key, 'x', 'PX', LONG);
    await expect(call(index)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'WRONGTYPE' });
    expect(await redis.get(key)).toBe('x');
    expect(await store.load(await newSession(store, {}, undefined, 'ada'))).toBeDefined();
  });

  it('has a key of its own for each user and prefix', async () => {
    const { store, index, now } = await start();
    const { index: other } = await start();
    for (const user of ['*', '{a}', 'a:b', '', '\u{1F36A} x']) await index.renew(user, newHandle(), now + LONG);
    await other.renew('*', newHandle(), now + LONG);
    const { prefix } = store.settings;
    const keys = await redis.keys(`${prefix}*`);
    expect(keys.toSorted()).toEqual(['*', '{a}', 'a:b', '', '\u{1F36A} x'].map((user) => `${prefix}user:${user}`).toSorted());
  });
});

describe('the epoch of a user', () => {
  it.each([{ ttl: 500 * 86_400 }, { absoluteTtl: 500 * 86_400 }])('is kept for as long as a session may be, with %j', async (times) => {
    const store = new RedisSessionStore(redis, { prefix: `test${++prefixes}:`, epochs: true, ...times });
    await store.endBefore('ada', 5);
    expect(await redis.pttl(`${store.settings.prefix}epoch:ada`)).toBeGreaterThan(499 * 86_400_000);
  });

  it('is kept for as long as a browser keeps a cookie, and no lie there ends a session', async () => {
    const store = new RedisSessionStore(redis, { prefix: `test${++prefixes}:`, epochs: true });
    const sid = await newSession(store, {}, undefined, 'a:{b}');
    const key = `${store.settings.prefix}epoch:a:{b}`;
    await store.endBefore('a:{b}', 5.2);
    expect(await redis.get(key)).toBe('6');
    expect(await redis.pttl(key)).toBeGreaterThan(399 * 86_400_000);
    await redis.set(key, 'soon', 'PX', LONG);
    expect(await store.load(sid)).toBeDefined();
    await store.endBefore('a:{b}', 7);
    expect(await redis.get(key)).toBe('7');
    await redis.del(key);
    await redis.rpush(key, '1');
    await redis.pexpire(key, LONG);
    expect(await store.load(sid)).toBeDefined();
    await expect(store.endBefore('a:{b}', 5)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
  });
});

function newHandle(): Handle {
  return handleOf(generateSid());
}
