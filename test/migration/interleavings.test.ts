import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { SessionManager, SessionStoreUnavailableError } from '../../src/index.js';
import { MigratingSessionStore, type MigratingStoreOptions } from '../../src/redis/migration/migrating-session-store.js';
import { ActiveSession, type SessionHost } from '../../src/session/active-session.js';
import { isEnded, type SessionRecord, type StoredTerms } from '../../src/session/session-record.js';
import { generateSid, handleOf, type Sid } from '../../src/session/sid.js';
import { Sessions } from '../../src/session/sessions.js';
import { TOMBSTONE_MS } from '../../src/session/store/session-store.js';
import { Connections, PATIENT } from '../support/connections.js';
import { deltaOf } from '../contract/session-store.contract.js';
import { HeldCommands } from '../support/held-commands.js';
import { createOldApp, OLD_NAME } from '../support/old-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { signedCookie } from '../support/signed-cookie.js';
import { until } from '../support/until.js';
import { assertEveryKeyEnds } from '../support/watched-scripts.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TERMS: StoredTerms = { idle: DAY, grace: 0, cookie: undefined, wholeCookie: { originalMaxAge: DAY } };

const identity = ({ passport }: { passport?: { user: string } }) => passport && { id: passport.user };
const HOST: SessionHost = {
  generateSid,
  terms: () => ({ idle: DAY, stretch: undefined, cookie: undefined, wholeCookie: { originalMaxAge: DAY } }),
  areTermsChanged: false,
  identityOf: (found) => identity(found.values()),
  isIdentityEntry: false,
  sidsBeside: [],
};

/** One process of the application. */
interface Instance {
  readonly store: MigratingSessionStore;
  readonly commands: HeldCommands;
}

const connections = new Connections();
const opened: Instance[] = [];
let redis: RedisServer;
let client: Redis;
let sid: Sid;
let string: string;
let hash: string;

beforeAll(async () => {
  redis = await startRedis();
  client = redis.client();
});
beforeEach(async () => {
  sid = generateSid().slice(0, 32) as Sid;
  string = `sess:${sid}`;
  hash = `sess:${handleOf(sid)}`;
  await write({ cart: 'tea' });
});
afterEach(async () => {
  for (const { commands } of opened.splice(0)) commands.lose();
  await assertEveryKeyEnds([client]);
  await client.flushall();
});
afterAll(() => redis.stop());

/** As connect-redis does. */
async function write(entries: Record<string, unknown>, ms = DAY): Promise<void> {
  await client.set(string, JSON.stringify({ cookie: { originalMaxAge: DAY, path: '/' }, ...entries }), 'PX', ms);
}

async function open(migrate: 'prepare' | 'convert', options: Partial<MigratingStoreOptions> = {}): Promise<Instance> {
  const { client: own } = await connections.open({ ...redis.options, ...PATIENT, enableAutoPipelining: false });
  // Also what Redis has never run is sent by its hash only.
  const commands = new HeldCommands(own);
  const store = new MigratingSessionStore(own, {
    migrate,
    deadline: 60_000,
    logErrors: false,
    identity,
    ...options,
  });
  opened.push({ store, commands });
  return { store, commands };
}

async function load({ store }: Instance): Promise<SessionRecord> {
  const found = await store.find(sid);
  if (found === undefined || isEnded(found as SessionRecord) || !('entries' in found)) throw new Error('There is no session.');
  return found;
}

/** As a request has it; without a record, a new one. */
function activeSession({ store }: Instance, record?: SessionRecord): ActiveSession {
  return new ActiveSession(Sessions.of(store), HOST, sid, record);
}

/** Loads the session, and never comes to an end. */
function dying({ store }: Instance): void {
  store.find(sid).catch(() => undefined);
}

async function entries(instance: Instance): Promise<Record<string, unknown> | undefined> {
  const found = await instance.store.find(sid);
  if (found === undefined || !('entries' in found)) return undefined;
  return Object.fromEntries([...found.entries].map(([name, text]) => [name, JSON.parse(text) as unknown]));
}

const save = async (instance: Instance, record: SessionRecord, change: Record<string, unknown>) =>
  (await instance.store.save(sid, record, deltaOf(change), TERMS)) !== undefined;

