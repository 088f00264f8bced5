import type { Handle } from './sid.js';

/** What a sign-in asks for its session's place among those of the user. */
export interface Reservation {
  /** For how many ms the place is kept. */
  readonly ms: number;
  /** The session of the same user that the new one is to replace; it does not count. */
  readonly replaces?: Handle | undefined;
  /** How many sessions the user may have. @default any number */
  readonly limit?: number | undefined;
}

/** A session as the index names it. */
export interface IndexedSession {
  readonly handle: Handle;
  /** Where it stands among the others, for {@link SessionIndex.page}. */
  readonly score: number;
  /** Whether only its place is reserved: the session may not be there yet. */
  readonly isReserved: boolean;
}

/** What {@link SessionIndex.claim} has claimed. */
export interface Claim {
  /** Also those of the places that it took away: such a session may be there already. */
  readonly handles: readonly Handle[];
  /** How many of what it looked at were not claimed before. */
  readonly claimed: number;
  /** Whether there may be more to look at. */
  readonly hasMore: boolean;
}

/**
 * Names the sessions of each user. Type and injection token in one.
 *
 * It lies elsewhere than the sessions, so no write changes both at once. It may name a session too many, whose reader finds it gone and
 * removes the name; for long it never names one too few. That holds because of the order in which `ActiveSession` and `SessionManager` call:
 *
 * - A place is reserved before the session becomes the user's, and settled after. Between the two, nobody who finds no session there removes it.
 * - Whoever ends all sessions of a user claims them first. A claim takes reserved places away, so a sign-in under way finds its place gone and
 *   undoes what it did; and a session that is claimed cannot be replaced by a new one. So nobody survives by signing in anew.
 * - A name is removed after its session has gone. A session in use is named again with each due touch.
 *
 * A user id may be any text. Every name has an end, that of its session at the latest, and the last one ends the user's whole index. Repeating
 * a call with the same arguments changes nothing more. Each rejects with `SessionStoreUnavailableError` when the store cannot answer.
 *
 * @publicApi
 */
export abstract class SessionIndex {
  /**
   * Reserves a place for a session that is about to become a user's. `'full'` when the index names `limit` others already, alive or not;
   * `'ended'` when it or the session to replace is claimed. A session that is the user's already keeps the place that it has.
   */
  abstract reserve(userId: string, handle: Handle, reservation: Reservation): Promise<'reserved' | 'full' | 'ended'>;

  /**
   * Takes the reserved place for good, and drops the name of the replaced session. Answers with how many sessions are named now; `undefined`
   * when the place is gone.
   *
   * @param endsAt the latest moment at which the session can be alive, epoch ms by the store's clock
   */
  abstract settle(userId: string, handle: Handle, endsAt: number, replaced?: Handle): Promise<number | undefined>;

  /** Names a session in use again. One that is claimed stays so. */
  abstract renew(userId: string, handle: Handle, endsAt: number): Promise<void>;

  /** Drops names of sessions that have gone, at most 1,000. True when one of them was claimed. */
  abstract remove(userId: string, handles: readonly Handle[]): Promise<boolean>;

  /**
   * Claims the next sessions of a user, but for one, and takes away the places of sign-ins under way.
   *
   * @param skip how many to pass over, in the order of the index
   * @param size how many to look at; 1 to 1,000
   */
  abstract claim(
    userId: string,
    range: { readonly skip: number; readonly size: number; readonly except?: Handle | undefined },
  ): Promise<Claim>;

  /** Names sessions of a user, the one that can live longest first. `after` is the last one of the page before. */
  abstract page(
    userId: string,
    range: { readonly limit: number; readonly after?: Pick<IndexedSession, 'handle' | 'score'> | undefined },
  ): Promise<readonly IndexedSession[]>;
}
