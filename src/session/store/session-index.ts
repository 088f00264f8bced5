import type { EndedSession } from '../session-record.js';
import type { Handle } from '../sid.js';

/** A session of a user, and when the index took it up ({@link SessionRecord.indexedAt}). */
export interface IndexedAt {
  readonly handle: Handle;
  /** `undefined` where that is not known: such a session is over with any fence. */
  readonly indexedAt: number | undefined;
}

/** What a sign-in asks for its session's entry among those of the user. */
export interface Reservation {
  /** For how many ms the entry is kept. */
  readonly ms: number;
  /** The session of the same user that the new one is to replace; it does not count. */
  readonly replaces?: IndexedAt | undefined;
  /** How many sessions the user may have. @default any number */
  readonly limit?: number | undefined;
  /**
   * When its user signed in by the credential that it is made from, epoch ms: it is indexed as of then, and refused when a fence was put up then or
   * later. @default it begins now
   */
  readonly since?: number | undefined;
  /** Sessions that do not count, since others that are named take their place. */
  readonly uncounted?: readonly Handle[] | undefined;
}

/** What a sign-in says of its session once that is the user's. */
export interface Confirmation {
  /** What {@link SessionIndex.reserve} has answered. */
  readonly indexedAt: number;
  /** The latest moment at which the session can be alive, epoch ms by the store's clock. */
  readonly endsAt: number;
  /** The session of the same user that the new one is about to replace; it is not counted, and keeps its name. */
  readonly replaces?: IndexedAt | undefined;
}

/** A session as the index names it. */
export interface IndexedSession {
  readonly handle: Handle;
  /** Where it stands among the others, for {@link SessionIndex.page} and {@link SessionIndex.nearest}. */
  readonly score: number;
  /** Whether its entry is only reserved: the session may not be there yet. */
  readonly isReserved: boolean;
}

/** What tells the sessions of a user that were ended all at once from those that have signed in since. */
export interface Fence {
  /** Sessions that were indexed later are not over, by the clock of the index. */
  readonly indexedUpTo: number;
  /** What is named with a greater score is not over. */
  readonly lastScore: number;
  /** Why, as the holders of the sessions are told. */
  readonly reason: string;
}

/** Which sessions a fence is to end. */
export interface FenceOptions {
  /** For how many ms it must be known at least: as long as one of those sessions could live. */
  readonly ms: number;
  /** A word for programs, such as `revoked`. */
  readonly reason: string;
  /** The session to leave alone. */
  readonly except?: IndexedAt | undefined;
}

/** A part of the sessions that the index names. */
export interface IndexRange {
  /** The most of them; 1 to 1,000. */
  readonly limit: number;
  /** The last one of the part before. */
  readonly after?: Pick<IndexedSession, 'handle' | 'score'> | undefined;
}

/** Sessions of a user, and the fence behind which some of them may be. */
export interface IndexPage {
  readonly sessions: readonly IndexedSession[];
  readonly fence?: Fence | undefined;
}

/**
 * Names the sessions of each user.
 *
 * It lies elsewhere than the sessions, so no write changes both at once. It may briefly name a session that is gone: whoever reads the name finds
 * that out and removes it. It never lacks the name of one that is alive for long. That holds because of the order in which `ActiveSession` and
 * `SessionManager` call:
 *
 * - A sign-in reserves an entry before its session becomes the user's, and confirms it after. Only then does it end the session before it.
 * - Whoever ends all sessions of a user puts up a fence first. From then on, every session that was indexed up to that moment is over: a sign-in
 *   under way is refused and undoes what it did, nothing new can be made out of an old one, and whoever meets an old one ends it. So it does no harm
 *   when the one who put up the fence dies before the sessions have ended.
 * - A name is removed once its session is known to have gone, and not before. A session in use is named again with each due touch.
 *
 * A user id may be any text. Every name has an end, that of its session at the latest, and the last one ends the user's whole index, unless a fence
 * lasts longer. Repeating a call with the same arguments changes nothing more, but for a fence, which is put up anew. Each rejects with
 * `SessionStoreUnavailableError` when the store cannot answer.
 *
 * @publicApi
 */
export interface SessionIndex {
  /**
   * Reserves an entry for a session that is about to become a user's, and answers with when it was indexed: later than every fence so far. `'full'`
   * when `limit` others are named already, alive or not, reserved or not; an `EndedSession` when the session to replace, or `since`, is behind a fence. A session that is
   * the user's already keeps the entry that it has.
   */
  reserve(userId: string, handle: Handle, reservation: Reservation): Promise<number | 'full' | EndedSession>;

  /**
   * Makes a reserved entry a lasting one. Answers with how many sessions are named beyond the fence now; an `EndedSession` when the session, or the one to
   * replace, is behind one; `'lapsed'` when there is no entry, since the reserved one has run out. Neither of the two says that a session has gone.
   */
  confirm(userId: string, handle: Handle, confirmation: Confirmation): Promise<number | 'lapsed' | EndedSession>;

  /** Names a session in use again, until `endsAt`. An `EndedSession` when it is behind a fence, and must be ended. */
  refresh(userId: string, session: IndexedAt, endsAt: number): Promise<EndedSession | undefined>;

  /** Removes names of sessions that have gone, at most 1,000. */
  remove(userId: string, handles: readonly Handle[]): Promise<void>;

  /** Removes the name of a session that has gone. False when it was behind a fence: nothing may be made out of it. */
  leave(userId: string, session: IndexedAt): Promise<boolean>;

  /**
   * From now on all sessions of the user that have been indexed so far are over, but for one. `undefined` when that one is behind a fence itself; then
   * nothing has changed. Costs one command, however many sessions there are.
   */
  fence(userId: string, options: FenceOptions): Promise<Fence | undefined>;

  /** Names sessions of a user, the one that can live longest first. Those behind a fence, which come last, are not alive. */
  page(userId: string, range: IndexRange): Promise<IndexPage>;

  /**
   * Names sessions of a user, the one whose end is nearest first: those behind `fence`, or without it those that are behind none. Those behind a
   * fence never move.
   */
  nearest(userId: string, range: IndexRange & { readonly fence?: Fence | undefined }): Promise<readonly IndexedSession[]>;
}
