import type { EndedSession, EntryDelta, NewSession, SessionFacts, SessionRecord, StoredTerms } from '../session-record.js';
import type { Handle, Sid } from '../sid.js';
import type { SessionMigration } from '../session-migration.js';
import type { SessionIndex } from './session-index.js';
import type { StoreSettings } from './store-settings.js';

/**
 * Where sessions are kept. Type and injection token in one; there is nothing in it to inherit, so write `implements SessionStore`.
 *
 * What holds for every method:
 * - "Not found" is an answer (`undefined`, `false` or `'gone'`), never an error. A session that is missing, has expired or was ended, and data
 *   at its place that the store did not write, are all "not found".
 * - It rejects with `SessionStoreUnavailableError` when the store cannot answer; the outcome of a write is then unknown.
 * - A write happens as a whole or not at all. Repeating it with the same arguments changes nothing more, but for the idle timeout, which
 *   a repeated `save` or `touch` starts anew, and `increment`, which adds again.
 * - Only `create` brings a session into being. Nothing else revives one that has ended, or writes to a later one under the same handle.
 * - Every session has an end from the moment it exists: the idle timeout of its latest write, and never later than its absolute end,
 *   which no write moves.
 * - All times are by the store's clock. A wrong clock of this process changes nothing.
 * - Entry names and texts come back as they were given, whatever characters they are made of.
 *
 * Defaults, limits, events, and what is due when are not a store's business: {@link Sessions} sees to them once, whatever the store.
 *
 * A store that cannot do something leaves the optional method out. `storeContract` of `nestjs-redis-session/store` has a case for each sentence.
 *
 * @publicApi
 */
export abstract class SessionStore {
  /** What its options say, as `storeSettings` has them. Without it, every default counts. */
  abstract readonly settings?: StoreSettings | undefined;

  abstract readonly clock: StoreClock;

  /**
   * Reads a session, and changes nothing. A sid whose secret is not good (any more) finds nothing, and neither does data that the store did not
   * write, which is left where it is; the answer says which of the two. Who held a session that somebody else has ended learns why, for five
   * minutes. Who has ended it by a `destroy` that leaves word of it finds `'left'`.
   */
  abstract find(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined>;

  /**
   * Stores a new session, also one without entries. `'exists'` when that very session is there already, with the same secret: an earlier try
   * has succeeded. `'taken'` when another session has the handle, or word of one that was ended. `'gone'` where `revoke` was told that the
   * session may come later.
   */
  abstract create(sid: Sid, session: NewSession): Promise<SessionRecord | 'exists' | 'taken' | 'gone'>;

  /**
   * Writes what changed since `record` was loaded, and nothing else: entries that others changed meanwhile stay as they are. Counts as a
   * touch. Cookie attributes that others changed meanwhile stay too, with their idle timeout, unless `terms` names others than `record`.
   * `undefined` when the session has ended since; then nothing is written. A rotation meanwhile does not matter: whoever has a record came
   * with a good secret. The record says then that it is the `previous` one, as that of `touch` and `rotate` does. But where the user has
   * proved again who they are since, and that has ended the secret that `record` came with, the session counts as ended here, in `touch`,
   * `rotate` and `increment`.
   *
   * The entries of the answer are those of `record` with the change.
   */
  abstract save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): Promise<SessionRecord | undefined>;

  /**
   * Starts the idle timeout anew, as long as `terms` says from now on, and keeps the cookie attributes that it names, or those that others
   * changed meanwhile, as `save` does. Entries stay as they are. `undefined` when the session has ended since.
   */
  abstract touch(sid: Sid, record: SessionRecord, terms: StoredTerms): Promise<SessionRecord | undefined>;

