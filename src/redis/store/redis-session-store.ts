import { RedisSessionConfigError, SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { tellConflict } from '../../session/diagnostics.js';
import { MOST_OTHERS } from '../../session/rotation.js';
import { isHolder, matchSecret, mayWrite, secretAfter, secretLater, toldSecret } from '../../session/secret-check.js';
import {
  ADOPTED_FIELD,
  beganAt,
  decodeDevice,
  decodeFrom,
  decodeHash,
  decodeMetadata,
  decodeTombstone,
  DEVICE_FIELD,
  encodeCookie,
  endOf,
  fieldOfEntry,
  FROM_FIELD,
  META_FIELD,
  recordOf,
  type DecodedHash,
  type Metadata,
  type Tombstone,
} from '../../session/store/session-fields.js';
import {
  applyDelta,
  expiresAt,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
  type StoredTerms,
} from '../../session/session-record.js';
import {
  DEFAULT_REASON,
  TOMBSTONE_MS,
  type DestroyedSession,
  type EndOptions,
  type Revocation,
  type RotateOptions,
  type Rotation,
  type SessionStore,
  type StoreClock,
  type StoreProblem,
  type Unusable,
} from '../../session/store/session-store.js';
import { handleOf, partsOf as partsOfSid, secretHashOf, type Handle, type Sid } from '../../session/sid.js';
import { LruCache } from '../../session/lru-cache.js';
import type { StoreOptions } from '../../session/store/store-options.js';
import { storeSettings, type StoreSettings } from '../../session/store/store-settings.js';
import { emitWarning, warnOnce } from '../../session/warn-once.js';
import { clientWarnings } from '../client/client-warnings.js';
import { clientProblems } from '../client/connection-problems.js';
import { redisProblems } from '../client/redis-problems.js';
import { RedisBatch } from '../client/redis-batch.js';
import { redisPortOf } from '../client/redis-clients.js';
import type { RedisClient } from '../client/redis-connection.js';
import type { RedisPort } from '../client/redis-port.js';
import { RedisNotBefore } from './redis-not-before.js';
import { isWrongType, toStoreError } from '../client/redis-errors.js';
import { readFields } from './redis-fields.js';
import { prefixProblems, RedisKeys } from './redis-keys.js';
import { RedisLoads, type RedisHash } from './redis-loads.js';
import { RedisNodes } from '../client/redis-nodes.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { ScriptName } from '../scripts/redis-scripts.js';
import { RedisSessionIndex } from './redis-session-index.js';
import { GONE, RedisWriter, TAKEN, type ScriptReply } from './redis-writer.js';

/** Each attempt fails only when somebody else has written to the entry meanwhile. */
const MOST_ATTEMPTS = 20;
/** In ms. */
const CLOCKS_APART = 1_000;
/** As many times the limits, and it is no session. Reading and decoding it would hold up everybody. */
const FAR = 10;
/** In ms. For so long a hash that is no session for its size is not read again. */
const OVERSIZED_MS = 60_000;
const MOST_OVERSIZED = 1_000;
const FOREIGN_DATA: Unusable = { unusable: 'data' };
/** Of whoever has a credential. */
const ALWAYS: (presented: string, tombstone: Tombstone) => boolean = () => true;

/** What a store beside it uses too: one view of outages, one clock, one batch. */
export interface RedisStoreParts {
  readonly port: RedisPort;
  readonly nodes: RedisNodes;
  readonly keys: RedisKeys;
  readonly writer: RedisWriter;
  readonly loads: RedisLoads;
  readonly notBefore: RedisNotBefore;
  /** For how many ms nobody can store a session that its holder has ended; 0 where nobody could try. */
  barredMs: number;
}

const partsByStore = new WeakMap<RedisSessionStore, RedisStoreParts>();

/** The parts of a store, for one that wraps it. */
export function partsOf(store: RedisSessionStore): RedisStoreParts {
  const parts = partsByStore.get(store);
  if (parts === undefined) throw new TypeError('Only a RedisSessionStore has such parts.');
  return parts;
}

/**
 * Keeps each session in a Redis hash, one field per entry; `docs/storage-format.md` shows one. A read is one `HGETALL`, a change one
 * script on one key, so it works alike on one node, Sentinel and Cluster. All times are Redis' own.
 *
 * @publicApi
 */
export class RedisSessionStore implements SessionStore {
  readonly settings: StoreSettings;
  readonly clock: StoreClock;
  readonly index: RedisSessionIndex;
  readonly #keys: RedisKeys;
  readonly #nodes: RedisNodes;
  /** Until when each of them is not read again. */
  readonly #oversized = new LruCache<number>(MOST_OVERSIZED);
  readonly #writer: RedisWriter;
  readonly #loads: RedisLoads;
  readonly #notBefore: RedisNotBefore;

  readonly #port: RedisPort;
  readonly #parts: RedisStoreParts;

  /**
   * Throws `RedisSessionConfigError` for wrong options, and for what is no Redis client, or one that reads from replicas.
   *
   * @param client of ioredis, iovalkey or node-redis; it stays the caller's to configure, connect and close
   */
  constructor(client: RedisClient, options: StoreOptions = {}) {
    this.settings = storeSettings(options);
    const problems = [...clientProblems(client), ...prefixProblems(this.settings.prefix, 'prefix')];
    if (problems.length > 0) throw new RedisSessionConfigError(problems);
    this.#keys = new RedisKeys(this.settings.prefix);
    for (const warning of clientWarnings(client, this.settings.deadline)) warnOnce(emitWarning, warning);
    const port = redisPortOf(client);
    this.#port = port;
    const batch = new RedisBatch(port);
    const nodes = new RedisNodes(port, this.settings);
    this.#nodes = nodes;
    const writer = new RedisWriter(port, batch, nodes);
    this.#writer = writer;
    this.clock = { now: () => writer.clock.now(), ask: () => writer.time() };
    this.#loads = new RedisLoads(batch, nodes);
    this.#notBefore = new RedisNotBefore(port, nodes, this.#keys, this.#writer, this.settings);
    this.index = new RedisSessionIndex(this.#keys, this.#writer, this.settings.logError);
    this.#parts = { port, nodes, keys: this.#keys, writer, loads: this.#loads, notBefore: this.#notBefore, barredMs: 0 };
    partsByStore.set(this, this.#parts);
  }

  find(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    return this.#find(sid, isHolder);
  }

  findAdopted(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    return this.#find(sid, ALWAYS);
  }

  /** @param maySee whether somebody who presents that secret may know of what is left; where anybody may, any secret opens the session too */
  async #find(sid: Sid, maySee: typeof isHolder): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    const { handle, secretHash: presented } = partsOfSid(sid);
    if (this.#isOversized(handle)) return undefined;
    let hash: RedisHash;
    try {
      hash = await this.#loads.load(this.#keys.session(handle));
    } catch (error) {
      return unreadable(error);
    }
    const fields = Object.keys(hash);
    if (fields.length === 0) return undefined;
    if (isFarTooLarge(hash, fields, this.settings)) return this.#rejectOversized(handle);
    const decoded = decodeHash(hash);
    if (decoded === undefined) return endedOrForeign(presented, hash, maySee);
    const { userId } = decoded.metadata;
    if (this.#hasEnded(decoded.metadata)) return undefined;
    const now = this.#timeFor(decoded.metadata);
    const matched = matchSecret(presented, decoded.metadata.secrets, typeof now === 'number' ? now : await now);
    const secret = matched ?? (maySee === ALWAYS ? 'previous' : undefined);
    if (secret === undefined) return { unusable: 'secret', userId };
    if (this.settings.revokeBefore && (await this.#isRevokedBefore(decoded)))
      return maySee === ALWAYS ? { endedReason: DEFAULT_REASON } : undefined;
    return recordOf(handle, decoded, { secret, presented });
  }

  async reload(record: SessionRecord): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    const { handle, presented } = record;
    if (this.#isOversized(handle)) return undefined;
    const found = await this.#loads.load(this.#keys.session(handle)).catch(unreadable);
    if (isForeign(found)) return found;
    const fields = Object.keys(found);
    if (fields.length === 0) return undefined;
    if (isFarTooLarge(found, fields, this.settings)) return this.#rejectOversized(handle);
    const decoded = decodeHash(found);
    if (decoded === undefined) return endIn(found);
    const { metadata } = decoded;
    if (metadata.createdAt !== record.createdAt || this.#hasEnded(metadata) || (await this.#isRevokedBefore(decoded))) return undefined;
    if (!mayWrite(record, metadata)) return { unusable: 'secret', userId: metadata.userId };
    return recordOf(handle, decoded, { secret: secretLater(presented, metadata.secrets), presented });
  }

  async create(sid: Sid, session: NewSession): Promise<SessionRecord | 'exists' | 'taken' | 'gone'> {
    const { entries, terms, userId, authenticatedAt, indexedAt, from, absolute = 0, absoluteEndsAt = 0, adoptedUntil } = session;
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const args = [
      presented,
      terms.idle,
      absolute,
      absoluteEndsAt,
      userId ?? '',
      authenticatedAt ?? 0,
      indexedAt ?? 0,
      from ?? '',
      encodeCookie(terms.cookie),
      encodeDevice(terms),
      adoptedUntil === undefined ? '' : Math.ceil(adoptedUntil),
    ];
    addFields(args, entries);
    const { status, now, values } = await this.#write('create', handle, args);
    if (status === STATUS.unchanged) return 'exists';
    if (status === STATUS.gone) return 'gone';
    if (status !== STATUS.done) return 'taken';
    return {
      handle,
      createdAt: now,
      lastSeenAt: now,
      absoluteEndsAt: Number(values[0]) || undefined,
      idle: terms.idle,
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

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): Promise<SessionRecord | undefined> {
    const { set, removed, userId, indexedAt } = delta;
    const args = touchArgs(sid, record, terms);
    args.push(userId === undefined ? '' : `+${userId ?? ''}`, indexedAt ?? 0, removed.length);
    for (const name of removed) args.push(fieldOfEntry(name));
    addFields(args, set);
    const reply = await this.#write('save', record.handle, args);
    if (reply.status === STATUS.gone) return undefined;
    const entries = applyDelta(record.entries, delta);
    if (userId === undefined) return touched(reply, sid, record, terms, entries);
    const authenticatedAt = Number(reply.values[2]) || undefined;
    return touched(reply, sid, { ...record, userId: userId ?? undefined, authenticatedAt, indexedAt }, terms, entries);
  }

  async touch(sid: Sid, record: SessionRecord, terms: StoredTerms): Promise<SessionRecord | undefined> {
    const reply = await this.#write('touch', record.handle, touchArgs(sid, record, terms));
    return reply.status === STATUS.gone ? undefined : touched(reply, sid, record, terms, record.entries);
  }

  async rotate(sid: Sid, record: SessionRecord, next: Sid, { grace, reauthenticated, age }: RotateOptions): Promise<Rotation | undefined> {
    const { status, values } = await this.#write('rotate', record.handle, [
      ...loadedBy(record),
      grace,
      secretHashOf(sid),
      secretHashOf(next),
      Math.ceil(age),
      reauthenticated ? 1 : 0,
      MOST_OTHERS,
    ]);
    if (status === STATUS.gone) return undefined;
    if (status !== STATUS.done) return { rotated: false, record: { ...record, secret: secretAfter(sid, values[0] ?? '') } };
    const rotatedAt = Number(values[0]);
    const authenticatedAt = reauthenticated && record.userId !== undefined ? rotatedAt : record.authenticatedAt;
    return { rotated: true, record: { ...record, authenticatedAt, rotatedAt, secret: 'current' } };
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | 'no integer' | undefined> {
    const { status, values } = await this.#write('increment', record.handle, [...loadedBy(record), fieldOfEntry(name), by]);
    if (status === STATUS.gone) return undefined;
    return status === STATUS.notInteger ? 'no integer' : Number(values[0]);
  }

  async destroy(sid: Sid, copied?: SessionRecord, { leavesWord = false }: EndOptions = {}): Promise<DestroyedSession | 'gone' | 'changed'> {
    const args: (string | number)[] = [this.#parts.barredMs, leavesWord ? 1 : 0];
    if (copied !== undefined) {
      args.push(...loadedBy(copied), `+${copied.userId ?? ''}`);
      addFields(args, copied.entries);
    }
    const { status, values } = await this.#write('destroy', handleOf(sid), args);
    if (status === STATUS.changed) return 'changed';
    if (status !== STATUS.done) return 'gone';
    const userId = values[1] === '' ? undefined : values[1];
    return (await this.#hasBegunBefore(userId, Number(values[0]))) ? 'gone' : { userId };
  }

  async describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    const keys = handles.map((handle) => this.#keys.session(handle));
    const found = await readFields(this.#port, this.#nodes, keys, [META_FIELD, DEVICE_FIELD, FROM_FIELD, ADOPTED_FIELD]);
    const sessions = handles.map((handle, index) => {
      const [packed, device, from, adopted] = found[index] ?? [];
      const metadata = decodeMetadata(packed);
      if (metadata === undefined) return undefined;
      const facts = factsOf(handle, metadata, decodeDevice(device), decodeFrom(from));
      return { facts, beganAt: beganAt(metadata, typeof adopted === 'string') };
    });
    const alive = this.settings.revokeBefore ? await this.#notBefore.withoutEarlier(sessions) : sessions;
    return alive.map((session) => session?.facts);
  }

  async revoke(
    handle: Handle,
    { userId, reason, createdBefore, indexedUpTo, mayComeLater = false, leavesWord = false }: Revocation,
  ): Promise<boolean> {
    const args = [userId, reason, TOMBSTONE_MS, createdBefore ?? '', indexedUpTo ?? '', mayComeLater ? 1 : 0, leavesWord ? 1 : 0];
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
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const [[packed, text] = []] = await readFields(this.#port, this.#nodes, [key], [META_FIELD, fieldOfEntry(name)]);
      const metadata = decodeMetadata(packed);
      if (metadata?.userId !== userId) return false;
      const next = change(text ?? undefined);
      if (next === undefined || typeof text !== 'string') return true;
      const { status } = await this.#write('compareAndSet', handle, [metadata.createdAt, userId, fieldOfEntry(name), text, next]);
      if (status !== STATUS.changed) return status === STATUS.done;
      tellConflict('changed-meanwhile');
    }
    throw new SessionStoreUnavailableError('too many writers');
  }

  async endBefore(userId: string, time?: number): Promise<number> {
    return this.#notBefore.set(userId, time);
  }

  inspect(): Promise<readonly StoreProblem[]> {
    return redisProblems(this.#port);
  }

  drain(): Promise<void> {
    return this.#writer.drain();
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

  #rejectOversized(handle: Handle): Unusable {
    this.#oversized.add(handle, performance.now() + OVERSIZED_MS);
    return FOREIGN_DATA;
  }

  #isRevokedBefore({ metadata, isAdopted }: Pick<DecodedHash, 'metadata' | 'isAdopted'>): Promise<boolean> {
    return this.#hasBegunBefore(metadata.userId, beganAt(metadata, isAdopted));
  }

  async #hasBegunBefore(userId: string | undefined, time: number): Promise<boolean> {
    return this.settings.revokeBefore && userId !== undefined && this.#notBefore.isBefore(userId, time);
  }

  /** Only the end of a previous secret asks for the time at a read. */
  #timeFor({ secrets: { previous } }: Metadata): Promise<number> | number {
    return previous.length === 0 ? 0 : this.#writer.time();
  }

  #write(script: ScriptName, handle: Handle, args: readonly (string | number)[]): Promise<ScriptReply> {
    return this.#writer.run(script, this.#keys.session(handle), args, script === 'create' ? TAKEN : GONE);
  }
}

function unreadable(error: unknown): Unusable {
  if (isWrongType(error)) return FOREIGN_DATA;
  throw toStoreError(error);
}

function isForeign(found: RedisHash | Unusable): found is Unusable {
  return found === FOREIGN_DATA;
}

/** Without what its holder is known by. */
function endIn(hash: RedisHash): EndedSession | Unusable | undefined {
  const tombstone = decodeTombstone(hash);
  if (tombstone === undefined) return FOREIGN_DATA;
  // What only bars the handle tells nobody anything.
  return tombstone.endedReason === '' && tombstone.secretHashes.every((one) => one === '') ? undefined : endOf(tombstone);
}

function endedOrForeign(secretHash: string, hash: RedisHash, maySee: typeof isHolder): EndedSession | Unusable | undefined {
  const tombstone = decodeTombstone(hash);
  if (tombstone === undefined) return FOREIGN_DATA;
  return maySee(secretHash, tombstone) ? endOf(tombstone) : undefined;
}

/** What the scripts that start the idle timeout anew begin with. */
function touchArgs(sid: Sid, record: SessionRecord, terms: StoredTerms): (string | number)[] {
  return [
    ...loadedBy(record),
    toldSecret(sid, record),
    terms.grace,
    terms.idle,
    encodeCookie(terms.cookie),
    encodeCookie(record.cookie),
    encodeDevice(terms),
  ];
}

function touched(
  { now, values }: ScriptReply,
  sid: Sid,
  record: SessionRecord,
  terms: StoredTerms,
  entries: EncodedEntries,
): SessionRecord {
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

/** What is just too large may be a session whose limits were lowered, and may shrink. */
export function isFarTooLarge(hash: RedisHash, fields: readonly string[], { maxFields, maxBytes }: StoreSettings): boolean {
  if (fields.length > FAR * maxFields) return true;
  let size = 0;
  for (const field of fields) size += field.length + (hash[field]?.length ?? 0);
  return size > FAR * maxBytes;
}

function factsOf(handle: Handle, metadata: Metadata, device: SessionFacts['device'], from: SessionFacts['from']): SessionFacts {
  const { userId, createdAt, authenticatedAt, indexedAt, lastSeenAt, absoluteEndsAt, idle } = metadata;
  return { handle, userId, createdAt, authenticatedAt, indexedAt, from, lastSeenAt, absoluteEndsAt, idle, device };
}

function encodeDevice(terms: StoredTerms): string {
  return terms.device === undefined ? '' : JSON.stringify(terms.device);
}

/** What the scripts begin with that write to a session which a request has loaded: which one, by which secret, and the sign-in that it knows of. */
function loadedBy({ createdAt = 0, presented, authenticatedAt = 0 }: SessionRecord): (string | number)[] {
  return [createdAt, presented, authenticatedAt];
}

function addFields(args: (string | number)[], entries: EncodedEntries): void {
  for (const [name, text] of entries) args.push(fieldOfEntry(name), text);
}
