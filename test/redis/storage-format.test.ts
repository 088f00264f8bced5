import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { LUA } from '../../src/redis/scripts/lua.generated.js';
import { MigratingSessionStore } from '../../src/redis/migration/migrating-session-store.js';
import { RedisStrings } from '../../src/redis/migration/redis-strings.js';
import { partsOf, RedisSessionStore } from '../../src/redis/store/redis-session-store.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { deltaOf, entriesOf, found, termsOf, passes, rotated } from '../contract/session-store.contract.js';
import { sessionsOf } from '../support/sessions-of.js';

const IDENTITY = { id: 'ada', roles: ['user', 'admin'] };
const CART = [{ sku: 'tea', quantity: 2 }];
const DAY = 86_400_000;
const TERMS = { ...termsOf(DAY, { originalMaxAge: DAY }), device: { ip: '192.0.2.7', userAgent: 'Mozilla/5.0' } };

let document: string;
let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  document = await readFile('docs/storage-format.md', 'utf8');
  server = await startRedis({ config: { 'hash-max-listpack-value': '1024' } });
  redis = server.client();
});

afterAll(() => server.stop());

describe('docs/storage-format.md', () => {
  it('shows sessions as they are in Redis', async () => {
    const store = sessionsOf(new RedisSessionStore(redis, { absoluteTtl: 86_400 }));
    const sid = generateSid();
    const key = `sess:${handleOf(sid)}`;

    const indexedAt = Number(await store.index.reserve('ada', handleOf(sid), { ms: 1_000 }));
    await passes(store, 2);
    const { absoluteEndsAt } = await store.create(sid, {
      entries: entriesOf({ identity: IDENTITY, gone: 1 }),
      terms: TERMS,
      userId: 'ada',
      indexedAt,
      from: handleOf(generateSid()),
    });
    await store.index.confirm('ada', handleOf(sid), { indexedAt, endsAt: absoluteEndsAt! });
    expect(patternOf(await terminal(['HGET', key, '@from']))).toBe(patternOf(exampleOf('a session before its next request')));
    await passes(store, 2);
    await store.save(sid, await found(store, sid), deltaOf({ gone: undefined, cart: CART, '@draft': 'a name that begins with @' }), TERMS);
    expect(patternOf(await terminal(['HGETALL', key], ['PEXPIRETIME', key]))).toBe(patternOf(exampleOf('a session')));

    expect(patternOf(await terminal(['ZRANGE', 'sess:user:ada', '0', '-1', 'WITHSCORES']))).toBe(patternOf(exampleOf('a user')));

    await store.index.fence('ada', { ms: 1_000, reason: 'password-changed', except: { handle: handleOf(sid), indexedAt } });
    expect(patternOf(await terminal(['ZRANGE', 'sess:user:ada', '0', '-1', 'WITHSCORES']))).toBe(patternOf(exampleOf('a fence')));

    const next = await rotated(store, sid);
    expect(patternOf(await terminal(['HGET', key, '@meta']))).toBe(patternOf(exampleOf('rotated')));
    await passes(store, 2);
    await store.touch(next, await found(store, next), TERMS);
    expect(patternOf(await terminal(['HGET', key, '@meta']))).toBe(patternOf(exampleOf('confirmed')));

    await store.revoke(handleOf(sid), { userId: 'ada', reason: 'password-changed' });
    expect(patternOf(await terminal(['HGETALL', key], ['PTTL', key]))).toBe(patternOf(exampleOf('ended')));
  });

  it('shows sessions of connect-redis while they are moved in', async () => {
    const prepares = new MigratingSessionStore(redis, { migrate: 'prepare' });
    const sid = 'kR2Jm0vQn1yqf3cSxwZb8AwQ7pLdT5uE' as Sid;
    const key = `sess:${sid}`;
    const session = { entries: entriesOf({ cart: CART, passport: { user: 'ada' } }), absolute: undefined, userId: 'ada' };
    const wholeCookie = { originalMaxAge: DAY };
    const indexedAt = Number(await prepares.index.reserve('ada', handleOf(sid), { ms: 1_000 }));
    await prepares.create(sid, { ...session, indexedAt, terms: { idle: DAY, grace: 0, cookie: undefined, wholeCookie } });
    expect(datesLeftOut(await terminal(['GET', key]))).toBe(datesLeftOut(exampleOf('a string')));

    const strings = new RedisStrings(partsOf(new RedisSessionStore(redis)).writer, 'sess:');
    await strings.seal(sid, DAY);
    expect(datesLeftOut(await terminal(['GET', key]))).toBe(datesLeftOut(exampleOf('a sealed string')));

    await new MigratingSessionStore(redis, { migrate: 'convert' }).find(sid);
    expect(await redis.get(key)).toBeNull();
    expect(patternOf(await terminal(['HGET', `sess:${handleOf(sid)}`, '@was']))).toBe(patternOf(exampleOf('was')));
  });

  it('shows what is left of a session that was made of a credential', async () => {
    const store = sessionsOf(new RedisSessionStore(redis));
    const sid = generateSid();
    await store.adopt(sid, { entries: entriesOf({ identity: IDENTITY }), terms: TERMS, userId: 'ada', adoptedUntil: Date.now() + DAY });
    await store.destroy(sid);
    const pattern = patternOf(exampleOf('signed out, made of a credential'));
    expect(patternOf(await terminal(['HGETALL', `sess:${handleOf(sid)}`]))).toBe(pattern);
  });

  it('explains the parts of @meta with those of the example', () => {
    const packed = /"(1\|.*)"/.exec(exampleOf('a session'))![1]!.split('|');
    const table = [...document.matchAll(/^\|\s*(\d+)\s*\|\s*(\S+)\s*\|/gm)].map(([, , value]) => value);
    expect(table).toHaveLength(packed.length);
    for (const [part, value] of table.entries()) {
      const beginning = value === 'empty' ? '' : value!.replaceAll('`', '').replace('…', '');
      expect(packed[part]!.startsWith(beginning)).toBe(true);
    }
  });

  it('names each script', () => {
    const named = [...document.matchAll(/script `(\w+)`/g)].map(([, name]) => name);
    expect(new Set(named)).toEqual(new Set(Object.keys(LUA)));
  });

  it('says truly what is compact by default', async () => {
    await redis.config('SET', 'hash-max-listpack-value', '64');
    const store = sessionsOf(new RedisSessionStore(redis, { prefix: 'small:' }));
    const sid = generateSid();
    await store.create(sid, { entries: entriesOf({ identity: IDENTITY, cart: CART }), terms: termsOf(), userId: '1234567' });
    await passes(store, 2);
    await store.touch(sid, await found(store, sid), termsOf());
    expect(await redis.object('ENCODING', `small:${handleOf(sid)}`)).toBe('listpack');
  });

  it('says truly what the setting it recommends saves', async () => {
    await redis.config('SET', 'hash-max-listpack-value', '1024');
    const cart = ['tea', 'cup', 'milk'].map((sku) => ({ sku, quantity: 2 }));
    const store = sessionsOf(new RedisSessionStore(redis, { prefix: 'memory:' }));
    const memoryOf = async (encoding: string) => {
      const sid = generateSid();
      await store.create(sid, { entries: entriesOf({ identity: IDENTITY, cart }), terms: termsOf() });
      expect(await redis.object('ENCODING', `memory:${handleOf(sid)}`)).toBe(encoding);
      return (await redis.memory('USAGE', `memory:${handleOf(sid)}`))!;
    };
    const withSetting = await memoryOf('listpack');
    await redis.config('SET', 'hash-max-listpack-value', '64');
    const withDefault = await memoryOf('hashtable');
    expect(withSetting / withDefault).toBeLessThan(0.7);

    const cookie = { originalMaxAge: DAY, expires: new Date(), secure: true, httpOnly: true, path: '/', sameSite: 'lax' };
    const connectRedisKey = `memory:${generateSid().slice(0, 32)}`;
    await redis.set(connectRedisKey, JSON.stringify({ cookie, identity: IDENTITY, cart }), 'PX', DAY);
    expect(withSetting).toBeLessThan((await redis.memory('USAGE', connectRedisKey))!);
  });
});

