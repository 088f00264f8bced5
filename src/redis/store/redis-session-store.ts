import {
  RedisSessionConfigError,
  SessionConflictError,
  SessionGoneError,
  SessionStoreUnavailableError,
} from '../../redis-session.errors.js';
import { absoluteOf, idleOf } from '../../session/lifetime.js';
import { MOST_OTHERS } from '../../session/rotation.js';
import { isHolder, isSecretOld, matchSecret, secretAfter, toldSecret } from '../../session/secret-check.js';
import {
  decodeDevice,
  decodeFrom,
  decodeHash,
  decodeMetadata,
  decodeTombstone,
  DEVICE_FIELD,
  encodeCookie,
  fieldOfEntry,
  FROM_FIELD,
  META_FIELD,
  recordOf,
  type Metadata,
} from '../../session/store/session-fields.js';
import { applyWithin, checkIncrement } from '../../session/store/session-limits.js';
import {
  expiresAt,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type Terms,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
} from '../../session/session-record.js';
import {
  noRevokeBefore,
  notInteger,
  SessionStore,
  TOMBSTONE_MS,
  type Revocation,
  type RotateOptions,
} from '../../session/store/session-store.js';
import { handleOf, isOurForm, partsOf, secretHashOf, type Handle, type Sid } from '../../session/sid.js';
import { LruCache } from '../../session/lru-cache.js';
import type { StoreOptions } from '../../session/store/store-options.js';
import type { StoreSettings } from '../../session/store/store-settings.js';
import { clientProblems } from '../client/connection-problems.js';
import { RedisBatch } from '../client/redis-batch.js';
import type { RedisClient } from '../client/redis-client.js';
import { RedisNotBefore } from './redis-not-before.js';
import { isWrongType, toStoreError } from '../client/redis-errors.js';
import { readFields } from './redis-fields.js';
import { prefixProblems, RedisKeys } from './redis-keys.js';
import { RedisLoads, type RedisHash } from './redis-loads.js';
import { RedisNodes } from '../client/redis-nodes.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { ScriptName } from '../scripts/redis-scripts.js';
import { RedisSessionIndex } from './redis-session-index.js';
import { RedisWriter, type ScriptReply } from './redis-writer.js';

/** Each attempt fails only when somebody else has written to the entry meanwhile. */
const MOST_EXCHANGES = 20;
/** In ms. */
const CLOCKS_APART = 1_000;
/** As many times the limits, and it is no session. Reading and decoding it would hold up everybody. */
const FAR = 10;
/** In ms. For so long a hash that is no session for its size is not read again. */
const OVERSIZED_MS = 60_000;
const MOST_OVERSIZED = 1_000;
const NO_ENTRIES: EncodedEntries = new Map();

/**
 * Keeps each session in a Redis hash, one field per entry; `docs/storage-format.md` shows one. A read is one `HGETALL`, a change one
 * script on one key, so it works alike on one node, Sentinel and Cluster. All times are Redis' own.
 *
 * @publicApi
 */
export class RedisSessionStore extends SessionStore {
  readonly index: RedisSessionIndex;
  readonly #keys = new RedisKeys(this.settings.prefix);
  readonly #nodes: RedisNodes;
  /** Until when each of them is not read again. */
  readonly #oversized = new LruCache<number>(MOST_OVERSIZED);
  readonly #writer: RedisWriter;
  readonly #loads: RedisLoads;
  readonly #notBefore: RedisNotBefore | undefined;

  readonly #client: RedisClient;

