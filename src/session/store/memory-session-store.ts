import { setTimeout as sleep } from 'node:timers/promises';
import { SYSTEM_CLOCK, type Clock } from '../clock.js';
import { MemorySessionIndex } from './memory-session-index.js';
import {
  confirmed,
  firstSecret,
  goodSecrets,
  isCurrentOrNewer,
  newestSecret,
  replaceAll,
  rotate,
  toldAt,
  withoutGrace,
  type Secrets,
} from '../rotation.js';
import { isHolder, matchSecret, mayWrite, secretAfter, secretLater, toldSecret } from '../secret-check.js';
import { beganAt, encodeCookie, endOf, recordOf, type Metadata, type Tombstone } from './session-fields.js';
import {
  applyDelta,
  expiresAt,
  type CookieAttributes,
  type Device,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
  type StoredTerms,
} from '../session-record.js';
import {
  NEXT_MS,
  DEFAULT_REASON,
  TOMBSTONE_MS,
  type DestroyedSession,
  type EndOptions,
  type Revocation,
  type RotateOptions,
  type Rotation,
  type SessionStore,
  type Unusable,
} from './session-store.js';
import { handleOf, secretHashOf, type Handle, type Sid } from '../sid.js';
import type { StoreOptions } from './store-options.js';
import { storeSettings, type StoreSettings } from './store-settings.js';

interface StoredSession {
  readonly metadata: Metadata;
  readonly cookie: CookieAttributes | undefined;
  readonly device: Device | undefined;
  readonly from?: Handle | undefined;
  /** See {@link NewSession.adoptedUntil}. */
  readonly adoptedUntil?: number | undefined;
  readonly entries: EncodedEntries;
}

const NO_CHANGE: EntryDelta = { set: new Map(), removed: [] };

// Each operation reads the clock once, as our Lua scripts do: between two readings a session may end that has been found alive.

/**
 * Keeps sessions in the memory of this process: for tests and trials. They are gone with the process, and no other process sees them.
 *
 * @publicApi
 */
export class MemorySessionStore implements SessionStore {
  readonly settings: StoreSettings;
  readonly clock: Clock;
  readonly index: MemorySessionIndex;
  readonly #sessions = new Map<Handle, StoredSession>();
  readonly #tombstones = new Map<Handle, Tombstone & { readonly endsAt: number }>();
  readonly #notBefore = new Map<string, number>();
  #sweepAt = 0;

  /**
   * Throws `RedisSessionConfigError` for wrong options.
   *
   * @param clock what tells the time; the system's by default
   */
  constructor(options: StoreOptions = {}, clock: Clock = SYSTEM_CLOCK) {
    this.settings = storeSettings(options);
    this.clock = clock;
    this.index = new MemorySessionIndex(clock);
  }