  /**
   * Ends the session under that sid's handle, also when its secret was replaced meanwhile. `'gone'` when it was not there (any more).
   *
   * With `copied`, only while the session is the same user's and its entries are those of `copied`: `'changed'` when somebody has written
   * others since, and then it stays; `'gone'` also for a request that could not `save` any more.
   *
   * With `leavesWord`, whoever held it can learn of that for as long as it could have lived. A session that was made from a credential
   * (`NewSession.adoptedUntil`) always leaves word, until then.
   */
  abstract destroy(sid: Sid, copied?: SessionRecord, options?: EndOptions): Promise<DestroyedSession | 'gone' | 'changed'>;

  /** Resolves when every write begun so far has been answered, refused or given up. */
  abstract drain(): Promise<void>;

  /**
   * Gives the session the secret of `next`, which has the same handle; all else stays, its end too. A store without it keeps each session under
   * its whole sid; the session's handle is then `hashedHandleOf(sid)`, and a new secret takes a new session.
   *
   * The secret before stays good until somebody presents a newer one: loads the session with it and then saves, touches or rotates. From
   * then on all others are good for `grace` longer, for requests already on their way; these read and write as usual, and cannot prolong that.
   *
   * Nothing happens, and `rotated` is false, for a request whose secret has been replaced so; when an earlier rotation is not confirmed so,
   * and the request was loaded (`age` ago) less than two graces after it or after it was told: its answer may still be on its way; and while
   * four secrets besides the current one are remembered. No secret that may have been told is ever dropped to make room.
   *
   * Where the user has just proved again who they are (`reauthenticated`), none but the new secret is good from then on, and the sign-in
   * counts from now. The secret presented must be the current one.
   *
   * `undefined` when the session, or with `reauthenticated` the secret presented, has ended since.
   */
  rotate?(sid: Sid, record: SessionRecord, next: Sid, options: RotateOptions): Promise<Rotation | undefined>;

  /**
   * Adds `by`, a safe integer, to an entry that holds one (an absent one counts as 0), and answers with the sum; `'no integer'` when the entry
   * is no safe integer, or the sum would not be. `undefined` when the session has ended since.
   */
  increment?(record: SessionRecord, name: string, by: number): Promise<number | 'no integer' | undefined>;

  /**
   * Reads a session again that was loaded a while ago, by its handle, and changes nothing. A secret that was replaced meanwhile does not matter, as
   * in `save`; where a reauthentication has ended the one that `record` came with, that is `unusable`. Whoever has a record was its holder, and
   * learns why somebody else has ended it. A store without it is asked by `find`, to which a replaced secret is good for a grace only.
   */
  reload?(record: SessionRecord): Promise<SessionRecord | EndedSession | Unusable | undefined>;

  /**
   * Reads the session that was made from a credential (`NewSession.adoptedUntil`), for somebody who has that: whichever secret it has by now. The
   * record says `previous` where it is another than the first. A session that has ended leaves an `EndedSession`, or `'left'` where its own holder has ended it,
   * for as long as the credential could come again. A store without it takes no sessions that are made from credentials.
   */
  findAdopted?(sid: Sid): Promise<SessionRecord | EndedSession | Unusable | undefined>;

  /** What is to be told of each of these sessions; `undefined` for one that is not there (any more). */
  describe?(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]>;

  /**
   * Ends a session of that user for somebody other than its holder, who learns the reason for five minutes. False when that user has no such
   * session (any more).
   */
  revoke?(handle: Handle, revocation: Revocation): Promise<boolean>;

  /**
   * Changes one entry of a session of that user, whoever else is writing to it meanwhile: `change` gets its text and answers with the new
   * one, or `undefined` to leave it. It may be called several times. An entry that is not there stays so. False when there is no such session
   * (any more). Ends the grace of a secret whose successor was presented.
   */
  compareAndSet?(handle: Handle, userId: string, name: string, change: (text: string | undefined) => string | undefined): Promise<boolean>;

  /**
   * From now on, sessions of that user that were created before `time` are not found, and a `destroy` of one answers that it was not there.
   * Without a time, and for one that has not come yet by the store's clock, those are meant that are there now. Answers with the time that counts; a
   * session that is created after the answer began later. Called only with `store.revokeBefore`.
   */
  endBefore?(userId: string, time?: number): Promise<number>;

