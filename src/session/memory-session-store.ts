import { SessionConflictError } from '../redis-session.errors.js';
import { absoluteOf, idleOf } from './lifetime.js';
import { firstPresented, matchSecret } from './secret-check.js';
import { recordOf, type Metadata } from './session-fields.js';
import { checkIncrement, checkLimits } from './session-limits.js';
import {
  applyDelta,
  type CookieAttributes,
  type EncodedEntries,
  type EntryDelta,
  type Lease,
  type NewSession,
  type SessionRecord,
} from './session-record.js';
import { notInteger, SessionStore } from './session-store.js';
import { handleOf, isOurForm, secretHashOf, type Handle, type Sid } from './sid.js';

interface StoredSession {
  readonly metadata: Metadata & { readonly rotatedAt: number };
  readonly cookie: CookieAttributes | undefined;
  readonly entries: EncodedEntries;
}

/**
 * Keeps sessions in the memory of this process: for tests and trials. They are gone with the process, and no other process sees them.
 *
 * @publicApi
 */
export class MemorySessionStore extends SessionStore {
  readonly #sessions = new Map<Handle, StoredSession>();
  #sweepAt = 0;

  async load(sid: Sid): Promise<SessionRecord | undefined> {
    const handle = handleOf(sid);
    const stored = this.#live(handle);
    if (stored === undefined) return undefined;
    const secret = matchSecret(secretHashOf(sid), stored.metadata, Date.now());
    if (secret === undefined) {
      this.events.emit('reused', { handle });
      return undefined;
    }
    return recordOf(handle, stored, secret);
  }