  async find(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const now = this.clock.now();
    const stored = this.#live(handle, now);
    if (stored === undefined) return this.#ended(presented, handle, now);
    const { userId, secrets } = stored.metadata;
    const secret = matchSecret(presented, secrets, now);
    if (secret === undefined) return { unusable: 'secret', userId };
    if (this.#isRevokedBefore(stored)) return undefined;
    return recordOf(handle, stored, { secret, presented });
  }

  async findAdopted(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const now = this.clock.now();
    const stored = this.#live(handle, now);
    const tombstone = stored === undefined ? this.#tombstone(handle, now) : undefined;
    if (stored === undefined) return tombstone && endOf(tombstone);
    if (this.#isRevokedBefore(stored)) return { endedReason: DEFAULT_REASON };
    return recordOf(handle, stored, { secret: matchSecret(presented, stored.metadata.secrets, now) ?? 'previous', presented });
  }

  async reload(record: SessionRecord): Promise<SessionRecord | EndedSession | Unusable | undefined> {
    const { handle, presented } = record;
    const now = this.clock.now();
    const stored = this.#loaded(record, now);
    if (stored === undefined) {
      const tombstone = this.#tombstone(handle, now);
      return tombstone && endOf(tombstone);
    }
    const { userId, secrets } = stored.metadata;
    if (this.#isRevokedBefore(stored)) return undefined;
    if (!mayWrite(record, stored.metadata)) return { unusable: 'secret', userId };
    return recordOf(handle, stored, { secret: secretLater(presented, secrets), presented });
  }

  async create(sid: Sid, session: NewSession): Promise<SessionRecord | 'exists' | 'taken' | 'gone'> {
    const { entries, terms, userId, authenticatedAt, indexedAt, from, absolute, absoluteEndsAt, adoptedUntil } = session;
    const now = this.clock.now();
    this.#sweep(now);
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const existing = this.#live(handle, now);
    if (existing !== undefined) return existing.metadata.secrets.current === presented ? 'exists' : 'taken';
    const tombstone = this.#tombstone(handle, now);
    if (tombstone !== undefined) return tombstone.secretHashes.length === 0 ? 'gone' : 'taken';
    const metadata: Metadata = {
      createdAt: now,
      lastSeenAt: now,
      absoluteEndsAt: absoluteEndsAt ?? (absolute === undefined ? undefined : now + absolute),
      idle: terms.idle,
      authenticatedAt: userId === undefined ? undefined : (authenticatedAt ?? now),
      indexedAt,
      secrets: firstSecret(presented),
      userId,
    };
    const stored = { metadata, cookie: terms.cookie, device: terms.device, from, adoptedUntil, entries };
    return this.#put(handle, stored, { secret: 'current', presented });
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): Promise<SessionRecord | undefined> {
    const saved = this.#write(sid, record, delta, terms);
    return saved && { ...saved, entries: applyDelta(record.entries, delta) };
  }

  async touch(sid: Sid, record: SessionRecord, terms: StoredTerms): Promise<SessionRecord | undefined> {
    const touched = this.#write(sid, record, NO_CHANGE, terms);
    return touched && { ...touched, entries: record.entries };
  }

  async rotate(sid: Sid, record: SessionRecord, next: Sid, { grace, reauthenticated, age }: RotateOptions): Promise<Rotation | undefined> {
    const now = this.clock.now();
    const stored = this.#loaded(record, now);
    const isRepeated = stored !== undefined && isCurrentOrNewer(stored.metadata.secrets, secretHashOf(next));
    if (stored === undefined || !(isRepeated || mayWrite(record, stored.metadata))) return undefined;
    const { presented } = record;
    const request = { presented, own: secretHashOf(sid), next: secretHashOf(next), age, grace, now };
    const { outcome, secrets } = (reauthenticated ? replaceAll : rotate)(stored.metadata.secrets, request);
    if (outcome === 'ended') return undefined;
    if (outcome === 'unchanged') return { rotated: false, record: { ...record, secret: secretAfter(sid, newestSecret(secrets)) } };
    const { rotatedAt = now } = secrets;
    const authenticatedAt = reauthenticated && record.userId !== undefined ? rotatedAt : record.authenticatedAt;
    const metadata = { ...stored.metadata, secrets, ...(reauthenticated ? { authenticatedAt } : {}) };
    if (secrets !== stored.metadata.secrets) this.#sessions.set(record.handle, { ...stored, metadata });
    return { rotated: true, record: { ...record, authenticatedAt, rotatedAt, secret: 'current' } };
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | 'no integer' | undefined> {
    const stored = this.#same(record, this.clock.now());
    if (stored === undefined) return undefined;
    const text = stored.entries.get(name) ?? '0';
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    const sum = value + by;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(sum)) return 'no integer';
    const entries = applyDelta(stored.entries, { set: new Map([[name, String(sum)]]), removed: [] });
    this.#sessions.set(record.handle, { ...stored, entries });
    return sum;
  }

  async destroy(sid: Sid, copied?: SessionRecord, { leavesWord = false }: EndOptions = {}): Promise<DestroyedSession | 'gone' | 'changed'> {
    const handle = handleOf(sid);
    const now = this.clock.now();
    const stored = copied === undefined ? this.#live(handle, now) : this.#same(copied, now);
    if (stored === undefined) return 'gone';
    const { userId } = stored.metadata;
    if (copied !== undefined && (userId !== copied.userId || !hasEntries(stored.entries, copied.entries))) return 'changed';
    this.#end(handle, stored, { endedReason: '', ms: leavesWord ? leftOf(stored, now) : 0, now });
    return this.#isRevokedBefore(stored) ? 'gone' : { userId };
  }

  async describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    const now = this.clock.now();
    return handles.map((handle) => {
      const stored = this.#live(handle, now);
      if (stored === undefined || this.#isRevokedBefore(stored)) return undefined;
      const { userId, createdAt, authenticatedAt, indexedAt, lastSeenAt, absoluteEndsAt, idle } = stored.metadata;
      const { device, from } = stored;
      return { handle, userId, createdAt, authenticatedAt, indexedAt, from, lastSeenAt, absoluteEndsAt, idle, device };
    });
  }

  async revoke(
    handle: Handle,
    { userId, reason, createdBefore = Infinity, indexedUpTo = Infinity, mayComeLater = false, leavesWord = false }: Revocation,
  ): Promise<boolean> {
    const now = this.clock.now();
    const stored = this.#live(handle, now);
    if (stored === undefined && mayComeLater && this.#tombstone(handle, now) === undefined)
      this.#tombstones.set(handle, { endedReason: reason, secretHashes: [], endsAt: now + TOMBSTONE_MS });
    if (stored?.metadata.userId !== userId || beganAt(stored.metadata, isAdopted(stored)) >= createdBefore) return false;
    if ((stored.metadata.indexedAt ?? 0) > indexedUpTo) return false;
    this.#end(handle, stored, { endedReason: reason, ms: Math.max(TOMBSTONE_MS, leavesWord ? leftOf(stored, now) : 0), now });
    return true;
  }

  async compareAndSet(
    handle: Handle,
    userId: string,
    name: string,
    change: (text: string | undefined) => string | undefined,
  ): Promise<boolean> {
    const now = this.clock.now();
    const stored = this.#live(handle, now);
    if (stored?.metadata.userId !== userId) return false;
    const before = stored.entries.get(name);
    const text = change(before);
    if (text === undefined || before === undefined) return true;
    // It may have written to the session itself.
    if (this.#live(handle, now) !== stored) return this.compareAndSet(handle, userId, name, change);
    const entries = applyDelta(stored.entries, { set: new Map([[name, text]]), removed: [] });
    this.#sessions.set(handle, { ...stored, metadata: mapSecrets(stored.metadata, withoutGrace), entries });
    return true;
  }

  async endBefore(userId: string, time = Infinity): Promise<number> {
    const now = this.clock.now();
    // Also those that were created in this very millisecond.
    const counts = Math.min(Math.ceil(time), now + 1);
    this.#notBefore.set(userId, Math.max(this.#notBefore.get(userId) ?? 0, counts));
    if (counts > now) await sleep(NEXT_MS);
    return counts;
  }

  async drain(): Promise<void> {}

  #write(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): SessionRecord | undefined {
    const now = this.clock.now();
    const stored = this.#same(record, now);
    if (stored === undefined) return undefined;
    const { userId } = delta;
    const presented = mapSecrets(stored.metadata, (secrets) =>
      toldAt(confirmed(secrets, record.presented, terms.grace, now), toldSecret(sid, record), now),
    );
    const withUser =
      userId === undefined
        ? presented
        : {
            ...mapSecrets(presented, withoutGrace),
            userId: userId ?? undefined,
            authenticatedAt: userId === null ? undefined : (stored.metadata.authenticatedAt ?? now),
            indexedAt: delta.indexedAt,
          };
    // What this request has not changed about the cookie, another may have. That stays, and the idle timeout that goes with it.
    const loadedCookie = encodeCookie(record.cookie);
    const keepsCookie = encodeCookie(terms.cookie) === loadedCookie && encodeCookie(stored.cookie) !== loadedCookie;
    const metadata = { ...withUser, lastSeenAt: now, idle: keepsCookie ? stored.metadata.idle : terms.idle };
    const written = {
      metadata,
      cookie: keepsCookie ? stored.cookie : terms.cookie,
      device: terms.device ?? stored.device,
      adoptedUntil: stored.adoptedUntil,
      entries: applyDelta(stored.entries, delta),
    };
    const presentation = { secret: secretAfter(sid, newestSecret(metadata.secrets)), presented: record.presented };
    return { ...this.#put(record.handle, written, presentation), cookie: terms.cookie };
  }

  /** Ends a session, and leaves word of it for that many ms. The word of one that was adopted stays for as long as its credential could come again. */
  #end(handle: Handle, stored: StoredSession, { endedReason, ms, now }: { endedReason: string; ms: number; now: number }): void {
    this.#sessions.delete(handle);
    const endsAt = Math.max(now + ms, stored.adoptedUntil ?? 0);
    // Whoever has a secret that was good no longer is told nothing.
    if (endsAt > now) this.#tombstones.set(handle, { endedReason, secretHashes: goodSecrets(stored.metadata.secrets, now), endsAt });
  }

  #put(handle: Handle, session: StoredSession, presentation: Parameters<typeof recordOf>[2]): SessionRecord {
    this.#sessions.set(handle, session);
    return recordOf(handle, session, presentation);
  }

  #ended(presented: string, handle: Handle, now: number): EndedSession | Unusable | undefined {
    const tombstone = this.#tombstone(handle, now);
    return tombstone !== undefined && isHolder(presented, tombstone) ? endOf(tombstone) : undefined;
  }

  #tombstone(handle: Handle, now: number): Tombstone | undefined {
    const tombstone = this.#tombstones.get(handle);
    return tombstone !== undefined && now < tombstone.endsAt ? tombstone : undefined;
  }

  /** The session that was loaded, not a later one under the same handle, for a request that may still write to it. */
  #same(record: SessionRecord, now: number): StoredSession | undefined {
    const stored = this.#loaded(record, now);
    return stored !== undefined && mayWrite(record, stored.metadata) ? stored : undefined;
  }