  /**
   * Throws `RedisSessionConfigError` for wrong options, and for what is no ioredis client, or one that reads from replicas.
   *
   * @param client an ioredis client, which stays the caller's to configure and close
   */
  constructor(client: RedisClient, options: StoreOptions = {}) {
    super(options);
    this.#client = client;
    const problems = [...clientProblems(client), ...prefixProblems(this.settings.prefix, 'prefix')];
    if (problems.length > 0) throw new RedisSessionConfigError(problems);
    const batch = new RedisBatch(client);
    const nodes = new RedisNodes(client, this.settings);
    this.#nodes = nodes;
    this.#writer = new RedisWriter(client, batch, nodes);
    this.#loads = new RedisLoads(batch, nodes);
    this.#notBefore = this.settings.revokeBefore ? new RedisNotBefore(client, nodes, this.#keys, this.#writer, this.settings) : undefined;
    this.index = new RedisSessionIndex(this.#keys, this.#writer, this.settings.logError);
  }

  async find(sid: Sid): Promise<SessionRecord | EndedSession | undefined> {
    const { handle, secretHash: presented } = partsOf(sid);
    if (this.#isOversized(handle)) return undefined;
    let hash: RedisHash;
    try {
      hash = await this.#loads.load(this.#keys.session(handle));
    } catch (error) {
      return this.#unreadable(handle, error);
    }
    const fields = Object.keys(hash);
    if (fields.length === 0) return undefined;
    if (isFarTooLarge(hash, fields, this.settings)) return this.#rejectOversized(handle);
    const decoded = decodeHash(hash);
    if (decoded === undefined) return this.#endedOrRejected(presented, handle, hash);
    const { userId } = decoded.metadata;
    if (this.#hasEnded(decoded.metadata)) return undefined;
    const now = this.#timeFor(decoded.metadata);
    const secret = matchSecret(presented, decoded.metadata.secrets, typeof now === 'number' ? now : await now);
    if (secret === undefined) {
      this.events.emit('reused', { handle, userId });
      return undefined;
    }
    if (this.#notBefore !== undefined && (await this.#isRevokedBefore(decoded.metadata))) return undefined;
    return recordOf(handle, decoded, { secret, presented });
  }

  async create(sid: Sid, session: NewSession): Promise<SessionRecord> {
    const { entries, terms, userId, authenticatedAt, indexedAt, from, absolute, absoluteEndsAt = 0 } = session;
    applyWithin(this.settings, NO_ENTRIES, { set: entries, removed: [] });
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const idle = idleOf(terms, this.settings);
    const args = [
      presented,
      idle,
      absoluteOf(terms, this.settings, absolute) ?? 0,
      absoluteEndsAt,
      userId ?? '',
      authenticatedAt ?? 0,
      indexedAt ?? 0,
      from ?? '',
      encodeCookie(terms.cookie),
      encodeDevice(terms),
    ];
    addFields(args, entries);
    const { status, now, values } = await this.#write('create', handle, args);
    if (status === STATUS.existed && isOurForm(sid)) {
      const stored = await this.load(sid);
      if (stored !== undefined) return stored;
    }
    if (status === STATUS.gone) throw new SessionGoneError();
    if (status !== STATUS.done) throw new SessionConflictError();
    this.events.emit('created', { handle, userId });
    return {
      handle,
      createdAt: now,
      lastSeenAt: now,
      absoluteEndsAt: Number(values[0]) || undefined,
      idle,
      userId,
      authenticatedAt: userId === undefined ? undefined : (authenticatedAt ?? now),
      indexedAt,
      rotatedAt: undefined,
      device: terms.device,
      cookie: terms.cookie,
      entries,
      secret: 'current',
      presented,
    };
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): Promise<SessionRecord | undefined> {
    const entries = applyWithin(this.settings, record.entries, delta);
    const { set, removed, userId, indexedAt } = delta;
    const args = this.#renewal(sid, record, terms);
    args.push(userId === undefined ? '' : `+${userId ?? ''}`, indexedAt ?? 0, removed.length);
    for (const name of removed) args.push(fieldOfEntry(name));
    addFields(args, set);
    const reply = await this.#write('save', record.handle, args);
    if (reply.status === STATUS.gone) return this.#lose(record);
    if (userId === undefined) return this.#renewed(reply, sid, record, terms, entries);
    const authenticatedAt = Number(reply.values[2]) || undefined;
    return this.#renewed(reply, sid, { ...record, userId: userId ?? undefined, authenticatedAt, indexedAt }, terms, entries);
  }

  async touch(sid: Sid, record: SessionRecord, terms: Terms): Promise<SessionRecord | undefined> {
    const reply = await this.#write('touch', record.handle, this.#renewal(sid, record, terms));
    if (reply.status === STATUS.gone) return this.#lose(record);
    return this.#renewed(reply, sid, record, terms, record.entries);
  }

  async rotate(
    sid: Sid,
    record: SessionRecord,
    next: Sid,
    { reauthenticated = false, age = 0 }: RotateOptions = {},
  ): Promise<{ rotated: boolean; record: SessionRecord } | undefined> {
    const { handle } = record;
    const { status, values } = await this.#write('rotate', handle, [
      ...loadedBy(record),
      this.settings.rotationGrace,
      secretHashOf(sid),
      secretHashOf(next),
      Math.ceil(age),
      reauthenticated ? 1 : 0,
      MOST_OTHERS,
    ]);
    if (status === STATUS.gone) return this.#lose(record);
    if (status !== STATUS.done) return { rotated: false, record: { ...record, secret: secretAfter(sid, values[0] ?? '') } };
    this.events.emit('rotated', { handle, userId: record.userId });
    const rotatedAt = Number(values[0]);
    const authenticatedAt = reauthenticated && record.userId !== undefined ? rotatedAt : record.authenticatedAt;
    return { rotated: true, record: { ...record, authenticatedAt, rotatedAt, secret: 'current' } };
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | undefined> {
    checkIncrement(record.entries, name, by, this.settings);
    const args = [...loadedBy(record), fieldOfEntry(name), by];
    const { status, values } = await this.#write('increment', record.handle, args).catch((error: unknown) => {
      throw withUnknownOutcome(error);
    });
    if (status === STATUS.gone) return this.#lose(record);
    if (status === STATUS.notInteger) throw notInteger(name);
    return Number(values[0]);
  }

  async destroy(sid: Sid): Promise<boolean> {
    return (await this.#destroy(handleOf(sid), [])) === 'ended';
  }

  async destroyCopied(copied: SessionRecord): Promise<'ended' | 'gone' | 'changed'> {
    const args = [...loadedBy(copied), `+${copied.userId ?? ''}`];
    addFields(args, copied.entries);
    return this.#destroy(copied.handle, args);
  }

  async #destroy(handle: Handle, args: readonly (string | number)[]): Promise<'ended' | 'gone' | 'changed'> {
    const { status, values } = await this.#write('destroy', handle, args);
    if (status === STATUS.changed) return 'changed';
    const createdAt = Number(values[0]);
    const userId = values[1] === '' ? undefined : values[1];
    const existed = status === STATUS.done && !(await this.#isRevokedBefore({ createdAt, userId }));
    if (existed) this.events.emit('destroyed', { handle, userId });
    return existed ? 'ended' : 'gone';
  }

  async describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    const keys = handles.map((handle) => this.#keys.session(handle));
    const found = await readFields(this.#client, this.#nodes, keys, [META_FIELD, DEVICE_FIELD, FROM_FIELD]);
    const sessions = handles.map((handle, index) => {
      const [packed, device, from] = found[index] ?? [];
      const metadata = decodeMetadata(packed);
      return metadata && factsOf(handle, metadata, decodeDevice(device), decodeFrom(from));
    });
    return this.#notBefore === undefined ? sessions : this.#notBefore.withoutEarlier(sessions);
  }

  async revoke(handle: Handle, { userId, reason, createdBefore, indexedUpTo, mayComeLater = false }: Revocation): Promise<boolean> {
    const args = [userId, reason, TOMBSTONE_MS, createdBefore ?? '', indexedUpTo ?? '', mayComeLater ? 1 : 0];
    const { status } = await this.#write('revoke', handle, args);
    return status === STATUS.done;
  }

  async compareAndSet(
    handle: Handle,
    userId: string,
    name: string,
    change: (text: string | undefined) => string | undefined,
  ): Promise<boolean> {
    const key = this.#keys.session(handle);
    for (let attempt = 1; attempt <= MOST_EXCHANGES; attempt++) {
      const [[packed, text] = []] = await readFields(this.#client, this.#nodes, [key], [META_FIELD, fieldOfEntry(name)]);
      const metadata = decodeMetadata(packed);
      if (metadata?.userId !== userId) return false;
      const next = change(text ?? undefined);
      if (next === undefined || typeof text !== 'string') return true;
      const { status } = await this.#write('compareAndSet', handle, [metadata.createdAt, userId, fieldOfEntry(name), text, next]);
      if (status !== STATUS.changed) return status === STATUS.done;
    }
    throw new SessionStoreUnavailableError('too many writers');
  }

  async endBefore(userId: string, time?: number): Promise<number> {
    if (this.#notBefore === undefined) throw noRevokeBefore();
    return this.#notBefore.set(userId, time);
  }

  now(): Promise<number> {
    return this.#writer.time();
  }

  isRotationDue({ secret, createdAt = 0, rotatedAt = createdAt }: SessionRecord): boolean {
    const now = this.#writer.clock.now();
    return now !== undefined && isSecretOld(secret, now - rotatedAt, this.settings);
  }

  isTouchDue(record: SessionRecord): boolean {
    const now = this.#writer.clock.now();
    // Before the first reply nobody knows Redis' time; the touch brings it.
    if (now === undefined || record.secret === 'unconfirmed') return true;
    // Nor when it was seen in the future: this process was suspended since it learnt the time, or the clock of Redis was set back.
    return Math.abs(now - record.lastSeenAt) >= Math.min(this.settings.touchAfter, record.idle / 10);
  }

  msSinceSeen({ lastSeenAt }: SessionRecord): number {
    const now = this.#writer.clock.now() ?? lastSeenAt;
    return Math.max(0, Math.floor(now - lastSeenAt));
  }

  drain(): Promise<void> {
    return this.#writer.drain();
  }

  #unreadable(handle: Handle, error: unknown): undefined {
    if (isWrongType(error)) return this.#reject(handle);
    throw toStoreError(error);
  }

  /** Redis would have deleted it, if somebody had not taken the end off the key. Other nodes of a Cluster have clocks of their own. */
  #hasEnded(metadata: Metadata): boolean {
    const now = this.#writer.clock.now();
    return now !== undefined && now - expiresAt(metadata) > CLOCKS_APART;
  }

  #isOversized(handle: Handle): boolean {
    const until = this.#oversized.get(handle);
    return until !== undefined && performance.now() < until;
  }

  #rejectOversized(handle: Handle): undefined {
    this.#oversized.add(handle, performance.now() + OVERSIZED_MS);
    return this.#reject(handle);
  }

  #endedOrRejected(secretHash: string, handle: Handle, hash: RedisHash): EndedSession | undefined {
    const tombstone = decodeTombstone(hash);
    if (tombstone === undefined) return this.#reject(handle);
    return isHolder(secretHash, tombstone) ? { endedReason: tombstone.endedReason } : undefined;
  }

