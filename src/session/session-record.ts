import type { Handle } from './sid.js';

/** One session as a store holds it. Immutable: an operation that changes a session returns a new record. Times are epoch ms by the store's clock. */
export interface SessionRecord {
  readonly handle: Handle;
  /** `undefined` from a store that does not keep it. */
  readonly createdAt: number | undefined;
  readonly lastSeenAt: number;
  /** When it ends in any case; `undefined` without an absolute timeout. */
  readonly absoluteEndsAt: number | undefined;
  /** It ends after that many ms without a request. */
  readonly idle: number;
  /** What the application changed about the cookie of this session; `undefined` when it is as configured. */
  readonly cookie: CookieAttributes | undefined;
  /** Encoded values by entry name. Decoding is left to the reader, who may need only one of them. */
  readonly entries: EncodedEntries;
  readonly secret: SecretState;
}

/** Encoded values by entry name. */
export type EncodedEntries = ReadonlyMap<string, string>;

/**
 * Which secret the session was loaded with: the `current` one, the `previous` one (good for a short time after a rotation), or the
 * current one for the first time since a rotation (`unconfirmed`: the next touch starts the end of the previous one).
 */
export type SecretState = 'current' | 'unconfirmed' | 'previous';

/** Cookie attributes under express-session's names. */
export interface CookieAttributes {
  originalMaxAge?: number | null | undefined;
  expires?: Date | string | boolean | null | undefined;
  secure?: boolean | undefined;
  httpOnly?: boolean | undefined;
  domain?: string | undefined;
  path?: string | undefined;
  sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
  priority?: 'low' | 'medium' | 'high' | undefined;
  partitioned?: boolean | undefined;
}

/** How long a session is to live on from now, and what is kept of its cookie. Goes with every write. */
export interface Lease {
  /** Idle timeout in ms; `undefined`: the store's own `ttl`. */
  readonly idle: number | undefined;
  /** See {@link SessionRecord.cookie}. */
  readonly cookie: CookieAttributes | undefined;
  /** The whole cookie, for stores that keep a session as one value which express-session can read. */
  readonly wholeCookie: CookieAttributes;
}

/** What a save writes: entries that changed or are new, and the names of removed ones. */
export interface EntryDelta {
  readonly set: EncodedEntries;
  readonly removed: readonly string[];
}

/** What a session begins with. */
export interface NewSession {
  readonly entries: EncodedEntries;
  readonly lease: Lease;
  /** Keeps the absolute end of the session that this one replaces; without it the absolute timeout starts now. */
  readonly absoluteEndsAt?: number | undefined;
}

/** When the session ends if no further request comes. */
export function expiresAt(record: SessionRecord): number {
  return Math.min(record.lastSeenAt + record.idle, record.absoluteEndsAt ?? Infinity);
}

export function applyDelta(entries: EncodedEntries, delta: EntryDelta): EncodedEntries {
  const result = new Map(entries);
  for (const name of delta.removed) result.delete(name);
  for (const [name, text] of delta.set) result.set(name, text);
  return result;
}
