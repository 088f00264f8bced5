import { setTimeout as sleep } from 'node:timers/promises';
import { SessionConflictError, SessionGoneError } from '../../redis-session.errors.js';
import { absoluteOf, idleOf } from '../lifetime.js';
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
import { isHolder, isSecretOld, matchSecret, mayWrite, secretAfter, toldSecret } from '../secret-check.js';
import { encodeCookie, recordOf, type Metadata, type Tombstone } from './session-fields.js';
import { applyWithin, checkIncrement } from './session-limits.js';
import {
  applyDelta,
  type CookieAttributes,
  type Device,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type Terms,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
} from '../session-record.js';
import { NEXT_MS, noRevokeBefore, notInteger, SessionStore, TOMBSTONE_MS, type Revocation, type RotateOptions } from './session-store.js';
import { handleOf, isOurForm, secretHashOf, type Handle, type Sid } from '../sid.js';

interface StoredSession {
  readonly metadata: Metadata;
  readonly cookie: CookieAttributes | undefined;
  readonly device: Device | undefined;
  readonly from?: Handle | undefined;
  readonly entries: EncodedEntries;
}

/**
 * Keeps sessions in the memory of this process: for tests and trials. They are gone with the process, and no other process sees them.
 *
 * @publicApi
 */
export class MemorySessionStore extends SessionStore {
  readonly index = new MemorySessionIndex();
  readonly #sessions = new Map<Handle, StoredSession>();
  readonly #tombstones = new Map<Handle, Tombstone & { readonly endsAt: number }>();
  readonly #notBefore = new Map<string, number>();
  #sweepAt = 0;

  async find(sid: Sid): Promise<SessionRecord | EndedSession | undefined> {
    const handle = handleOf(sid);
    const presented = secretHashOf(sid);
    const stored = this.#live(handle);
    if (stored === undefined) return this.#ended(sid, handle);
    const { userId, secrets } = stored.metadata;
    const secret = matchSecret(presented, secrets, Date.now());
    if (secret === undefined) {
      this.events.emit('reused', { handle, userId });
      return undefined;
    }
    if (this.#isRevokedBefore(stored)) return undefined;
    return recordOf(handle, stored, { secret, presented });
  }

  async create(sid: Sid, session: NewSession): Promise<SessionRecord> {
    const { entries, terms, userId, authenticatedAt, indexedAt, from, absolute: ownAbsolute, absoluteEndsAt } = session;
    applyWithin(this.settings, new Map(), { set: entries, removed: [] });
    this.#sweep();
    const handle = handleOf(sid);
    const secretHash = secretHashOf(sid);
    const presentation = { secret: 'current', presented: secretHash } as const;
    const existing = this.#live(handle);
    const tombstone = existing === undefined ? this.#tombstone(handle) : undefined;
    if (tombstone !== undefined) throw tombstone.secretHashes.length === 0 ? new SessionGoneError() : new SessionConflictError();
    if (existing !== undefined) {
      if (existing.metadata.secrets.current !== secretHash || !isOurForm(sid)) throw new SessionConflictError();
      return recordOf(handle, existing, presentation);
    }
    const now = Date.now();
    const idle = idleOf(terms, this.settings);
    const absolute = absoluteOf(terms, this.settings, ownAbsolute);
    this.events.emit('created', { handle, userId });
    return this.#put(
      handle,
      {
        metadata: {
          createdAt: now,
          lastSeenAt: now,
          absoluteEndsAt: absoluteEndsAt ?? (absolute === undefined ? undefined : now + absolute),
          idle,
          authenticatedAt: userId === undefined ? undefined : (authenticatedAt ?? now),
          indexedAt,
          secrets: firstSecret(secretHash),
          userId,
        },
        cookie: terms.cookie,
        device: terms.device,
        from,
        entries,
      },
      presentation,
    );
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): Promise<SessionRecord | undefined> {
    const entries = applyWithin(this.settings, record.entries, delta);
    const saved = this.#renew(sid, record, delta, terms);
    return saved && { ...saved, entries };
  }

  async touch(sid: Sid, record: SessionRecord, terms: Terms): Promise<SessionRecord | undefined> {
    const touched = this.#renew(sid, record, { set: new Map(), removed: [] }, terms);
    return touched && { ...touched, entries: record.entries };
  }

