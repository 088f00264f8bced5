import {
  SessionConflictError,
  SessionGoneError,
  SessionMisuseError,
  SessionStoreUnavailableError,
  SessionUnsupportedError,
} from '../redis-session.errors.js';
import { askWithin } from './deadline.js';
import { diagnostics, tellConflict } from './diagnostics.js';
import { absoluteOf, idleOf } from './lifetime.js';
import { isSecretOld } from './secret-check.js';
import { SessionEvents } from './session-events.js';
import {
  isEnded,
  isUnderSid,
  type CookieAttributes,
  type Device,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type SessionDraft,
  type SessionFacts,
  type SessionRecord,
  type StoredTerms,
  type Terms,
} from './session-record.js';
import { handleOf, hashedHandleOf, isOurForm, type Handle, type Sid } from './sid.js';
import type { SessionIndex } from './store/session-index.js';
import { checkIncrement, checkLimits, sizeOf } from './store/session-limits.js';
import type { EndOptions, Revocation, RotateOptions, Rotation, SessionStore, Unusable } from './store/session-store.js';
import { resolveStoreOptions, type StoreSettings } from './store/store-settings.js';
import { WatchedSessions } from './watched-sessions.js';

const NO_ENTRIES: EncodedEntries = new Map();
const REAUTHENTICATED: EndedSession = { endedReason: 'reauthenticated' };
/** What a look finds of a session that its own holder has ended. */
const LEFT = 'left';
const all = new WeakMap<SessionStore, Sessions>();

/** What a look finds: a session, why somebody else has ended it, or that its own holder has. */
export type Seen = SessionRecord | EndedSession | typeof LEFT | undefined;

/** What becomes of a look at a store. */
interface LookCallbacks {
  readonly onAnswer: (seen: Seen) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * The sessions that a store keeps, with all that is the same for every store: defaults and limits, what is due when, and who is told of what.
 * There is one for each store; requests, `SessionManager` and listeners share it.
 */
export class Sessions {
  readonly store: SessionStore;
  readonly settings: StoreSettings;
  /** What happens to these sessions, as seen by this process. */
  readonly events: SessionEvents;
  #watched: WatchedSessions | undefined;
  #credentialLife = 0;

  private constructor(store: SessionStore) {
    this.store = store;
    this.settings = store.settings ?? resolveStoreOptions({});
    this.events = SessionEvents.of(store);
  }

  static of(store: SessionStore | Sessions): Sessions {
    if (store instanceof Sessions) return store;
    let sessions = all.get(store);
    if (sessions === undefined) all.set(store, (sessions = new Sessions(store)));
    return sessions;
  }

  /** Those of them that are used for longer than one answer takes. */
  get watched(): WatchedSessions {
    this.#watched ??= new WatchedSessions(this);
    return this.#watched;
  }

  /** Looks at those that are watched, where there are any, without waiting until that is due. */
  async lookAtWatched(): Promise<void> {
    await this.#watched?.lookAtAll();
  }

  /** For how many ms from now a credential that has been given out can be adopted at most. 0 where none is. */
  get credentialLife(): number {
    return this.#credentialLife;
  }

  /** Call where credentials are adopted: for so long, what has ended must be remembered. */
  adoptFor(ms: number): void {
    this.#credentialLife = Math.max(this.#credentialLife, ms);
  }

  /** The public name of the session that a sid opens. */
  handleOf(sid: Sid): Handle {
    return this.store.rotate === undefined ? hashedHandleOf(sid) : handleOf(sid);
  }

  /** Whether `rotate` can give this sid a new secret; a sid of a custom `genid` has none of its own. */
  canRotate(sid: Sid, record?: SessionRecord): boolean {
    return this.store.rotate !== undefined && isOurForm(sid) && (record === undefined || !isUnderSid(record));
  }

  /** Emits `reused` for a secret that is not good (any more), and `rejected` for data that is no session. Neither is an answer of its own. */
  async find(sid: Sid): Promise<SessionRecord | EndedSession | undefined> {
    return withoutLeft(await this.look(sid));
  }

  /** The same, and whether its own holder has ended it, where word of that was left. */
  async look(sid: Sid): Promise<Seen> {
    return this.#seen(sid, await this.store.find(sid));
  }

  /** The same within the deadline, and for the sake of the many requests that only read, without a promise of its own. */
  lookWithin(sid: Sid, { onAnswer, onError }: LookCallbacks): void {
    askWithin(this.settings.deadline, () => this.store.find(sid), {
      onAnswer: (answer) => {
        let seen: Seen;
        try {
          seen = this.#seen(sid, answer);
        } catch (error) {
          return onError(error);
        }
        onAnswer(seen);
      },
      onError,
    });
  }