/** The code block that follows the comment with that name. */
function exampleOf(name: string): string {
  const block = new RegExp(`<!-- example: ${name} -->\\s+\`\`\`\\n([\\s\\S]*?)\`\`\``).exec(document);
  if (block === null) throw new Error(`The document has no example "${name}".`);
  return block[1]!;
}

/** Commands and answers as redis-cli shows them. */
async function terminal(...commands: [string, ...string[]][]): Promise<string> {
  let text = '';
  for (const [name, ...args] of commands) {
    const answer: unknown = await redis.call(name, ...args);
    text += `> ${[name, ...args].join(' ')}\n${shown(answer)}\n`;
  }
  return text;
}

function shown(answer: unknown): string {
  if (typeof answer === 'number') return `(integer) ${answer}`;
  if (typeof answer === 'string') return JSON.stringify(answer);
  // Redis 7 speaks of members and scores in pairs to a client that understands them so.
  const items = (answer as string[] | string[][]).flat().map(String);
  return items.map((item, index) => `${String(index + 1).padStart(String(items.length).length)}) ${shown(item)}`).join('\n');
}

/** What differs from session to session, under a name of its own: times, hashes and handles; the same value gets the same name. */
function patternOf(text: string): string {
  const names = new Map<string, string>();
  const even = text
    .replaceAll(/"1\|[^"]*"/g, withoutTimes)
    .replace(/\(integer\) (299\d{3}|300000)\b/, '(integer) <five minutes>')
    .replace(/"m[0-9a-z]{7}"/, '<time>');
  return even.replaceAll(/\b\d{13}\b|[|,]?[\w-]{22}(?=[\s|",:])/g, (value) => {
    const kind = value.length === 13 ? 'time' : /^[|,]/.test(value) ? 'hash' : 'handle';
    if (!names.has(value)) names.set(value, `<${kind} ${names.size + 1}>`);
    return names.get(value)!;
  });
}

function datesLeftOut(text: string): string {
  return patternOf(text).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<date>');
}

/** Times in `@meta` are told apart from other parts by their place only. */
function withoutTimes(meta: string): string {
  const times = [1, 2, 6, 10];
  const parts = meta.replaceAll(/:\w+(?=[,|])/g, ':<time>').split('|');
  return parts.length < 12 ? meta : parts.map((part, index) => (times.includes(index) && part !== '' ? '<time>' : part)).join('|');
}
