import type { Redis } from 'ioredis';
import type { SessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';

/** What a store holds of one session. */
export interface StoredSession {
  readonly entries: Record<string, unknown>;
  /** Milliseconds until it ends if nobody comes. */
  readonly ttl: number;
}

const META = '@meta';
/** Times in `@meta` are in base 36: when it was created, and since then, its absolute end, which stays. */
const CREATED = 1;
const ABSOLUTE_END = 3;
const BASE = 36;

/** Reads a session from outside: its hash and the key's TTL, or without Redis what the store itself says. */
export async function sessionStoredIn(
  store: SessionStore | Sessions,
  client: Redis | undefined,
  sid: string | undefined,
): Promise<StoredSession | undefined> {
  if (sid === undefined) return undefined;
  if (client !== undefined) return readHash(client, keyOf(store, sid));
  const record = await Sessions.of(store).load(sid as Sid);
  if (record === undefined) return undefined;
  const ends = Math.min(record.lastSeenAt + record.idle, record.absoluteEndsAt ?? Infinity);
  return { entries: decode([...record.entries]), ttl: ends - Date.now() };
}

/** The Redis key of a session. */
export function keyOf(store: SessionStore | Sessions, sid: string): string {
  const sessions = Sessions.of(store);
  return sessions.settings.prefix + sessions.handleOf(sid as Sid);
}

/** Makes a session look as if all that happened to it had happened that much earlier, so that what is due after some time need not be waited for. */
export async function age(client: Redis, key: string, ms: number): Promise<void> {
  const packed = ((await client.hget(key, META)) ?? '').split('|');
  const move = (part: number, by: number) => {
    const time = packed[part] ?? '';
    if (time !== '') packed[part] = (Number.parseInt(time, BASE) + by).toString(BASE);
  };
  move(CREATED, -ms);
  move(ABSOLUTE_END, ms);
  await client.hset(key, META, packed.join('|'));
}

/** Moves the absolute end of a session to so many ms from now, and answers with when that is. */
export async function endSoon(client: Redis, key: string, ms: number): Promise<number> {
  const packed = ((await client.hget(key, META)) ?? '').split('|');
  const [seconds = 0, microseconds = 0] = await client.time();
  const end = seconds * 1_000 + Math.floor(microseconds / 1_000) + ms;
  packed[ABSOLUTE_END] = (end - Number.parseInt(packed[CREATED] ?? '', BASE)).toString(BASE);
  await client.multi().hset(key, META, packed.join('|')).pexpireat(key, end).exec();
  return end;
}

async function readHash(client: Redis, key: string): Promise<StoredSession | undefined> {
  const hash = await client.hgetall(key);
  if (Object.keys(hash).length === 0) return undefined;
  return { entries: decode(Object.entries(hash).filter(([field]) => !field.startsWith('@'))), ttl: await client.pttl(key) };
}

function decode(entries: readonly (readonly [string, string])[]): Record<string, unknown> {
  return Object.fromEntries(entries.map(([name, text]) => [name, JSON.parse(text)]));
}

/** The keys of sessions, without those that name the sessions of a user. */
export async function sessionKeys(client: Redis): Promise<string[]> {
  return (await client.keys('*')).filter((key) => !key.includes(':user:'));
}