  /**
   * Reads a session again that was loaded a while ago: see {@link SessionStore.reload}. Where its holder's secret was ended by a reauthentication, says that
   * as the reason. A store that cannot do it is asked by `find`.
   */
  async reload(sid: Sid, record: SessionRecord): Promise<SessionRecord | EndedSession | undefined> {
    if (this.store.reload === undefined) return this.find(sid);
    const found = await this.store.reload(record);
    // Nobody has presented that secret now, so it is not `reused`.
    return found !== undefined && 'unusable' in found && found.unusable === 'secret'
      ? REAUTHENTICATED
      : withoutLeft(this.#seen(sid, found));
  }

  /** As `find`, for those to whom a session that has ended is none. */
  async load(sid: Sid): Promise<SessionRecord | undefined> {
    const found = await this.find(sid);
    return isEnded(found) ? undefined : found;
  }

  /**
   * Stores a new session, also one without entries. A sid whose handle exists is refused with `SessionConflictError`, unless that session has the
   * same secret: then an earlier try has succeeded, and its record is returned as it is. A sid of a custom `genid` has no secret that would
   * tell an earlier try from a `genid` that repeats itself, so it is always refused. Where `revoke` was told that the session may come later, it
   * is refused with `SessionGoneError`.
   *
   * Rejects with `SessionLimitError` when it is too large, and with `SessionSerializationError` when an entry's name cannot be stored
   * (`__proto__`, or half a surrogate pair).
   */
  async create(sid: Sid, draft: SessionDraft): Promise<SessionRecord> {
    const created = await this.#create(sid, draft);
    if (created === 'gone') throw new SessionGoneError();
    if (typeof created !== 'string') return created;
    const existing = created === 'exists' && isOurForm(sid) ? await this.load(sid) : undefined;
    if (existing !== undefined) return existing;
    tellConflict('id-in-use');
    throw new SessionConflictError();
  }

  async #create(sid: Sid, { terms, absolute, ...draft }: SessionDraft): Promise<SessionRecord | 'exists' | 'taken' | 'gone'> {
    checkLimits(this.settings, NO_ENTRIES, { set: draft.entries, removed: [] });
    const session = { ...draft, terms: this.#stored(terms), absolute: absoluteOf(terms, this.settings, absolute) };
    const created = await this.store.create(sid, session);
    if (typeof created === 'string') return created;
    this.events.emit('created', { handle: created.handle, userId: draft.userId });
    if (diagnostics.save.hasSubscribers) diagnostics.save.publish({ isNew: true, bytes: sizeOf(created.entries) });
    return created;
  }

  /** Whether sessions can be made from credentials. */
  get canAdopt(): boolean {
    return this.store.findAdopted !== undefined && this.index !== undefined;
  }

  /** See {@link SessionStore.findAdopted}. Call it, and `adopt`, only where {@link canAdopt}. */
  async findAdopted(sid: Sid): Promise<Seen> {
    return this.#seen(sid, await this.#able('findAdopted').findAdopted(sid));
  }

  /** As `create`, of a session that is made from a credential (`adoptedUntil`). `undefined` where something is there already: the session, or word of its end. */
  async adopt(sid: Sid, draft: SessionDraft): Promise<SessionRecord | undefined> {
    const created = await this.#create(sid, draft);
    return typeof created === 'string' ? undefined : created;
  }

  /** See {@link SessionStore.save}; rejects as `create` does. `undefined` emits `lost`. */
  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): Promise<SessionRecord | undefined> {
    checkLimits(this.settings, record.entries, delta);
    const saved = await this.store.save(sid, record, delta, this.#stored(terms));
    if (saved === undefined) return this.#lost(record);
    this.#watched?.noteChange(record.handle);
    if (diagnostics.save.hasSubscribers) diagnostics.save.publish({ isNew: false, bytes: sizeOf(saved.entries) });
    return saved;
  }

  /** See {@link SessionStore.touch}. `undefined` emits `lost`. */
  async touch(sid: Sid, record: SessionRecord, terms: Terms): Promise<SessionRecord | undefined> {
    const touched = await this.store.touch(sid, record, this.#stored(terms));
    if (touched === undefined) return this.#lost(record);
    this.#watched?.noteTouch(touched);
    return touched;
  }

  /** See {@link SessionStore.rotate}; call it only where `canRotate`. `undefined` emits `lost`. */
  async rotate(
    sid: Sid,
    record: SessionRecord,
    next: Sid,
    { reauthenticated = false, age = 0 }: Partial<RotateOptions> = {},
  ): Promise<Rotation | undefined> {
    const options = { grace: this.settings.rotationGrace, reauthenticated, age };
    const rotation = await this.#able('rotate').rotate(sid, record, next, options);
    if (rotation?.rotated === true) this.events.emit('rotated', { handle: record.handle, userId: record.userId });
    return rotation ?? this.#lost(record);
  }

  /**
   * See {@link SessionStore.increment}. Alone of all writes it adds again when it is repeated: when no answer comes it rejects with
   * `SessionStoreUnavailableError`, reason `outcome unknown`. Rejects with `SessionMisuseError` when the entry is no safe integer, or the sum
   * would not be, with `SessionUnsupportedError` where the store cannot add, and as `save` does. `undefined` emits `lost`.
   */
  async increment(record: SessionRecord, name: string, by: number): Promise<number | undefined> {
    const store = this.#able('increment');
    checkIncrement(record.entries, name, by, this.settings);
    const sum = await store.increment(record, name, by).catch((error: unknown) => {
      throw withUnknownOutcome(error);
    });
    if (sum === 'no integer') throw notInteger(name);
    this.#watched?.noteChange(record.handle);
    return sum ?? this.#lost(record);
  }

  /** Ends the session under that sid's handle, also when its secret was replaced meanwhile. False when it was not there (any more). */
  async destroy(sid: Sid): Promise<boolean> {
    return (await this.#destroy(sid)) === 'ended';
  }

  /** See {@link SessionStore.destroy}. */
  destroyCopied(copied: SessionRecord, sid: Sid): Promise<'ended' | 'gone' | 'changed'> {
    return this.#destroy(sid, copied);
  }

  async #destroy(sid: Sid, copied?: SessionRecord): Promise<'ended' | 'gone' | 'changed'> {
    const destroyed = await this.store.destroy(sid, copied, this.#ending);
    if (typeof destroyed === 'string') return destroyed;
    this.events.emit('destroyed', { handle: this.handleOf(sid), userId: destroyed.userId });
    return 'ended';
  }

  async describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    return this.#able('describe').describe(handles);
  }

  /** See {@link SessionStore.revoke}. `event`: what is emitted when it has ended the session. */
  async revoke(handle: Handle, revocation: Revocation, event: 'revoked' | 'evicted' = 'revoked'): Promise<boolean> {
    const isRevoked = await this.#able('revoke').revoke(handle, { ...revocation, ...this.#ending });
    const { userId, reason } = revocation;
    if (isRevoked && event === 'revoked') this.events.emit('revoked', { handle, userId, reason });
    else if (isRevoked) this.events.emit('evicted', { handle, userId });
    return isRevoked;
  }

  async compareAndSet(...args: Parameters<NonNullable<SessionStore['compareAndSet']>>): Promise<boolean> {
    const isThere = await this.#able('compareAndSet').compareAndSet(...args);
    this.#watched?.noteChange(args[0]);
    return isThere;
  }

  /** See {@link SessionStore.endBefore}. Needs `store.revokeBefore`. */
  async endBefore(userId: string, time?: number): Promise<number> {
    const store = this.#able('endBefore');
    if (!this.settings.revokeBefore)
      throw new SessionUnsupportedError(
        'SessionManager.revokeBefore() needs a second look at each load. Set "store.revokeBefore" to true.',
      );
    return store.endBefore(userId, time);
  }

  /** The time by the store's clock. */
  async now(): Promise<number> {
    const { clock } = this.store;
    const now = clock.now() ?? (await clock.ask?.());
    if (now === undefined) throw new SessionStoreUnavailableError('clock');
    return now;
  }

  /** Whether `rotateAfter` has passed since the session got its secret, or its holder seems not to have got it, so that it should get a new one. */
  isRotationDue({ secret, createdAt = 0, rotatedAt = createdAt }: SessionRecord): boolean {
    if (this.settings.rotateAfter === undefined) return false;
    const now = this.store.clock.now();
    return now !== undefined && isSecretOld(secret, now - rotatedAt, this.settings);
  }

  /**
   * Whether a touch is worth a command: `touchAfter`, or a tenth of the idle timeout, has passed since the session was last seen, or a new
   * secret was presented for the first time.
   */
  isTouchDue(record: SessionRecord): boolean {
    const now = this.store.clock.now();
    // Before the first answer nobody knows the store's time; the touch brings it.
    if (now === undefined || record.secret === 'unconfirmed') return true;
    // Nor when it was seen in the future: this process was suspended since it learnt the time, or the clock of the store was set back.
    return Math.abs(now - record.lastSeenAt) >= Math.min(this.settings.touchAfter, record.idle / 10);
  }

  /** How long ago the session was last seen, in whole ms: 0 while this process does not know the store's time. */
  msSinceSeen({ lastSeenAt }: SessionRecord): number {
    const now = this.store.clock.now() ?? lastSeenAt;
    return Math.max(0, Math.floor(now - lastSeenAt));
  }

  drain(): Promise<void> {
    return this.store.drain();
  }

  /** `undefined` where the store names no sessions of users. */
  get index(): SessionIndex | undefined {
    return this.store.index;
  }

  /** Where a request may bring a credential too, it must be known of each session that it has ended. */
  get #ending(): EndOptions | undefined {
    return this.#credentialLife > 0 ? { leavesWord: true } : undefined;
  }

  #seen(sid: Sid, answer: SessionRecord | EndedSession | Unusable | undefined): Seen {
    // A store of an application's own may say so.
    if (answer === undefined || answer === null) return undefined;
    if (typeof answer !== 'object') throw noAnswer(this.store);
    if (isRecord(answer) || 'endedReason' in answer) return answer;
    if (answer.unusable === 'left') return LEFT;
    const handle = this.handleOf(sid);
    if (answer.unusable === 'secret') this.events.emit('reused', { handle, userId: answer.userId });
    else if (answer.unusable === 'data') this.events.emit('rejected', { handle, what: 'session' });
    else throw noAnswer(this.store);
    return undefined;
  }

