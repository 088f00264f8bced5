import { SessionEvents } from './session-events.js';
import type { EntryDelta, Lease, NewSession, SessionRecord } from './session-record.js';
import { resolveStoreOptions, type StoreOptions, type StoreSettings } from './store-options.js';
import { handleOf, isOurForm, type Handle, type Sid } from './sid.js';

/**
 * Where sessions are kept. Type and injection token in one.
 *
 * What holds for every method:
 * - "Not found" is an answer (`undefined` or `false`), never an error. A missing, expired, ended, foreign or undecodable session and a
 *   secret that does not match are all "not found".
 * - It rejects with `SessionStoreUnavailableError` when the store cannot answer; the outcome of a write is then unknown. Other errors of
 *   `redis-session.errors.ts` are named below.
 * - A write is atomic, and repeating it with the same arguments changes nothing more.
 * - Only `create` brings a session into being. Nothing else revives one that has ended.
 * - Every session has an end from the moment it exists: the idle timeout of its latest write, and never later than its absolute end.
 *
 * The contract test suite has a case for each sentence.
 *
 * @publicApi
 */
export abstract class SessionStore {
  readonly settings: StoreSettings;
  /** What happens to the sessions of this store, as seen by this process. */
  readonly events = new SessionEvents();

  constructor(options: StoreOptions = {}) {
    this.settings = resolveStoreOptions(options);
  }

  /** The public name of the session that a sid opens. */
  handleOf(sid: Sid): Handle {
    return handleOf(sid);
  }

  /** Whether `rotate` can give this sid a new secret; a sid of a custom `genid` has none of its own. */
  canRotate(sid: Sid): boolean {
    return isOurForm(sid);
  }

  /** Reads a session. Costs one round trip and changes nothing. Data at its place that this package did not write is "not found" and emits `rejected`. */
  abstract load(sid: Sid): Promise<SessionRecord | undefined>;

  /**
   * Stores a new session, also one without entries. A sid whose handle exists is refused with `SessionConflictError`, unless that session
   * has the same secret: then an earlier try has succeeded, and its record is returned as it is.
   *
   * Rejects with `SessionLimitError` when it is too large.
   */
  abstract create(sid: Sid, session: NewSession): Promise<SessionRecord>;

  /**
   * Writes what changed since `record` was loaded, and nothing else: entries that others changed meanwhile stay as they are. Counts as a
   * touch. `undefined` when the session has ended since; then nothing is written and `lost` is emitted.
   *
   * Rejects with `SessionLimitError` when it would become too large.
   */
  abstract save(sid: Sid, record: SessionRecord, delta: EntryDelta, lease: Lease): Promise<SessionRecord | undefined>;

  /** Starts the idle timeout anew. `undefined` when the session has ended since; then `lost` is emitted. */
  abstract touch(sid: Sid, record: SessionRecord, lease: Lease): Promise<SessionRecord | undefined>;

  /**
   * Gives the session the secret of `next`, which has the same handle. The previous secret stays good until the new one is first
   * presented, and `rotationGrace` longer. While an earlier rotation is younger than that and not yet confirmed, nothing happens:
   * `rotated` is false. `undefined` when the session has ended since.
   */
  abstract rotate(
    sid: Sid,
    record: SessionRecord,
    next: Sid,
  ): Promise<{ readonly rotated: boolean; readonly record: SessionRecord } | undefined>;

  /** Ends a session. False when it was not there (any more). */
  abstract destroy(sid: Sid): Promise<boolean>;

  /** Whether enough of the idle timeout has passed since the session was last seen (`touchAfter`) that a touch is worth a command. */
  abstract isTouchDue(record: SessionRecord): boolean;

  /** Resolves when every write begun so far has been answered, refused or given up. */
  abstract settled(): Promise<void>;
}
