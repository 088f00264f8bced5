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
  /** Whose session it is; `undefined` while nobody has signed in, and from a store that does not keep it. */
  readonly userId: string | undefined;
  /** When its user last proved who they are; `undefined` where there is no user. */
  readonly authenticatedAt: number | undefined;
  /**
   * When the index took it up as this user's, by the clock of the index: it is over when a fence was put up then or later. `undefined` where that
   * is not known.
   */
  readonly indexedAt: number | undefined;
  /** When its secret was last replaced; `undefined` when never. */
  readonly rotatedAt: number | undefined;
  /** From where it was last written; `undefined` unless `store.track` asks for it. */
  readonly device: Device | undefined;
  /** What the application changed about the cookie of this session; `undefined` when it is as configured. */
  readonly cookie: CookieAttributes | undefined;
  /** Encoded values by entry name. Decoding is left to the reader, who may need only one of them. */
  readonly entries: EncodedEntries;
  readonly secret: SecretState;
  /** Hash of the secret that the browser has presented, also once the request has made another; '' from a store that has none. */
  readonly presented: string;
}

/** The `authenticatedAt` of a converted session, in epoch ms. Its real time is unknown, and a time so long ago is never a fresh sign-in. */
export const LONG_AGO = 1;

/** From where a session is used, as its requests say. */
export interface Device {
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** A session that somebody other than its holder has ended, as its holder finds it for a while. */
export interface EndedSession {
  /** A word for programs, such as `revoked`. */
  readonly endedReason: string;
}

/** What `list` and `get` tell of a session: nothing that opens it, and nothing that is in it. */
export interface SessionFacts {
  readonly handle: Handle;
  readonly userId: string | undefined;
  readonly createdAt: number;
  /** When its user last proved who they are; `undefined` where there is no user. */
  readonly authenticatedAt: number | undefined;
  /** See {@link SessionRecord.indexedAt}. */
  readonly indexedAt: number | undefined;
  /** The session of the same user that a sign-in has replaced by it, until it is first touched or saved: that one may be there still. */
  readonly from: Handle | undefined;
  readonly lastSeenAt: number;
  readonly absoluteEndsAt: number | undefined;
  readonly idle: number;
  readonly device: Device | undefined;
}

/** Encoded values by entry name. */
export type EncodedEntries = ReadonlyMap<string, string>;

/**
 * Which secret the session was loaded with: the `current` one, a newer one for the first time (`unconfirmed`: the next write makes it the current
 * one and starts the grace of all others), or a `previous` one: its browser has, or is about to get, a newer one.
 */
export type SecretState = 'current' | 'unconfirmed' | 'previous';

/** Cookie attributes under express-session's names. */
export interface CookieAttributes {
  /** `false`, as `null`, ends it with the browser. */
  originalMaxAge?: number | false | null | undefined;
  expires?: Date | string | boolean | null | undefined;
  secure?: boolean | undefined;
  httpOnly?: boolean | undefined;
  domain?: string | undefined;
  path?: string | undefined;
  sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
  priority?: 'low' | 'medium' | 'high' | undefined;
  partitioned?: boolean | undefined;
}

/** What a request asks for its session with every write. */
export interface Terms {
  /** Idle timeout in ms; `undefined`: `store.ttl`. */
  readonly idle: number | undefined;
  /** How much of it stretches an absolute timeout that is not configured, in ms. @default all of it */
  readonly stretch?: number | undefined;
  /** See {@link SessionRecord.cookie}. */
  readonly cookie: CookieAttributes | undefined;
  /** See {@link StoredTerms.wholeCookie}. */
  readonly wholeCookie: CookieAttributes;
  /** See {@link StoredTerms.device}. */
  readonly device?: Device | undefined;
}

/** What a store keeps with every write, beside the entries. */
export interface StoredTerms {
  /** Idle timeout in whole ms, at least 1. */
  readonly idle: number;
  /** How long the secrets before stay good where this write is the first with a newer one, in ms. */
  readonly grace: number;
  /** See {@link SessionRecord.cookie}. */
  readonly cookie: CookieAttributes | undefined;
  /** The whole cookie, for stores that keep a session as one value which express-session can read. */
  readonly wholeCookie: CookieAttributes;
  /** See {@link SessionRecord.device}; `undefined` leaves what is there. */
  readonly device?: Device | undefined;
}

/** What a save writes: entries that changed or are new, the names of removed ones, and whose session it is from now on. */
export interface EntryDelta {
  readonly set: EncodedEntries;
  readonly removed: readonly string[];
  /** `null` for nobody; `undefined` leaves it as it is. */
  readonly userId?: string | null | undefined;
  /** With `userId`: see {@link SessionRecord.indexedAt}. */
  readonly indexedAt?: number | undefined;
}

/** What a session begins with, as a store is given it. */
export interface NewSession {
  readonly entries: EncodedEntries;
  readonly terms: StoredTerms;
  /** Absolute timeout in whole ms, from now on; `undefined` for none. */
  readonly absolute: number | undefined;
  /** The absolute end itself, which wins: that of the session which this one replaces. */
  readonly absoluteEndsAt?: number | undefined;
  /** Whose session it is; they have just signed in, unless `authenticatedAt` says when. */
  readonly userId?: string | undefined;
  /** Keeps that of the session that this one replaces. */
  readonly authenticatedAt?: number | undefined;
  /** See {@link SessionRecord.indexedAt}. */
  readonly indexedAt?: number | undefined;
  /** The session of the same user that it is to replace. */
  readonly from?: Handle | undefined;
  /**
   * Until when the credential that it is made from could come again, epoch ms: whenever it ends before that, word of it stays so long, and nobody makes it
   * again. `undefined` for a session that is made from none.
   */
  readonly adoptedUntil?: number | undefined;
}

/** The same as a request asks for it. */
export interface SessionDraft extends Omit<NewSession, 'terms' | 'absolute'> {
  readonly terms: Terms;
  /** Absolute timeout in ms, `false` for none. @default `store.absoluteTtl` */
  readonly absolute?: number | false | undefined;
}

/** When the session ends if no further request comes. */
export function expiresAt(record: Pick<SessionRecord, 'lastSeenAt' | 'idle' | 'absoluteEndsAt'>): number {
  return Math.min(record.lastSeenAt + record.idle, record.absoluteEndsAt ?? Infinity);
}

/**
 * The latest moment at which it can still be alive, however many requests come; without an absolute timeout, until the next touch that is due:
 * a save starts the idle timeout anew too, and a touch is due after a tenth of it.
 */
export function latestEnd({ lastSeenAt, idle, absoluteEndsAt }: Pick<SessionRecord, 'lastSeenAt' | 'idle' | 'absoluteEndsAt'>): number {
  return absoluteEndsAt ?? Math.ceil(lastSeenAt + idle * 1.1);
}

/**
 * Whether a save calls for the index to name the session again. Saves that follow closely on one another are never due for a touch, and each
 * moves the end; so of those in each period, the first one does, as a due touch would. And each that finds the idle timeout configured otherwise.
 */
export function isNameDue(before: SessionRecord, saved: SessionRecord, { touchAfter }: { readonly touchAfter: number }): boolean {
  const period = Math.min(touchAfter, saved.idle / 10);
  const periodOf = ({ lastSeenAt, createdAt = 0 }: SessionRecord) => Math.floor((lastSeenAt - createdAt) / period);
  return periodOf(before) !== periodOf(saved) || before.idle !== saved.idle;
}

/** Whether its store keeps it under its whole sid: it has no secret of its own, and nobody knows whose it is but by what is in it. */
export function isUnderSid({ presented }: SessionRecord): boolean {
  return presented === '';
}

export function isEnded(found: SessionRecord | EndedSession | undefined): found is EndedSession {
  return found !== undefined && found !== null && 'endedReason' in found;
}

export function applyDelta(entries: EncodedEntries, delta: EntryDelta): EncodedEntries {
  const result = new Map(entries);
  for (const name of delta.removed) result.delete(name);
  for (const [name, text] of delta.set) result.set(name, text);
  return result;
}