  #loaded(record: SessionRecord, now: number): StoredSession | undefined {
    const stored = this.#live(record.handle, now);
    return stored?.metadata.createdAt === record.createdAt ? stored : undefined;
  }

  #live(handle: Handle, now: number): StoredSession | undefined {
    const stored = this.#sessions.get(handle);
    if (stored === undefined || isLive(stored, now)) return stored;
    this.#sessions.delete(handle);
    return undefined;
  }

  #isRevokedBefore(stored: StoredSession): boolean {
    const { metadata } = stored;
    return metadata.userId !== undefined && beganAt(metadata, isAdopted(stored)) < (this.#notBefore.get(metadata.userId) ?? 0);
  }

  /** Drops what has ended, at most once per idle timeout, so that visitors who never return do not fill the memory. */
  #sweep(now: number): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + this.settings.idle;
    for (const [handle, stored] of this.#sessions) if (!isLive(stored, now)) this.#sessions.delete(handle);
    for (const [handle, { endsAt }] of this.#tombstones) if (endsAt <= now) this.#tombstones.delete(handle);
    this.index.sweep(now);
  }
}

function mapSecrets(metadata: Metadata, change: (secrets: Secrets) => Secrets): Metadata {
  return { ...metadata, secrets: change(metadata.secrets) };
}

function hasEntries(entries: EncodedEntries, others: EncodedEntries): boolean {
  return entries.size === others.size && [...others].every(([name, text]) => entries.get(name) === text);
}

function isLive({ metadata }: StoredSession, now: number): boolean {
  return now < expiresAt(metadata);
}

/** How long it would live, in ms. */
function leftOf({ metadata }: StoredSession, now: number): number {
  return expiresAt(metadata) - now;
}

function isAdopted({ adoptedUntil }: StoredSession): boolean {
  return adoptedUntil !== undefined;
}