describe('what an instance that prepares has stored is not lost to a conversion', () => {
  it('that had read the string before', async () => {
    const [converts, prepares] = [await open('convert'), await open('prepare')];
    const record = await load(prepares);
    const seal = converts.commands.next('stringSeal');
    const converted = entries(converts);
    await seal.reached;
    expect(await save(prepares, record, { size: 'large' })).toBe(true);
    seal.release();
    expect(await converted).toEqual({ cart: 'tea', size: 'large' });
  });

  it('that has sealed the string and not made the hash yet', async () => {
    const [converts, prepares] = [await open('convert'), await open('prepare')];
    const record = await load(prepares);
    const create = converts.commands.next('convert');
    const converted = entries(converts);
    await create.reached;
    expect(await save(prepares, record, { size: 'large' })).toBe(true);
    create.release();
    expect(await converted).toEqual({ cart: 'tea', size: 'large' });
    expect(await entries(prepares)).toEqual({ cart: 'tea', size: 'large' });
  });

  it('whose process has died with the string sealed', async () => {
    const [converts, prepares] = [await open('convert'), await open('prepare')];
    const create = converts.commands.next('convert');
    dying(converts);
    await create.reached;
    expect(await save(prepares, await load(prepares), { size: 'large' })).toBe(true);
    expect(await client.exists(string)).toBe(0);
    expect(await entries(await open('convert'))).toEqual({ cart: 'tea', size: 'large' });
  });

  it('that was over when it was stored', async () => {
    const [converts, prepares] = [await open('convert'), await open('prepare')];
    const record = await load(prepares);
    await load(converts);
    expect(await save(prepares, record, { size: 'large' })).toBe(true);
    expect(await entries(converts)).toEqual({ cart: 'tea', size: 'large' });
  });

  it('of which two are under way, the slower one with an older text', async () => {
    const [slow, fast, prepares] = [await open('convert'), await open('convert'), await open('prepare')];
    const seal = slow.commands.next('stringSeal');
    const late = entries(slow);
    await seal.reached;
    expect(await save(prepares, await load(prepares), { size: 'large' })).toBe(true);
    const record = await load(fast);
    expect(await save(fast, record, { milk: 'yes' })).toBe(true);
    seal.release();
    expect(await late).toEqual({ cart: 'tea', size: 'large', milk: 'yes' });
  });

  it('nor to another one that prepares and stores at once', async () => {
    const [first, second] = [await open('prepare'), await open('prepare')];
    const [one, other] = [await load(first), await load(second)];
    expect(await save(first, one, { size: 'large' })).toBe(true);
    expect(await save(second, other, { milk: 'yes', cart: undefined })).toBe(true);
    expect(await entries(first)).toEqual({ size: 'large', milk: 'yes' });
  });

  it('when it adds to an entry, with another one at once', async () => {
    const [converts, prepares] = [await open('convert'), await open('prepare')];
    const record = await load(prepares);
    expect(await prepares.store.increment(record, 'visits', 2)).toBe(2);
    expect(await prepares.store.increment(record, 'visits', 3)).toBe(5);
    await load(converts);
    expect(await prepares.store.increment(record, 'visits', 4)).toBe(9);
    expect(await prepares.store.increment(record, 'cart', 1)).toBe('no integer');
    expect(await entries(converts)).toEqual({ cart: 'tea', visits: 9 });
  });
});

describe('nobody is signed out by a conversion', () => {
  it.each(['prepare', 'convert'] as const)('that happens between the two looks of an instance which would %s', async (phase) => {
    const [converts, reads] = [await open('convert'), await open(phase)];
    const look = reads.commands.next('stringRead');
    const hashesRead = async () => (await redis.commandCounts())['hgetall'] ?? 0;
    const before = await hashesRead();
    const found = entries(reads);
    await look.reached;
    // The other look goes out beside it, and finds nothing.
    await until(async () => (await hashesRead()) > before, 'the hash was asked for');
    await load(converts);
    look.release();
    expect(await found).toEqual({ cart: 'tea' });
  });

  it('of which twenty are under way at once', async () => {
    const instances = [await open('convert'), await open('convert'), await open('prepare')];
    const found = await Promise.all(Array.from({ length: 20 }, (_, n) => entries(instances[n % 3]!)));
    expect(found).toEqual(found.map(() => ({ cart: 'tea' })));
    expect(await client.exists(string)).toBe(0);
  });

  it('nor by a sign-in for which Redis ends the string and refuses the rest', async () => {
    const prepares = await open('prepare');
    const session = activeSession(prepares, await load(prepares));
    session.entries.set('passport', { user: 'ada' });
    const destroy = prepares.commands.next('destroy');
    const signIn = session.save();
    await destroy.reached;
    expect(await client.exists(string)).toBe(0);
    destroy.refuse('NOPERM');
    await signIn;
    sid = session.sid;
    expect(await entries(prepares)).toEqual({ cart: 'tea', passport: { user: 'ada' } });
  });

  it('when its last moment is near: a touch gives it the whole idle timeout', async () => {
    await client.pexpire(string, 120_000);
    const converts = await open('convert');
    const record = await load(converts);
    expect(await client.pttl(hash)).toBeLessThanOrEqual(120_000);
    expect(record.idle).toBe(DAY);
    await converts.store.touch(sid, record, TERMS);
    expect(await client.pttl(hash)).toBeGreaterThan(HOUR);
  });

  it('and an application that was not to run any more fails on a sealed string, and takes nobody for a stranger', async () => {
    const converts = await open('convert');
    const create = converts.commands.next('convert');
    dying(converts);
    await create.reached;
    const old = await createOldApp({ redis });
    const answer = await old.browser().get('/read', { cookie: signedCookie(sid, { name: OLD_NAME }) });
    await old.close();
    expect(answer.status).toBe(500);
  });
});