  async rotate(
    sid: Sid,
    record: SessionRecord,
    next: Sid,
    { reauthenticated = false, age = 0 }: RotateOptions = {},
  ): Promise<{ rotated: boolean; record: SessionRecord } | undefined> {
    const stored = this.#loaded(record);
    const isRepeated = stored !== undefined && isCurrentOrNewer(stored.metadata.secrets, secretHashOf(next));
    if (stored === undefined || !(isRepeated || mayWrite(record, stored.metadata))) return this.#lose(record);
    const now = Date.now();
    const { presented } = record;
    const request = {
      presented,
      own: secretHashOf(sid),
      next: secretHashOf(next),
      age,
      grace: this.settings.rotationGrace,
      now,
    };
    const { outcome, secrets } = (reauthenticated ? replaceAll : rotate)(stored.metadata.secrets, request);
    if (outcome === 'ended') return this.#lose(record);
    if (outcome === 'unchanged') return { rotated: false, record: { ...record, secret: secretAfter(sid, newestSecret(secrets)) } };
    const { rotatedAt = now } = secrets;
    const authenticatedAt = reauthenticated && record.userId !== undefined ? rotatedAt : record.authenticatedAt;
    const after = { rotated: true, record: { ...record, authenticatedAt, rotatedAt, secret: 'current' as const } };
    if (secrets === stored.metadata.secrets) return after;
    this.#sessions.set(record.handle, {
      ...stored,
      metadata: { ...stored.metadata, secrets, authenticatedAt: reauthenticated ? authenticatedAt : stored.metadata.authenticatedAt },
    });
    this.events.emit('rotated', { handle: record.handle, userId: record.userId });
    return after;
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | undefined> {
    checkIncrement(record.entries, name, by, this.settings);
    const stored = this.#same(record);
    if (stored === undefined) return this.#lose(record);
    const text = stored.entries.get(name) ?? '0';
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    const sum = value + by;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(sum)) throw notInteger(name);
    const entries = applyDelta(stored.entries, { set: new Map([[name, String(sum)]]), removed: [] });
    this.#sessions.set(record.handle, { ...stored, entries });
    return sum;
  }

  async destroy(sid: Sid): Promise<boolean> {
    return this.#destroy(handleOf(sid));
  }

  #destroy(handle: Handle): boolean {
    const stored = this.#live(handle);
    const existed = stored !== undefined && !this.#isRevokedBefore(stored);
    this.#sessions.delete(handle);
    if (existed) this.events.emit('destroyed', { handle, userId: stored.metadata.userId });
    return existed;
  }

  async destroyCopied(copied: SessionRecord): Promise<'ended' | 'gone' | 'changed'> {
    const stored = this.#same(copied);
    if (stored === undefined) return 'gone';
    if (stored.metadata.userId !== copied.userId || !hasEntries(stored.entries, copied.entries)) return 'changed';
    return this.#destroy(copied.handle) ? 'ended' : 'gone';
  }

  async describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    return handles.map((handle) => {
      const stored = this.#live(handle);
      if (stored === undefined || this.#isRevokedBefore(stored)) return undefined;
      const { userId, createdAt, authenticatedAt, indexedAt, lastSeenAt, absoluteEndsAt, idle } = stored.metadata;
      const { device, from } = stored;
      return { handle, userId, createdAt, authenticatedAt, indexedAt, from, lastSeenAt, absoluteEndsAt, idle, device };
    });
  }

  async revoke(
    handle: Handle,
    { userId, reason, createdBefore = Infinity, indexedUpTo = Infinity, mayComeLater = false }: Revocation,
  ): Promise<boolean> {
    const stored = this.#live(handle);
    const now = Date.now();
    if (stored === undefined && mayComeLater && this.#tombstone(handle) === undefined)
      this.#tombstones.set(handle, { endedReason: reason, secretHashes: [], endsAt: now + TOMBSTONE_MS });
    if (stored?.metadata.userId !== userId || stored.metadata.createdAt >= createdBefore) return false;
    if ((stored.metadata.indexedAt ?? 0) > indexedUpTo) return false;
    // Whoever has a secret that was good no longer is told nothing.
    const secretHashes = goodSecrets(stored.metadata.secrets, now);
    this.#sessions.delete(handle);
    this.#tombstones.set(handle, { endedReason: reason, secretHashes, endsAt: now + TOMBSTONE_MS });
    return true;
  }

  async compareAndSet(
    handle: Handle,
    userId: string,
    name: string,
    change: (text: string | undefined) => string | undefined,
  ): Promise<boolean> {
    const stored = this.#live(handle);
    if (stored?.metadata.userId !== userId) return false;
    const before = stored.entries.get(name);
    const text = change(before);
    if (text === undefined || before === undefined) return true;
    // It may have written to the session itself.
    if (this.#live(handle) !== stored) return this.compareAndSet(handle, userId, name, change);
    const entries = applyDelta(stored.entries, { set: new Map([[name, text]]), removed: [] });
    this.#sessions.set(handle, { ...stored, metadata: mapSecrets(stored.metadata, withoutGrace), entries });
    return true;
  }

  async endBefore(userId: string, time = Infinity): Promise<number> {
    if (!this.settings.revokeBefore) throw noRevokeBefore();
    const now = Date.now();
    // Also those that were created in this very millisecond.
    const counts = Math.min(Math.ceil(time), now + 1);
    this.#notBefore.set(userId, Math.max(this.#notBefore.get(userId) ?? 0, counts));
    if (counts > now) await sleep(NEXT_MS);
    return counts;
  }

  async now(): Promise<number> {
    return Date.now();
  }

  isRotationDue({ secret, createdAt = 0, rotatedAt = createdAt }: SessionRecord): boolean {
    return isSecretOld(secret, Date.now() - rotatedAt, this.settings);
  }

  isTouchDue(record: SessionRecord): boolean {
    return record.secret === 'unconfirmed' || Date.now() - record.lastSeenAt >= Math.min(this.settings.touchAfter, record.idle / 10);
  }

  msSinceSeen({ lastSeenAt }: SessionRecord): number {
    return Math.max(0, Date.now() - lastSeenAt);
  }

  async drain(): Promise<void> {}

  #renew(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): SessionRecord | undefined {
    const stored = this.#same(record);
    if (stored === undefined) return this.#lose(record);
    const now = Date.now();
    const { userId } = delta;
    const presented = mapSecrets(stored.metadata, (secrets) =>
      toldAt(confirmed(secrets, record.presented, this.settings.rotationGrace, now), toldSecret(sid, record), now),
    );
    const owned =
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
    const metadata = { ...owned, lastSeenAt: now, idle: keepsCookie ? stored.metadata.idle : idleOf(terms, this.settings) };
    const renewed = {
      metadata,
      cookie: keepsCookie ? stored.cookie : terms.cookie,
      device: terms.device ?? stored.device,
      entries: applyDelta(stored.entries, delta),
    };
    const presentation = { secret: secretAfter(sid, newestSecret(metadata.secrets)), presented: record.presented };
    return { ...this.#put(record.handle, renewed, presentation), cookie: terms.cookie };
  }

  #put(handle: Handle, session: StoredSession, presentation: Parameters<typeof recordOf>[2]): SessionRecord {
    this.#sessions.set(handle, session);
    return recordOf(handle, session, presentation);
  }

  #ended(sid: Sid, handle: Handle): EndedSession | undefined {
    const tombstone = this.#tombstone(handle);
    return tombstone !== undefined && isHolder(secretHashOf(sid), tombstone) ? { endedReason: tombstone.endedReason } : undefined;
  }

  #tombstone(handle: Handle): Tombstone | undefined {
    const tombstone = this.#tombstones.get(handle);
    return tombstone !== undefined && Date.now() < tombstone.endsAt ? tombstone : undefined;
  }

  /** The session that was loaded, not a later one under the same handle, for a request that may still write to it. */
  #same(record: SessionRecord): StoredSession | undefined {
    const stored = this.#loaded(record);
    return stored !== undefined && mayWrite(record, stored.metadata) ? stored : undefined;
  }

  #loaded(record: SessionRecord): StoredSession | undefined {
    const stored = this.#live(record.handle);
    return stored?.metadata.createdAt === record.createdAt ? stored : undefined;
  }

  #live(handle: Handle): StoredSession | undefined {
    const stored = this.#sessions.get(handle);
    if (stored === undefined || isLive(stored)) return stored;
    this.#sessions.delete(handle);
    return undefined;
  }

  #isRevokedBefore({ metadata: { userId, createdAt } }: StoredSession): boolean {
    return userId !== undefined && createdAt < (this.#notBefore.get(userId) ?? 0);
  }

  /** Drops what has ended, at most once per idle timeout, so that visitors who never return do not fill the memory. */
  #sweep(): void {
    if (Date.now() < this.#sweepAt) return;
    this.#sweepAt = Date.now() + this.settings.idle;
    for (const [handle, stored] of this.#sessions) if (!isLive(stored)) this.#sessions.delete(handle);
    for (const [handle, { endsAt }] of this.#tombstones) if (endsAt <= Date.now()) this.#tombstones.delete(handle);
    this.index.sweep();
  }

  #lose({ handle, userId }: SessionRecord): undefined {
    this.events.emit('lost', { handle, userId });
  }
}

function mapSecrets(metadata: Metadata, change: (secrets: Secrets) => Secrets): Metadata {
  return { ...metadata, secrets: change(metadata.secrets) };
}

function hasEntries(entries: EncodedEntries, others: EncodedEntries): boolean {
  return entries.size === others.size && [...others].every(([name, text]) => entries.get(name) === text);
}

function isLive({ metadata }: StoredSession): boolean {
  const now = Date.now();
  return now < metadata.lastSeenAt + metadata.idle && now < (metadata.absoluteEndsAt ?? Infinity);
}