  #stored(terms: Terms): StoredTerms {
    return new ResolvedTerms(terms, idleOf(terms, this.settings), this.settings.rotationGrace);
  }

  #lost({ handle, userId }: SessionRecord): undefined {
    this.events.emit('lost', { handle, userId });
  }

  /** The store, as one that can do it. */
  #able<Name extends keyof typeof LACKS>(name: Name): SessionStore & Required<Pick<SessionStore, Name>> {
    if (this.store[name] === undefined) throw new SessionUnsupportedError(LACKS[name]);
    return this.store as SessionStore & Required<Pick<SessionStore, Name>>;
  }
}

const BY_HANDLE = 'This store cannot call a session by its handle: it keeps each under its sid. Set "store.kind" to "hash".';

/** What is said of a store that lacks a capability. */
const LACKS = {
  rotate: 'This store cannot change the secret of a session: the sid is its key.',
  increment: 'This store cannot add to an entry: it saves sessions as a whole. Set "store.kind" to "hash".',
  describe: BY_HANDLE,
  revoke: BY_HANDLE,
  compareAndSet: BY_HANDLE,
  endBefore: BY_HANDLE,
  findAdopted: BY_HANDLE,
} as const satisfies Partial<Record<keyof SessionStore, string>>;

/** Makes the whole cookie only when asked for it, as most stores never do. */
class ResolvedTerms implements StoredTerms {
  readonly cookie: CookieAttributes | undefined;
  readonly device: Device | undefined;