  async #isRevokedBefore({ userId, createdAt }: Pick<Metadata, 'userId' | 'createdAt'>): Promise<boolean> {
    return this.#notBefore !== undefined && userId !== undefined && this.#notBefore.isBefore(userId, createdAt);
  }

  /** Only the end of a former secret asks for the time at a read. */
  #timeFor({ secrets: { former } }: Metadata): Promise<number> | number {
    return former.length === 0 ? 0 : this.#writer.time();
  }

  /** What the scripts that start the idle timeout anew begin with. */
  #renewal(sid: Sid, record: SessionRecord, terms: Terms): (string | number)[] {
    return [
      ...loadedBy(record),
      toldSecret(sid, record),
      this.settings.rotationGrace,
      idleOf(terms, this.settings),
      encodeCookie(terms.cookie),
      encodeCookie(record.cookie),
      encodeDevice(terms),
    ];
  }

  #renewed({ now, values }: ScriptReply, sid: Sid, record: SessionRecord, terms: Terms, entries: EncodedEntries): SessionRecord {
    return {
      ...record,
      lastSeenAt: now,
      idle: Number(values[1]),
      cookie: terms.cookie,
      device: terms.device ?? record.device,
      entries,
      secret: secretAfter(sid, values[0] ?? ''),
    };
  }

  /** A key of another type holds no session: to a script that would write one it is taken, to the others the session is gone. */
  #write(script: ScriptName, handle: Handle, args: readonly (string | number)[]): Promise<ScriptReply> {
    return this.#writer.run(script, this.#keys.session(handle), args).catch((error: unknown) => {
      if (!isWrongType(error)) throw error;
      this.#reject(handle);
      return { status: script === 'create' ? STATUS.taken : STATUS.gone, now: 0, values: [] };
    });
  }

  #lose({ handle, userId }: SessionRecord): undefined {
    this.events.emit('lost', { handle, userId });
  }

  #reject(handle: Handle): undefined {
    this.events.emit('rejected', { handle, what: 'session' });
  }
}