  async create(sid: Sid, { entries, lease, absoluteEndsAt }: NewSession): Promise<SessionRecord> {
    checkLimits(new Map(), { set: entries, removed: [] }, this.settings);
    this.#sweep();
    const handle = handleOf(sid);
    const secretHash = secretHashOf(sid);
    const existing = this.#live(handle);
    if (existing !== undefined) {
      if (existing.metadata.secretHash !== secretHash || !isOurForm(sid)) throw new SessionConflictError();
      return recordOf(handle, existing, 'current');
    }
    const now = Date.now();
    const idle = idleOf(lease, this.settings);
    const absolute = absoluteOf(idle, this.settings);
    return this.#put(
      handle,
      {
        metadata: {
          createdAt: now,
          lastSeenAt: now,
          absoluteEndsAt: absoluteEndsAt ?? (absolute === undefined ? undefined : now + absolute),
          idle,
          secretHash,
          previousSecretHash: '',
          previousEndsAt: 0,
          rotatedAt: 0,
        },
        cookie: lease.cookie,
        entries,
      },
      'current',
    );
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, lease: Lease): Promise<SessionRecord | undefined> {
    checkLimits(record.entries, delta, this.settings);
    const saved = this.#renew(sid, record, delta, lease);
    return saved && { ...saved, entries: applyDelta(record.entries, delta) };
  }

  async touch(sid: Sid, record: SessionRecord, lease: Lease): Promise<SessionRecord | undefined> {
    const touched = this.#renew(sid, record, { set: new Map(), removed: [] }, lease);
    return touched && { ...touched, entries: record.entries };
  }

  async rotate(sid: Sid, record: SessionRecord, next: Sid): Promise<{ rotated: boolean; record: SessionRecord } | undefined> {
    const stored = this.#same(record);
    if (stored === undefined) return this.#lose(record.handle);
    const now = Date.now();
    const presented = secretHashOf(sid);
    const secretHash = secretHashOf(next);
    if (stored.metadata.secretHash === secretHash) return { rotated: true, record: { ...record, secret: 'current' } };
    const metadata = this.#confirm(stored.metadata, firstPresented(sid, record), now);
    const unconfirmed = metadata.previousSecretHash !== '' && metadata.previousEndsAt === 0;
    const isKnown = presented === metadata.secretHash || (unconfirmed && presented === metadata.previousSecretHash);
    const isTooSoon = unconfirmed && now < metadata.rotatedAt + this.settings.rotationGrace;
    if (!isKnown || isTooSoon) return { rotated: false, record };
    const previousSecretHash = unconfirmed ? metadata.previousSecretHash : metadata.secretHash;
    this.#sessions.set(record.handle, {
      ...stored,
      metadata: { ...metadata, secretHash, previousSecretHash, previousEndsAt: 0, rotatedAt: now },
    });
    return { rotated: true, record: { ...record, secret: 'current' } };
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | undefined> {
    checkIncrement(record.entries, name, by, this.settings);
    const stored = this.#same(record);
    if (stored === undefined) return this.#lose(record.handle);
    const text = stored.entries.get(name) ?? '0';
    const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
    const sum = value + by;
    if (!Number.isSafeInteger(value) || !Number.isSafeInteger(sum)) throw notInteger(name);
    const entries = applyDelta(stored.entries, { set: new Map([[name, String(sum)]]), removed: [] });
    this.#sessions.set(record.handle, { ...stored, entries });
    return sum;
  }

  async destroy(sid: Sid): Promise<boolean> {
    const handle = handleOf(sid);
    const existed = this.#live(handle) !== undefined;
    this.#sessions.delete(handle);
    return existed;
  }

  isTouchDue(record: SessionRecord): boolean {
    return record.secret === 'unconfirmed' || Date.now() - record.lastSeenAt >= Math.min(this.settings.touchAfter, record.idle / 10);
  }

  async settled(): Promise<void> {}

  #renew(sid: Sid, record: SessionRecord, delta: EntryDelta, lease: Lease): SessionRecord | undefined {
    const stored = this.#same(record);
    if (stored === undefined) return this.#lose(record.handle);
    const now = Date.now();
    const metadata = {
      ...this.#confirm(stored.metadata, firstPresented(sid, record), now),
      lastSeenAt: now,
      idle: idleOf(lease, this.settings),
    };
    const renewed = { metadata, cookie: lease.cookie, entries: applyDelta(stored.entries, delta) };
    return this.#put(record.handle, renewed, record.secret === 'unconfirmed' ? 'current' : record.secret);
  }

  #put(handle: Handle, session: StoredSession, secret: SessionRecord['secret']): SessionRecord {
    this.#sessions.set(handle, session);
    return recordOf(handle, session, secret);
  }

  /** The new secret was presented, so the previous one has only the grace left; once that is over it is forgotten. */
  #confirm(metadata: StoredSession['metadata'], firstPresentedHash: string, now: number): StoredSession['metadata'] {
    const { previousSecretHash, previousEndsAt, secretHash } = metadata;
    if (previousSecretHash === '') return metadata;
    const endsAt = previousEndsAt === 0 && firstPresentedHash === secretHash ? now + this.settings.rotationGrace : previousEndsAt;
    if (endsAt > 0 && endsAt <= now) return { ...metadata, previousSecretHash: '', previousEndsAt: 0, rotatedAt: 0 };
    return { ...metadata, previousEndsAt: endsAt };
  }

  /** The session that was loaded, not a later one under the same handle. */
  #same(record: SessionRecord): StoredSession | undefined {
    const stored = this.#live(record.handle);
    return stored?.metadata.createdAt === record.createdAt ? stored : undefined;
  }

  #live(handle: Handle): StoredSession | undefined {
    const stored = this.#sessions.get(handle);
    if (stored === undefined || isLive(stored)) return stored;
    this.#sessions.delete(handle);
    return undefined;
  }

  /** Drops what has ended, at most once per idle timeout, so that visitors who never return do not fill the memory. */
  #sweep(): void {
    if (Date.now() < this.#sweepAt) return;
    this.#sweepAt = Date.now() + this.settings.idle;
    for (const [handle, stored] of this.#sessions) if (!isLive(stored)) this.#sessions.delete(handle);
  }

  #lose(handle: Handle): undefined {
    this.events.emit('lost', { handle });
  }
}

function isLive({ metadata }: StoredSession): boolean {
  const now = Date.now();
  return now < metadata.lastSeenAt + metadata.idle && now < (metadata.absoluteEndsAt ?? Infinity);
}
