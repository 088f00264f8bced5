import { SessionMisuseError, SessionUnsupportedError } from '../../redis-session.errors.js';
import { SessionEvents } from '../session-events.js';
import type { SessionIndex } from './session-index.js';
import {
  isEnded,
  type EndedSession,
  type EntryDelta,
  type Terms,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
} from '../session-record.js';
import type { StoreOptions } from './store-options.js';
import { resolveStoreOptions, type StoreSettings } from './store-settings.js';
import { suspectTtl } from './store-option-problems.js';
import { emitWarning, warnOnce } from '../warn-once.js';
import { handleOf, isOurForm, type Handle, type Sid } from '../sid.js';

/**
 * Where sessions are kept. Type and injection token in one.
 *
 * What holds for every method:
 * - "Not found" is an answer (`undefined` or `false`), never an error. A session that is missing, has expired or was ended, and data at
 *   its place that this package did not write, are all "not found".
 * - It rejects with `SessionStoreUnavailableError` when the store cannot answer; the outcome of a write is then unknown. Other errors of
 *   `redis-session.errors.ts` are named below.
 * - A write happens as a whole or not at all. Repeating it with the same arguments changes nothing more, but for the idle timeout, which
 *   a repeated `save` or `touch` starts anew.
 * - Only `create` brings a session into being. Nothing else revives one that has ended, or writes to a later one under the same handle.
 * - Every session has an end from the moment it exists: the idle timeout of its latest write, and never later than its absolute end,
 *   which no write moves.
 * - All times are by the store's clock. A wrong clock of this process changes nothing.
 * - Entry names and texts come back as they were given, whatever characters they are made of.
 *
 * The contract test suite has a case for each sentence.
 *
 * @publicApi
 */
export abstract class SessionStore {
  readonly settings: StoreSettings;
  /** What happens to the sessions of this store, as seen by this process. */
  readonly events = new SessionEvents();

  /** Names the sessions of each user; `undefined` where the store cannot call a session by its handle. */
  abstract readonly index: SessionIndex | undefined;

  constructor(options: StoreOptions = {}) {
    this.settings = resolveStoreOptions(options);
    const warning = suspectTtl(options);
    if (warning !== undefined) warnOnce(emitWarning, warning);
  }

  /** The public name of the session that a sid opens. */
  handleOf(sid: Sid): Handle {
    return handleOf(sid);
  }

  /** Whether `rotate` can give this sid a new secret; a sid of a custom `genid` has none of its own. */
  canRotate(sid: Sid): boolean {
    return isOurForm(sid);
  }

  /**
   * Reads a session, and changes nothing. Costs one round trip, and with `revokeBefore` two. A sid whose secret is not good (any more) finds
   * nothing and emits `reused`; data that this package did not write is left where it is and emits `rejected`. Who held a session that
   * somebody else has ended learns why, for five minutes.
   */
  abstract find(sid: Sid): Promise<SessionRecord | EndedSession | undefined>;

  /** As `find`, for those to whom a session that has ended is none. */
  async load(sid: Sid): Promise<SessionRecord | undefined> {
    const found = await this.find(sid);
    return isEnded(found) ? undefined : (found ?? undefined);
  }

  /**
   * Stores a new session, also one without entries. A sid whose handle exists is refused with `SessionConflictError`, unless that session
   * has the same secret: then an earlier try has succeeded, and its record is returned as it is. A sid of a custom `genid` has no secret
   * that would tell an earlier try from a `genid` that repeats itself, so it is always refused. Where `revoke` was told that the session may come
   * later, it is refused with `SessionGoneError`.
   *
   * Rejects with `SessionLimitError` when it is too large, and with `SessionSerializationError` when an entry's name cannot be stored
   * (`__proto__`, or half a surrogate pair).
   */
  abstract create(sid: Sid, session: NewSession): Promise<SessionRecord>;