describe('what has ended stays ended', () => {
  it.each([
    ['convert', 'convert'],
    ['convert', 'prepare'],
  ] as const)('though a conversion by an instance which would %s is late, when one which would %s ends it', async (_, phase) => {
    const [slow, fast, ends] = [await open('convert'), await open('convert'), await open(phase)];
    const create = slow.commands.next('convert');
    const late = slow.store.find(sid);
    await create.reached;
    await load(fast);
    expect(await ends.store.destroy(sid)).toEqual({ userId: undefined });
    create.release();
    expect(await late).toBeUndefined();
    for (const instance of [fast, ends]) expect(await entries(instance)).toBeUndefined();
  });

  it.each(['convert', 'prepare'] as const)(
    'though its string was sealed and its hash not made yet, when one which would %s ends it',
    async (phase) => {
      const [converts, ends] = [await open('convert'), await open(phase)];
      const create = converts.commands.next('convert');
      const late = converts.store.find(sid);
      await create.reached;
      await ends.store.destroy(sid);
      create.release();
      expect(await late).toBeUndefined();
      expect(await entries(ends)).toBeUndefined();
    },
  );

  it('though an instance that prepares stores what it had read before', async () => {
    const [writes, ends, converts] = [await open('prepare'), await open('prepare'), await open('convert')];
    const record = await load(writes);
    await ends.store.destroy(sid);
    expect(await save(writes, record, { size: 'large' })).toBe(false);
    expect(await writes.store.touch(sid, record, TERMS)).toBeUndefined();
    for (const instance of [writes, converts]) expect(await entries(instance)).toBeUndefined();
  });

  it('though an application with connect-redis stores it late', async () => {
    const [prepares, converts] = [await open('prepare'), await open('convert')];
    await load(prepares);
    await prepares.store.destroy(sid);
    await write({ cart: 'tea' });
    for (const instance of [prepares, converts]) expect(await entries(instance)).toBeUndefined();
    await until(async () => (await client.exists(string)) === 0, 'the string has gone');
  });

  it.each(['prepare', 'convert'] as const)(
    'by an application with connect-redis, while an instance which would %s signs somebody in who had it before',
    async (phase) => {
      const [copies, serves] = [await open('prepare'), await open(phase)];
      const copied = await load(copies);
      const end = copies.commands.next('stringDestroy');
      const destroyed = copies.store.destroy(sid, copied);
      await end.reached;
      await client.del(string);
      end.release();
      expect(await destroyed).toBe('gone');
      expect(await client.exists(hash)).toBe(0);
      expect(await entries(serves)).toBeUndefined();
    },
  );

  it.each(['prepare', 'convert'] as const)('and its sid begins a new one, on an instance which would %s', async (phase) => {
    const instance = await open(phase);
    await load(instance);
    await instance.store.destroy(sid);
    const created = await instance.store.create(sid, { entries: new Map([['cart', '"milk"']]), terms: TERMS, absolute: undefined });
    expect(created).toMatchObject({ handle: handleOf(sid) });
    expect(await entries(instance)).toEqual({ cart: 'milk' });
    expect(await entries(instance)).toEqual({ cart: 'milk' });
  });

  it('though an application with connect-redis writes the string of a converted session late: the hash counts, and the string goes', async () => {
    const [prepares, converts] = [await open('prepare'), await open('convert')];
    await save(converts, await load(converts), { size: 'large' });
    for (const instance of [prepares, converts]) {
      await write({ cart: 'milk' });
      expect(await entries(instance)).toEqual({ cart: 'tea', size: 'large' });
      await until(async () => (await client.exists(string)) === 0, 'the string has gone');
    }
  });

  it('though the converter has died before the string was gone: the tombstone of a revoked session lives as long as the string could', async () => {
    await write({ passport: { user: 'ada' } });
    const [dies, lives] = [await open('convert'), await open('convert')];
    const end = dies.commands.next('stringDestroy');
    dying(dies);
    await end.reached;
    await until(async () => (await client.exists(hash)) === 1, 'the hash is there');
    expect(await new SessionManager(lives.store).revoke('ada', handleOf(sid))).toBe(true);
    expect(await client.exists(string)).toBe(1);
    const [ofTombstone, ofString] = [await client.call('PEXPIRETIME', hash), await client.call('PEXPIRETIME', string)];
    expect(Number(ofTombstone)).toBeGreaterThanOrEqual(Number(ofString) - 1);
    expect(await lives.store.find(sid)).toEqual({ endedReason: 'revoked' });
  });

  it.each(['destroy', 'revoke'] as const)(
    'for five minutes at least: the tombstone that %s leaves of one whose string had a minute',
    async (call) => {
      await write({ passport: { user: 'ada' } }, 60_000);
      const converts = await open('convert');
      await load(converts);
      if (call === 'destroy') await converts.store.destroy(sid);
      else await converts.store.revoke(handleOf(sid), { userId: 'ada', reason: 'revoked' });
      expect(await client.hkeys(hash)).toEqual(['@gone']);
      expect(await client.pttl(hash)).toBeGreaterThan(TOMBSTONE_MS - 240_000);
      expect(await client.pttl(hash)).toBeLessThanOrEqual(TOMBSTONE_MS);
    },
  );
});

