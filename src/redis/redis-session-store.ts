import { SessionConflictError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import { absoluteOf, idleOf } from '../session/lifetime.js';
import { firstPresented, matchSecret } from '../session/secret-check.js';
import { decodeHash, fieldOfEntry, recordOf, type Metadata } from '../session/session-fields.js';
import { checkIncrement, checkLimits } from '../session/session-limits.js';
import {
  applyDelta,
  type EncodedEntries,
  type EntryDelta,
  type Lease,
  type NewSession,
  type SessionRecord,
} from '../session/session-record.js';
import { notInteger, SessionStore } from '../session/session-store.js';
import { handleOf, isOurForm, secretHashOf, type Handle, type Sid } from '../session/sid.js';
import type { StoreOptions } from '../session/store-options.js';
import type { RedisClient } from './redis-client.js';
import { RedisClock } from './redis-clock.js';
import { isWrongType, toStoreError } from './redis-errors.js';
import { RedisKeys } from './redis-keys.js';
import { RedisLoads, type RedisHash } from './redis-loads.js';
import { RedisScripts, STATUS, type ScriptName } from './redis-scripts.js';

const NO_ENTRIES: EncodedEntries = new Map();

/**
 * Keeps each session in a Redis hash, one field per entry; `docs/storage-format.md` shows one. A read is one `HGETALL`, a change one
 * script on one key, so it works alike on one node, Sentinel and Cluster. All times are Redis' own.
 *
 * @publicApi
 */
export class RedisSessionStore extends SessionStore {
  readonly #keys = new RedisKeys(this.settings.prefix);
  readonly #clock = new RedisClock();
  readonly #writes = new Set<Promise<unknown>>();
  readonly #scripts: RedisScripts;
  readonly #loads: RedisLoads;

  /** @param client an ioredis client, which stays the caller's to configure and close */
  constructor(
    private readonly client: RedisClient,
    options: StoreOptions = {},
  ) {
    super(options);
    this.#scripts = new RedisScripts(client);
    this.#loads = new RedisLoads(client);
  }

  async load(sid: Sid): Promise<SessionRecord | undefined> {
    const handle = handleOf(sid);
    const hash = await this.#readHash(handle);
    if (hash === undefined) return undefined;
    const decoded = decodeHash(hash);
    if (decoded === undefined) return this.#reject(handle);
    const secret = matchSecret(secretHashOf(sid), decoded.metadata, await this.#timeFor(decoded.metadata));
    if (secret === undefined) {
      this.events.emit('reused', { handle });
      return undefined;
    }
    return recordOf(handle, decoded, secret);
  }

  async create(sid: Sid, { entries, lease, absoluteEndsAt = 0 }: NewSession): Promise<SessionRecord> {
    checkLimits(NO_ENTRIES, { set: entries, removed: [] }, this.settings);
    const handle = handleOf(sid);
    const idle = idleOf(lease, this.settings);
    const {
      status,
      now,
      value: ends,
    } = await this.#write('create', handle, [
      secretHashOf(sid),
      idle,
      absoluteOf(idle, this.settings) ?? 0,
      absoluteEndsAt,
      encodeCookie(lease),
      ...fieldsAndValues(entries),
    ]);
    if (status === STATUS.existed && isOurForm(sid)) {
      const stored = await this.load(sid);
      if (stored !== undefined) return stored;
    }
    if (status !== STATUS.done) throw new SessionConflictError();
    return {
      handle,
      createdAt: now,
      lastSeenAt: now,
      absoluteEndsAt: ends === 0 ? undefined : ends,
      idle,
      cookie: lease.cookie,
      entries,
      secret: 'current',
    };
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, lease: Lease): Promise<SessionRecord | undefined> {
    checkLimits(record.entries, delta, this.settings);
    const removed = delta.removed.map(fieldOfEntry);
    const saved = await this.#renew('save', sid, record, lease, [removed.length, ...removed, ...fieldsAndValues(delta.set)]);
    return saved && { ...saved, entries: applyDelta(record.entries, delta) };
  }

  touch(sid: Sid, record: SessionRecord, lease: Lease): Promise<SessionRecord | undefined> {
    return this.#renew('touch', sid, record, lease, []);
  }

  async rotate(sid: Sid, record: SessionRecord, next: Sid): Promise<{ rotated: boolean; record: SessionRecord } | undefined> {
    const { status } = await this.#write('rotate', record.handle, [
      record.createdAt ?? 0,
      firstPresented(sid, record),
      this.settings.rotationGrace,
      secretHashOf(sid),
      secretHashOf(next),
    ]);
    if (status === STATUS.gone) return this.#lose(record.handle);
    const rotated = status === STATUS.done;
    return { rotated, record: { ...record, secret: rotated ? 'current' : record.secret } };
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | undefined> {
    checkIncrement(record.entries, name, by, this.settings);
    const { status, value: sum } = await this.#write('increment', record.handle, [record.createdAt ?? 0, fieldOfEntry(name), by]).catch(
      (error: unknown) => {
        throw withUnknownOutcome(error);
      },
    );
    if (status === STATUS.gone) return this.#lose(record.handle);
    if (status === STATUS.notInteger) throw notInteger(name);
    return sum;
  }

  async destroy(sid: Sid): Promise<boolean> {
    return (await this.#track(this.client.del(this.#keys.session(handleOf(sid))))) === 1;
  }

  isTouchDue(record: SessionRecord): boolean {
    const now = this.#clock.now();
    // Before the first reply nobody knows Redis' time; the touch brings it.
    if (now === undefined || record.secret === 'unconfirmed') return true;
    return now - record.lastSeenAt >= Math.min(this.settings.touchAfter, record.idle / 10);
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #readHash(handle: Handle): Promise<RedisHash | undefined> {
    try {
      const hash = await this.#loads.load(this.#keys.session(handle));
      return Object.keys(hash).length === 0 ? undefined : hash;
    } catch (error) {
      if (isWrongType(error)) return this.#reject(handle);
      throw toStoreError(error);
    }
  }

  /** Only the end of a previous secret asks for the time at a read. Before the first answer of a script nobody here knows it. */
  async #timeFor({ previousEndsAt }: Metadata): Promise<number> {
    if (previousEndsAt > 0 && this.#clock.now() === undefined) this.#clock.learn(await this.#askTime());
    return this.#clock.now() ?? 0;
  }

  async #askTime(): Promise<number> {
    try {
      const [seconds, microseconds] = await this.client.time();
      return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #renew(
    script: 'save' | 'touch',
    sid: Sid,
    record: SessionRecord,
    lease: Lease,
    args: readonly (string | number)[],
  ): Promise<SessionRecord | undefined> {
    const idle = idleOf(lease, this.settings);
    const { status, now } = await this.#write(script, record.handle, [
      record.createdAt ?? 0,
      firstPresented(sid, record),
      this.settings.rotationGrace,
      idle,
      encodeCookie(lease),
      ...args,
    ]);
    if (status === STATUS.gone) return this.#lose(record.handle);
    return { ...record, lastSeenAt: now, idle, cookie: lease.cookie, secret: record.secret === 'unconfirmed' ? 'current' : record.secret };
  }

  /** A key of another type holds no session: to a script that would write one it is taken, to the others the session is gone. */
  async #write(
    script: ScriptName,
    handle: Handle,
    args: readonly (string | number)[],
  ): Promise<{ status: number; now: number; value: number }> {
    try {
      const [status = STATUS.gone, now = 0, value = 0] = await this.#track(this.#scripts.run(script, this.#keys.session(handle), args));
      this.#clock.learn(now);
      return { status, now, value };
    } catch (error) {
      if (!isWrongType(error)) throw error;
      this.#reject(handle);
      return { status: script === 'create' ? STATUS.taken : STATUS.gone, now: 0, value: 0 };
    }
  }

  async #track<T>(write: Promise<T>): Promise<T> {
    this.#writes.add(write);
    try {
      return await write;
    } catch (error) {
      throw isWrongType(error) ? error : toStoreError(error);
    } finally {
      this.#writes.delete(write);
    }
  }

  #lose(handle: Handle): undefined {
    this.events.emit('lost', { handle });
  }

  #reject(handle: Handle): undefined {
    this.events.emit('rejected', { handle, what: 'session' });
  }
}

function encodeCookie(lease: Lease): string {
  return lease.cookie === undefined ? '' : JSON.stringify(lease.cookie);
}

function fieldsAndValues(entries: EncodedEntries): string[] {
  const result: string[] = [];
  for (const [name, text] of entries) result.push(fieldOfEntry(name), text);
  return result;
}

/** Whoever waited too long, or lost the connection, cannot know whether Redis has added. */
function withUnknownOutcome(error: unknown): unknown {
  const isUnknown = error instanceof SessionStoreUnavailableError && (error.reason === 'timeout' || error.reason === 'connection');
  return isUnknown ? new SessionStoreUnavailableError('outcome unknown') : error;
}