/** What is just too large may be a session whose limits were lowered, and may shrink. */
function isFarTooLarge(hash: RedisHash, fields: readonly string[], { maxFields, maxBytes }: StoreSettings): boolean {
  if (fields.length > FAR * maxFields) return true;
  let size = 0;
  for (const field of fields) size += field.length + (hash[field]?.length ?? 0);
  return size > FAR * maxBytes;
}

function factsOf(handle: Handle, metadata: Metadata, device: SessionFacts['device'], from: SessionFacts['from']): SessionFacts {
  const { userId, createdAt, authenticatedAt, indexedAt, lastSeenAt, absoluteEndsAt, idle } = metadata;
  return { handle, userId, createdAt, authenticatedAt, indexedAt, from, lastSeenAt, absoluteEndsAt, idle, device };
}

function encodeDevice(terms: Terms): string {
  return terms.device === undefined ? '' : JSON.stringify(terms.device);
}

/** What the scripts begin with that write to a session which a request has loaded: which one, by which secret, and the sign-in that it knows of. */
function loadedBy({ createdAt = 0, presented, authenticatedAt = 0 }: SessionRecord): (string | number)[] {
  return [createdAt, presented, authenticatedAt];
}

function addFields(args: (string | number)[], entries: EncodedEntries): void {
  for (const [name, text] of entries) args.push(fieldOfEntry(name), text);
}

/** Whoever waited too long, or lost the connection, cannot know whether Redis has added. */
function withUnknownOutcome(error: unknown): unknown {
  const isUnknown = error instanceof SessionStoreUnavailableError && (error.reason === 'timeout' || error.reason === 'connection');
  return isUnknown ? new SessionStoreUnavailableError('outcome unknown') : error;
}