describe('revokeAll ends a session that is a string still', () => {
  beforeEach(() => write({ passport: { user: 'ada' } }));

  it.each(['prepare', 'convert'] as const)('with its next request, on an instance which would %s', async (phase) => {
    const [revokes, serves] = [await open('convert'), await open(phase)];
    await new SessionManager(revokes.store).revokeAll('ada', 'password-changed');
    expect(await serves.store.find(sid)).toEqual({ endedReason: 'password-changed' });
    expect(await client.exists(string, hash)).toBe(0);
  });

  it('that is being converted', async () => {
    const [revokes, converts] = [await open('convert'), await open('convert')];
    const create = converts.commands.next('convert');
    const found = converts.store.find(sid);
    await create.reached;
    await new SessionManager(revokes.store).revokeAll('ada');
    create.release();
    expect(await found).toBeUndefined();
    expect(await entries(revokes)).toBeUndefined();
  });

  it('and none that somebody has signed in with since, on an instance that prepares', async () => {
    const [revokes, prepares] = [await open('convert'), await open('prepare')];
    await new SessionManager(revokes.store).revokeAll('ada');
    sid = generateSid();
    const indexedAt = Number(await prepares.store.index.reserve('ada', handleOf(sid), { ms: 1_000 }));
    const passport = new Map([['passport', '{"user":"ada"}']]);
    const created = await prepares.store.create(sid, { entries: passport, terms: TERMS, absolute: undefined, userId: 'ada', indexedAt });
    expect(created).toMatchObject({ handle: handleOf(sid) });
    for (const instance of [prepares, revokes]) expect(await entries(instance)).toEqual({ passport: { user: 'ada' } });
    expect((await new SessionManager(revokes.store).list('ada')).sessions).toHaveLength(1);
  });

  it('and none that is signed in to again, after a try that no answer came to, on an instance that prepares', async () => {
    const [revokes, prepares] = [await open('convert'), await open('prepare')];
    await new SessionManager(revokes.store).revokeAll('ada');
    sid = generateSid();
    const session = activeSession(prepares);
    session.entries.set('passport', { user: 'ada' });
    const confirm = prepares.commands.next('confirm');
    const first = session.save();
    await confirm.reached;
    prepares.commands.lose();
    await expect(first).rejects.toThrow(SessionStoreUnavailableError);
    await session.save();
    for (const instance of [prepares, revokes]) expect(await entries(instance)).toEqual({ passport: { user: 'ada' } });
  });

  it('however long the string could live', async () => {
    const revokes = await open('convert');
    await new SessionManager(revokes.store).revokeAll('ada');
    expect(await client.pttl('sess:user:ada')).toBeGreaterThan(399 * DAY);
  });
});