  /**
   * Writes what changed since `record` was loaded, and nothing else: entries that others changed meanwhile stay as they are. Counts as a
   * touch. Cookie attributes that others changed meanwhile stay too, with their idle timeout, unless `terms` names others than `record`.
   * `undefined` when the session has ended since; then nothing is written and `lost` is emitted. A rotation meanwhile does not
   * matter: whoever has a record came with a good secret. The record says then that it is the `previous` one, as that of `touch` and `rotate` does.
   * But where the user has proved again who they are since, and that has ended the secret that `record` came with, the session counts as ended
   * here, in `touch`, `rotate` and `increment`.
   *
   * Rejects as `create` does when the session would become too large or an entry's name cannot be stored. One that is too large already
   * may shrink.
   */
  abstract save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): Promise<SessionRecord | undefined>;

  /**
   * Starts the idle timeout anew, as long as `terms` says from now on, and keeps the cookie attributes that it names, or those that others
   * changed meanwhile, as `save` does. Entries stay as they are. `undefined` when the session has ended since; then `lost` is emitted.
   */
  abstract touch(sid: Sid, record: SessionRecord, terms: Terms): Promise<SessionRecord | undefined>;

  /**
   * Gives the session the secret of `next`, which has the same handle; all else stays, its end too.
   *
   * The secret before stays good until somebody presents a newer one: loads the session with it and then saves, touches or rotates. From
   * then on all others are good for `rotationGrace` longer, for requests already on their way; these read and write as usual, and cannot
   * prolong that.
   *
   * Nothing happens, and `rotated` is false, for a request whose secret has been replaced so; when an earlier rotation is not confirmed so,
   * and the request was loaded (`age` ago) less than two graces after it or after it was told: its answer may still be on its way; and while
   * four secrets besides the current one are remembered. No secret that may have been told is ever dropped to make room.
   *
   * Where the user has just proved again who they are (`reauthenticated`), none but the new secret is good from then on, and the sign-in
   * counts from now. The secret presented must be the current one.
   *
   * `undefined` when the session, or with `reauthenticated` the secret presented, has ended since; then `lost` is emitted.
   */
  abstract rotate(
    sid: Sid,
    record: SessionRecord,
    next: Sid,
    options?: RotateOptions,
  ): Promise<{ readonly rotated: boolean; readonly record: SessionRecord } | undefined>;

  /**
   * Adds `by`, a safe integer, to an entry that holds one (an absent one counts as 0), and answers with the sum. Alone of all writes it
   * adds again when it is repeated: when no answer comes it rejects with `SessionStoreUnavailableError`, reason `outcome unknown`. `undefined`
   * when the session has ended since; then `lost` is emitted.
   *
   * Rejects with `SessionMisuseError` when the entry is not a safe integer, or the sum would not be, with `SessionUnsupportedError` where
   * the store cannot add, and as `save` does when the session would become too large or the entry's name cannot be stored.
   */
  abstract increment(record: SessionRecord, name: string, by: number): Promise<number | undefined>;

  /** Ends the session under that sid's handle, also when its secret was replaced meanwhile. False when it was not there (any more). */
  abstract destroy(sid: Sid): Promise<boolean>;

  /**
   * As `destroy`, but only while the session is the same user's and its entries are those of `copied`: `'changed'` when somebody has written others
   * since, and then it stays. `'gone'` also for a request that could not `save` any more.
   */
  abstract destroyCopied(copied: SessionRecord, sid: Sid): Promise<'ended' | 'gone' | 'changed'>;

  /** What is to be told of each of these sessions; `undefined` for one that is not there (any more). Costs a command each, in one go. */
  abstract describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]>;

  /**
   * Ends a session of that user for somebody other than its holder, who learns the reason for five minutes. False when that user has no such
   * session (any more).
   */
  abstract revoke(handle: Handle, revocation: Revocation): Promise<boolean>;

  /**
   * Changes one entry of a session of that user, whoever else is writing to it meanwhile: `change` gets its text and answers with the new
   * one, or `undefined` to leave it. It may be called several times. An entry that is not there stays so. False when there is no such session
   * (any more). Ends the grace of a secret whose successor was presented.
   */
  abstract compareAndSet(
    handle: Handle,
    userId: string,
    name: string,
    change: (text: string | undefined) => string | undefined,
  ): Promise<boolean>;

  /**
   * From now on, sessions of that user that were created before `time` are not found, and a `destroy` of one answers that it was not there.
   * Without a time, and for one that has not come yet by the store's clock, those are meant that are there now. Answers with the time that counts; a
   * session that is created after the answer began later. Needs `revokeBefore`.
   */
  abstract endBefore(userId: string, time?: number): Promise<number>;

  /** The time by the store's clock. */
  abstract now(): Promise<number>;

  /** Whether `rotateAfter` has passed since the session got its secret, or its holder seems not to have got it, so that it should get a new one. */
  abstract isRotationDue(record: SessionRecord): boolean;

  /**
   * Whether a touch is worth a command: `touchAfter`, or a tenth of the idle timeout, has passed since the session was last seen, or a new
   * secret was presented for the first time.
   */
  abstract isTouchDue(record: SessionRecord): boolean;

  /** How long ago the session was last seen, in whole ms: 0 while this process does not know the store's time. */
  abstract msSinceSeen(record: SessionRecord): number;

  /** Resolves when every write begun so far has been answered, refused or given up. */
  abstract drain(): Promise<void>;
}

/** How a secret is replaced. */
export interface RotateOptions {
  /** Whether the user has just proved again who they are. @default false */
  readonly reauthenticated?: boolean | undefined;
  /** How long ago the request began to load the session, in ms. @default 0 */
  readonly age?: number | undefined;
}

/** Whose session somebody else ends, and why. */
export interface Revocation {
  readonly userId: string;
  /** A word for programs, such as `revoked`. */
  readonly reason: string;
  /** Only a session that was created before then, epoch ms by the store's clock. */
  readonly createdBefore?: number | undefined;
  /** Only a session that was indexed then or earlier, or nobody knows when ({@link SessionRecord.indexedAt}). */
  readonly indexedUpTo?: number | undefined;
  /** Whether the session may not be stored yet: then nobody can store it for five minutes, and the answer is false. @default false */
  readonly mayComeLater?: boolean | undefined;
}

/** In ms. After that, clocks that count whole ones say another: a timer of 1 ms may be over a little before. */
export const NEXT_MS = 2;

/** For how many ms the holder of a session that somebody else has ended learns why. */
export const TOMBSTONE_MS = 300_000;

/** What `endBefore` rejects with where nobody would look. */
export function noRevokeBefore(): SessionUnsupportedError {
  return new SessionUnsupportedError('SessionManager.revokeBefore() needs a second look at each load. Set "store.revokeBefore" to true.');
}

/** What `increment` rejects with. */
export function notInteger(name: string): SessionMisuseError {
  return new SessionMisuseError(
    `session.increment() needs an entry that is an integer between -(2^53 - 1) and 2^53 - 1, before and after; ${JSON.stringify(name)} is not. Assign a number first.`,
  );
}