  constructor(
    private readonly terms: Terms,
    readonly idle: number,
    readonly grace: number,
  ) {
    this.cookie = terms.cookie;
    this.device = terms.device;
  }

  get wholeCookie(): CookieAttributes {
    return this.terms.wholeCookie;
  }
}

/** A session that its own holder has ended is none. */
function withoutLeft(seen: Seen): SessionRecord | EndedSession | undefined {
  return seen === LEFT ? undefined : seen;
}

function isRecord(answer: SessionRecord | EndedSession | Unusable): answer is SessionRecord {
  return typeof (answer as Partial<SessionRecord>).entries?.get === 'function';
}

function noAnswer(store: SessionStore): SessionMisuseError {
  return new SessionMisuseError(
    `The store ${store.constructor.name} has answered find() with something that is not a session. It must answer with a SessionRecord, or undefined for "not found".`,
  );
}

function notInteger(name: string): SessionMisuseError {
  return new SessionMisuseError(
    `session.increment() needs an entry that is an integer between -(2^53 - 1) and 2^53 - 1, before and after; ${JSON.stringify(name)} is not. Assign a number first.`,
  );
}

/** Whoever waited too long, or lost the connection, cannot know whether the store has added. */
function withUnknownOutcome(error: unknown): unknown {
  const isUnknown = error instanceof SessionStoreUnavailableError && (error.reason === 'timeout' || error.reason === 'connection');
  return isUnknown ? new SessionStoreUnavailableError('outcome unknown') : error;
}