  /** The move from another layout, while one is under way. */
  readonly migration?: SessionMigration | undefined;

  /**
   * What is wrong with where it keeps sessions, although it answers. Changes nothing. Finds nothing where it may not look, and rejects when it
   * cannot answer. A store that has nothing to say about that leaves it out.
   */
  inspect?(): Promise<readonly StoreProblem[]>;

  /** Names the sessions of each user. A store that has one also has `describe`, `revoke` and `compareAndSet`. */
  abstract readonly index?: SessionIndex | undefined;
}

/** The clock that a store goes by, epoch ms. */
export interface StoreClock {
  /** `undefined` while this process does not know. */
  now(): number | undefined;
  /** The same, asked for. Only where `now` may not know. */
  ask?(): Promise<number>;
}

/**
 * Why a store finds no session where there is something: a secret that is not good (any more), data that it did not write, or word of a session that its own
 * holder has ended.
 */
export interface Unusable {
  readonly unusable: 'secret' | 'data' | 'left';
  /** Whose session it is, where that is known. */
  readonly userId?: string | undefined;
}

/**
 * - `replica`: it copies another, and refuses every write.
 * - `full`: it has no memory left, and refuses new sessions and changes. Reading and ending sessions goes on.
 * - `evicting`: when its memory is full it throws sessions away, and the index of a user forgets sessions that go on.
 */
export type StoreProblem = (typeof STORE_PROBLEMS)[number];

/** All there are. */
export const STORE_PROBLEMS = ['replica', 'full', 'evicting'] as const;

/** A session that a call has ended. */
export interface DestroyedSession {
  readonly userId: string | undefined;
}

/** What is left of a session that ends. */
export interface EndOptions {
  /** Whether its holder can learn that it has ended, for as long as it could have lived. @default false, unless it was made from a credential */
  readonly leavesWord?: boolean | undefined;
}

/** What a rotation has come to. */
export interface Rotation {
  readonly rotated: boolean;
  readonly record: SessionRecord;
}

/** How a secret is replaced. Times in ms. */
export interface RotateOptions {
  /** How long other secrets stay good once a newer one was presented. */
  readonly grace: number;
  /** Whether the user has just proved again who they are. */
  readonly reauthenticated: boolean;
  /** How long ago the request began to load the session. */
  readonly age: number;
}

/** Whose session somebody else ends, and why. Word of it is left for five minutes, or with `leavesWord` for as long as it could have lived. */
export interface Revocation extends EndOptions {
  readonly userId: string;
  /** A word for programs, such as `revoked`. */
  readonly reason: string;
  /** Only a session that was created before then, or one made from a credential of before then; epoch ms by the store's clock. */
  readonly createdBefore?: number | undefined;
  /** Only a session that was indexed then or earlier, or nobody knows when ({@link SessionRecord.indexedAt}). */
  readonly indexedUpTo?: number | undefined;
  /** Whether the session may not be stored yet: then nobody can store it for five minutes, and the answer is false. @default false */
  readonly mayComeLater?: boolean | undefined;
}

/** In ms. Waiting this long guarantees that a clock of whole ms has advanced; a timer of 1 ms may end too early for that. */
export const NEXT_MS = 2;

/** For how many ms the holder of a session that somebody else has ended learns why. */
export const TOMBSTONE_MS = 300_000;

/** Why, where nobody has said. */
export const DEFAULT_REASON = 'revoked';

const METHODS = ['find', 'create', 'save', 'touch', 'destroy', 'drain'] as const satisfies (keyof SessionStore)[];

/** Whether that is a store of ours, or one that was written for this contract. */
export function isSessionStore(store: unknown): store is SessionStore {
  const found = Object(store) as Partial<SessionStore>;
  return METHODS.every((name) => typeof found[name] === 'function') && typeof found.clock?.now === 'function';
}
