import {
  RedisSessionError,
  SessionConflictError,
  SessionGoneError,
  SessionMisuseError,
  SessionStoreUnavailableError,
} from '../redis-session.errors.js';
import { callAgainLater } from './background-retry.js';
import { CallQueue } from './call-queue.js';
import { within, type Deadline } from './deadline.js';
import { diagnostics, reasonOf, tellConflict, type CommitDiagnostics } from './diagnostics.js';
import { Entries } from './entries.js';
import { IDENTITY_ENTRY, isIdentity, type Identity } from './identity.js';
import {
  applyDelta,
  isEnded,
  isNameDue,
  type EncodedEntries,
  type EntryDelta,
  type Terms,
  type SessionDraft,
  type SessionRecord,
} from './session-record.js';
import type { Sessions } from './sessions.js';
import { SignIns } from './sign-ins.js';
import { newSid, type Handle, type Sid } from './sid.js';

/** What an active session asks of the request (or socket, or job) that it serves. */
export interface SessionHost {
  /** A new sid, by `session.genid` where that is set. */
  generateSid(): Sid;
  /** How long the session is to live from now. */
  terms(): Terms;
  /** Whether the application has changed the terms since the session was last read or written. */
  readonly areTermsChanged: boolean;
  /** Where the application keeps the identity; `undefined` for nobody. */
  identityOf(entries: Entries): Identity | undefined;
  /** Whether that is the entry "identity", and nothing else. */
  readonly isIdentityEntry: boolean;
  /** Sids of other sessions that the same client has brought along. They end with this one, and with a sign-in. */
  readonly sidsBeside: readonly Sid[];
}

/** How long a call may take. */
export interface TimeLimit {
  /** In ms. @default the deadline of the store */
  readonly ms?: number | undefined;
}

interface TurnOptions extends TimeLimit {
  readonly isAwaited?: boolean;
}

/** Makes the error for a call that would have to begin a session, of which the host can tell nobody any more. */
type RefuseNew = () => Error;

/**
 * Asked when a session becomes somebody's by assignment:
 * - true: the client can be told a new sid, so the session gets one;
 * - false: it never can, so the session keeps its sid;
 * - throws: it cannot any more, so the change must not be stored.
 */
type TakesNewSid = () => boolean;

/** How a session is saved. */
export interface SaveOptions extends TimeLimit {
  readonly touch?: boolean;
  readonly refuseNew?: RefuseNew | undefined;
  /** @default it can */
  readonly takesNewSid?: TakesNewSid | undefined;
}

/** Each attempt fails only when somebody else has written to the session meanwhile. */
const MOST_MOVES = 20;
/** Under which name a session object tells what it is a view of. No data from outside has the symbol. */
export const ACTIVE_SESSION = Symbol('active session');
const NO_ENTRIES: EncodedEntries = new Map();
const DONE = Promise.resolve();
const ALWAYS = () => true;

/**
 * A session while a request uses it: the loaded record, the changes so far, and the steps from one to the other. Knows nothing of HTTP.
 *
 * Calls run one after the other, each within the store's deadline. One that fails changes nothing here, so it can be made again.
 */
export class ActiveSession {
  readonly entries: Entries;
  #sid: Sid | undefined;
  #record: SessionRecord | undefined;
  #state: 'live' | 'lost' | 'destroyed' = 'live';
  /** A first save failed and may have run all the same. */
  #mayBeStored = false;
  #isWritten = false;
  /** Nobody had the sid before this request. */
  #isSidNew: boolean;
  /** No answer has come to an attempt to end the session, which may have run all the same. */
  #mayBeEnded = false;
  #isRetained = false;
  /** By the clock of this process. No other rotation replaces that of a `reauthenticate`. */
  #rotatedAt = Infinity;
  readonly #calls = new CallQueue();

  /**
   * @param sid without it one is made when first needed, as most visitors never need one
   * @param record what was loaded; without it the session is new, and nothing of it is in the store yet
   * @param loadedAt when that load began, ms of `performance.now()`
   */
  constructor(
    private readonly sessions: Sessions,
    private readonly host: SessionHost,
    sid: Sid | undefined,
    record?: SessionRecord,
    private readonly loadedAt = performance.now(),
  ) {
    this.#sid = sid;
    this.#record = record;
    this.#isSidNew = record === undefined;
    const onUndecodable = () => sessions.events.emit('rejected', { handle: this.handle, userId: this.#record?.userId, what: 'entry' });
    this.entries = new Entries(record?.entries ?? NO_ENTRIES, sessions.settings.serializer, onUndecodable, host.isIdentityEntry);
  }

  get [ACTIVE_SESSION](): this {
    return this;
  }

  get sid(): Sid {
    this.#sid ??= this.host.generateSid();
    return this.#sid;
  }

  get handle(): Handle {
    return this.sessions.handleOf(this.sid);
  }

  /** As last read from or written to the store. */
  get record(): SessionRecord | undefined {
    return this.#record;
  }

  /** Whether the session was found to have ended otherwise than by this request. */
  get isLost(): boolean {
    return this.#state === 'lost';
  }

  /** Whether a call is under way, a `touch` aside. */
  get isBusy(): boolean {
    return this.#calls.isBusy;
  }

  /**
   * Resolves when the calls under way have ended. Rejects as soon as one of them does, unless this request has ended the session by then: whoever asks
   * something of it after that is told by the call itself, and nothing is left to be stored.
   */
  async idle(): Promise<void> {
    try {
      await this.#calls.idle();
    } catch (error) {
      if (this.#state !== 'destroyed') throw error;
    }
  }

  /** Whether it was rotated here so long ago that another rotation may replace that one, whose secret nobody has presented. */
  get isRotationReplaceable(): boolean {
    const { rotationGrace } = this.sessions.settings;
    // Without a grace it may from the first moment on, and still is to be told.
    return rotationGrace > 0 && performance.now() - this.#rotatedAt >= rotationGrace;
  }

  /** Whether changed entries were stored. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  get isDestroyed(): boolean {
    return this.#state === 'destroyed';
  }

  /** Whether there is what the store has not. Throws `SessionSerializationError` when that cannot be stored. */
  get isChanged(): boolean {
    if (this.#state !== 'live') return false;
    return this.entries.delta() !== undefined || (this.#isRetained && this.#record === undefined);
  }

  /** Whether the application has changed how long it is to live, or its cookie. */
  get areTermsChanged(): boolean {
    return this.#state === 'live' && this.host.areTermsChanged;
  }

  /** Has a new session stored although nothing is in it. */
  retain(): void {
    this.#isRetained = true;
  }

  get isTouchDue(): boolean {
    return this.#state === 'live' && this.#record !== undefined && this.#isDue(this.#record);
  }

  /** Starts the idle timeout anew. Nobody waits for it, so the session is not busy meanwhile. */
  touch({ ms }: TimeLimit = {}): Promise<void> {
    return this.#inTurn(
      async (deadline) => {
        const record = this.#record;
        if (this.#state === 'live' && record !== undefined) await this.#touch(record, deadline);
      },
      { isAwaited: false, ms },
    );
  }

  /** Stores what changed, and the session itself when it is new. An unchanged session is touched when that is due, or always with `touch`. */
  save({ touch = false, ms, refuseNew, takesNewSid }: SaveOptions = {}): Promise<void> {
    return this.#inTurn(
      (deadline) => {
        const record = this.#record;
        if (this.#state === 'lost') return DONE;
        if (record === undefined && refuseNew !== undefined) throw refuseNew();
        if (record === undefined) return this.#told(this.#commitBegins(), this.#createAll(deadline));
        const delta = this.entries.delta();
        if (delta !== undefined) return this.#told(this.#commitBegins(), this.#write(record, delta, deadline, takesNewSid));
        return touch || this.#isDue(record) ? this.#touch(record, deadline) : DONE;
      },
      { ms },
    );
  }

  /**
   * Stores what changed, entries or terms, of a session without other calls under way. Answers `undefined` when nothing did. Looks for changes once: each look
   * encodes every entry that was used.
   */
  saveChanges(options: SaveOptions = {}): Promise<void> | undefined {
    if (this.#record === undefined) return this.isChanged ? this.save(options) : undefined;
    const delta = this.#state === 'live' ? this.entries.delta() : undefined;
    if (delta === undefined) return this.host.areTermsChanged ? this.save(options) : undefined;
    const { ms, takesNewSid } = options;
    return this.#inTurn((deadline) => this.#writeFound(delta, deadline, takesNewSid), { ms });
  }

  /** The touch before it may have found that the session has ended. */
  #writeFound(delta: EntryDelta, deadline: Deadline, takesNewSid: TakesNewSid | undefined): Promise<void> {
    const record = this.#record;
    if (this.#state === 'lost' || record === undefined) return DONE;
    return this.#told(this.#commitBegins(), this.#write(record, delta, deadline, takesNewSid));
  }

  /** `undefined` where nobody wants to know. */
  #commitBegins(): number | undefined {
    return diagnostics.commit.hasSubscribers ? performance.now() : undefined;
  }

  /** Tells of a commit that has begun then. */
  #told(at: number | undefined, commit: Promise<void>): Promise<void> {
    return at === undefined ? commit : this.#tell(at, commit);
  }

  async #tell(at: number, commit: Promise<void>): Promise<void> {
    let outcome: Omit<CommitDiagnostics, 'duration'> = { result: 'stored' };
    try {
      await commit;
      if (this.isLost) outcome = { result: 'lost' };
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      diagnostics.commit.publish({ ...outcome, duration: performance.now() - at });
    }
  }

  /** Adds to an integer entry in the store, so that parallel requests all count. The entry must have no change of this request. */
  increment(name: string, by: number, refuseNew?: RefuseNew): Promise<number> {
    return this.#inTurn(async (deadline) => {
      if (!Number.isSafeInteger(by)) throw new SessionMisuseError('session.increment() needs an integer to add.');
      if (this.entries.isChanged(name))
        throw new SessionMisuseError(
          `The session entry ${JSON.stringify(name)} was changed and is not stored yet. Call session.save() before session.increment().`,
        );
      if (this.#state === 'lost') throw this.#markGone();
      if (this.#record === undefined && refuseNew !== undefined) throw refuseNew();
      const record = this.#record ?? (await this.#create(deadline));
      const { assignments } = this.entries;
      const sum = await deadline.wait(this.sessions.increment(record, name, by)).catch((error: unknown) => {
        throw isTimeout(error) ? new SessionStoreUnavailableError('outcome unknown') : error;
      });
      if (sum === undefined) throw this.#markGone();
      this.#record = { ...record, entries: new Map(record.entries).set(name, String(sum)) };
      this.entries.learn(name, String(sum), assignments);
      return sum;
    });
  }

  /** Drops changes that are not stored, and reads the session again. False when it has ended. */
  reload(): Promise<boolean> {
    return this.#inTurn(async (deadline) => {
      const record = await deadline.wait(this.sessions.load(this.sid));
      if (record === undefined) return false;
      this.#record = this.#record === undefined ? record : reloaded(this.#record, record);
      this.entries.reload(record.entries);
      return true;
    });
  }

  /** Ends the session. The entries stay readable. */
  destroy({ ms }: TimeLimit = {}): Promise<void> {
    return this.#inTurn(
      async (deadline) => {
        await this.#endBeside(deadline);
        await this.#endStored(deadline);
        await this.#signIns.leave(this.#record, deadline);
        this.#state = 'destroyed';
      },
      { ms },
    );
  }

  /**
   * Ends the session so that a new one can take its place. Rejects with `SessionGoneError` when a signed-in session turns out to have
   * ended already: whoever ended it meant its holder, who must not get a fresh one by asking for it.
   */
  supersede(): Promise<void> {
    return this.#inTurn(async (deadline) => {
      const mustExist = this.#hasUser;
      await this.#endBeside(deadline);
      if ((await this.#endReplaced(deadline, mustExist)) === 'unknown') throw new SessionStoreUnavailableError('timeout');
      if ((await this.#signIns.leave(this.#record, deadline)) && mustExist) throw this.#markGone();
      this.#state = 'destroyed';
    });
  }

  /**
   * Signs in: the same object becomes a new session, stored before this resolves, with the identity and the entries named in `keep`. The
   * session before it is dead by then, unless the store has not answered twice: then it ends as soon as the store can be reached. When it rejects,
   * the session before is as it was. Entries of another user are never kept.
   *
   * @param absolute absolute timeout in ms, `false` for none, `undefined` for the store's
   */
  login(identity: Identity, keep: readonly string[] | true, absolute?: number | false): Promise<void> {
    return this.#inTurn(async (deadline) => {
      if (!isIdentity(identity))
        throw new SessionMisuseError('session.login() needs an identity: an object whose "id" is a non-empty string or a finite number.');
      const userId = String(identity.id);
      const isOther = [this.#userId, this.#record?.userId].some((current) => current !== undefined && current !== userId);
      const kept = isOther ? [] : keep === true ? this.entries.names() : keep;
      const entries = this.entries.encoded(kept.filter((name) => name !== IDENTITY_ENTRY));
      for (const [name, text] of this.#encodedIdentity(identity)) entries.set(name, text);
      if (this.#userIdIn(entries) !== userId) throw notFoundAgain();
      const replaced = this.#record && this.handle;
      const session = { entries, userId, absolute, terms: this.host.terms() };
      await this.#moveTo(this.host.generateSid(), session, deadline, { endsBeside: true });
      this.entries.refresh(IDENTITY_ENTRY);
      this.sessions.events.emit('loggedIn', { handle: this.handle, userId, ...(replaced === undefined ? {} : { replaced }) });
    });
  }

  /** Gives the session a new secret. A sid of a custom `genid` has none of its own, so the session moves to a new sid with all it has. */
  rotate({ ms }: TimeLimit = {}): Promise<void> {
    return this.#inTurn(
      async (deadline) => {
        if (this.#record === undefined)
          throw new SessionMisuseError('session.rotate() needs a stored session; this one is new. Call session.save() first.');
        await this.#rotate(this.#record, deadline, { reauthenticated: false });
      },
      { ms },
    );
  }

  /** The user has just proved again who they are: gives the session a new secret, and the one before is dead. */
  reauthenticate(): Promise<void> {
    return this.#inTurn(async (deadline) => {
      if (this.#record === undefined || !this.#isSignedIn)
        throw new SessionMisuseError('session.reauthenticate() needs a signed-in user. Call session.login() first.');
      await this.#rotate(this.#record, deadline, { reauthenticated: true });
    });
  }

  async #rotate(record: SessionRecord, deadline: Deadline, { reauthenticated }: { reauthenticated: boolean }): Promise<void> {
    if (!this.sessions.canRotate(this.sid, record)) {
      const session = (present: SessionRecord): SessionDraft => ({
        entries: this.#withChanges(present.entries),
        userId: present.userId,
        authenticatedAt: reauthenticated ? undefined : present.authenticatedAt,
        ...sameEnd(present),
        terms: this.host.terms(),
      });
      if (!(await this.#move(session, deadline, { isSignIn: reauthenticated }))) throw this.#markGone();
      return;
    }
    const next = newSid(this.handle);
    const begunAt = performance.now();
    const rotation = await deadline.wait(this.sessions.rotate(this.sid, record, next, { reauthenticated, age: begunAt - this.loadedAt }));
    if (rotation === undefined) throw this.#markGone();
    this.#record = rotation.record;
    if (!rotation.rotated) return;
    this.#sid = next;
    this.#rotatedAt = reauthenticated ? Infinity : begunAt;
  }

  async #create(deadline: Deadline): Promise<SessionRecord> {
    const userId = this.#userId;
    const session = { entries: this.entries.encoded(this.entries.names()), terms: this.host.terms(), userId };
    try {
      const write = (indexedAt?: number) => deadline.wait(this.sessions.create(this.sid, { ...session, indexedAt }));
      const record = await (userId === undefined ? write() : this.#signIn(userId, deadline, write));
      this.#keep(record);
      this.entries.rebase(record.entries);
      if (userId !== undefined) this.sessions.events.emit('loggedIn', { handle: this.handle, userId });
      return record;
    } catch (error) {
      // An earlier try has stored it, and what has its handle now is what whoever has ended it since left.
      if (this.#mayBeStored && error instanceof SessionConflictError && this.sessions.canRotate(this.sid)) {
        if (userId !== undefined) this.#signIns.cancel(userId, this.handle);
        throw this.#markGone();
      }
      this.#mayBeStored ||= mayHaveRun(error);
      throw error;
    }
  }

  /** With what was changed while it was created. */
  async #createAll(deadline: Deadline): Promise<void> {
    const record = await this.#create(deadline);
    const delta = this.entries.delta();
    if (delta !== undefined) await this.#write(record, delta, deadline);
  }

  async #write(record: SessionRecord, delta: EntryDelta, deadline: Deadline, takesNewSid: TakesNewSid = ALWAYS): Promise<void> {
    const terms = this.host.terms();
    const mayBeOther = !this.host.isIdentityEntry || delta.set.has(IDENTITY_ENTRY) || delta.removed.includes(IDENTITY_ENTRY);
    const userId = mayBeOther ? this.#userId : undefined;
    // Only a change that this request has made: what else it finds, or does not, is not for it to say.
    const before = mayBeOther ? this.#userIdIn(record.entries) : undefined;
    const isOther = userId !== before;
    if (isOther && userId !== undefined && !this.#isSidNew && takesNewSid()) return this.#moveToUser(deadline);
    const change = isOther ? { ...delta, userId: userId ?? null } : delta;
    const isDue = this.#isDue(record);
    const write = (indexedAt?: number) => deadline.wait(this.sessions.save(this.sid, record, { ...change, indexedAt }, terms));
    try {
      const saved = await (isOther && userId !== undefined ? this.#signIn(userId, deadline, write) : write());
      this.#keep(saved);
      if (saved === undefined) return;
      if (isOther) await this.#signIns.leave(record, deadline);
      if (isOther) this.#tellUser(before, userId);
      else if (isDue || isNameDue(record, saved, this.sessions.settings)) this.#signIns.refresh(saved);
      this.#isWritten = true;
      this.entries.rebase(saved.entries);
    } catch (error) {
      if (mayHaveRun(error)) this.entries.uncertain(delta);
      throw error;
    }
  }

  /** An application has put an identity into the session: it goes on under a new sid, or whoever has planted the one before would be signed in too. */
  async #moveToUser(deadline: Deadline): Promise<void> {
    const replaced = this.handle;
    const session = (present: SessionRecord): SessionDraft => {
      const entries = this.#withChanges(present.entries);
      const isFirst = present.userId === undefined && this.#userIdIn(present.entries) === undefined;
      // Another id is no proof of who somebody is, nor a reason to stay for longer.
      const sameLife = isFirst ? {} : { ...sameEnd(present), authenticatedAt: present.authenticatedAt ?? present.createdAt };
      return { entries, userId: this.#userIdIn(entries), terms: this.host.terms(), ...sameLife };
    };
    if (!(await this.#move(session, deadline, { endsBeside: true }))) return this.#lose();
    this.#isWritten = true;
    const userId = this.#record?.userId ?? this.#userId;
    if (userId !== undefined) this.sessions.events.emit('loggedIn', { handle: this.handle, userId, replaced });
  }

  #tellUser(before: string | undefined, userId: string | undefined): void {
    const { events } = this.sessions;
    if (before !== undefined) events.emit('loggedOut', { handle: this.handle, userId: before });
    if (userId !== undefined) events.emit('loggedIn', { handle: this.handle, userId });
  }

  #withChanges(entries: EncodedEntries): EncodedEntries {
    const delta = this.entries.delta();
    return delta === undefined ? entries : applyDelta(entries, delta);
  }

  async #touch(record: SessionRecord, deadline: Deadline): Promise<void> {
    const touched = await deadline.wait(this.sessions.touch(this.sid, record, this.host.terms()));
    this.#keep(touched);
    if (touched !== undefined) this.#signIns.refresh(touched);
  }

  /** False when there was nothing to end. */
  async #endStored(deadline: Deadline): Promise<boolean> {
    if (this.#record === undefined && !this.#mayBeStored) return false;
    return deadline.wait(this.sessions.destroy(this.sid));
  }

  async #endCopied(copied: SessionRecord, deadline: Deadline): Promise<boolean | 'changed'> {
    const outcome = await deadline.wait(this.sessions.destroyCopied(copied, this.sid));
    return outcome === 'changed' ? outcome : outcome === 'ended';
  }

  /**
   * Ends the other sessions of the same client, or signing out would leave it signed in as whoever comes next. Each must be opened by its own secret:
   * `destroy` does not look at it, and an old cookie must not end the session of somebody who has a newer one.
   */
  async #endBeside(deadline: Deadline): Promise<void> {
    for (const sid of this.host.sidsBeside) {
      if (this.sessions.handleOf(sid) === this.handle) continue;
      const record = await deadline.wait(this.sessions.load(sid));
      if (record === undefined) continue;
      await deadline.wait(this.sessions.destroy(sid));
      await this.#signIns.leave(record, deadline);
    }
  }

  /**
   * Ends the session that another one takes the place of. `'unknown'` when the store did not answer twice, `'changed'` when it is not as it was
   * copied any more, `'gone'` when there is nothing left to copy. Else rejects with `SessionGoneError` when a session that must exist was ended by somebody else.
   */
  async #endReplaced(deadline: Deadline, mustExist: boolean, copied?: SessionRecord): Promise<'ended' | 'unknown' | 'changed' | 'gone'> {
    const end = () => (copied === undefined ? this.#endStored(deadline) : this.#endCopied(copied, deadline));
    const existed = await end().catch((error: unknown) => {
      if (isRefused(error)) throw error;
      this.#mayBeEnded = true;
      return end().catch(() => undefined);
    });
    if (existed === undefined) return 'unknown';
    if (existed === 'changed') return existed;
    if (existed || !mustExist) return 'ended';
    // An attempt that got no answer has ended it, unless there is word of somebody else who has. Where that cannot be learnt, a sign-in must not
    // take the new session away: nothing may be left of the one before.
    if (this.#mayBeEnded) {
      const found = await deadline.wait(this.sessions.find(this.sid)).catch(() => 'unknown' as const);
      if (found === 'unknown') return found;
      if (!isEnded(found)) return 'ended';
    }
    if (copied !== undefined) return 'gone';
    throw this.#markGone();
  }

  /** Stores a session, this one, that thereby becomes a user's. Where all of theirs are ended meanwhile, so that it must not be theirs, it goes. */
  async #signIn<Stored extends SessionRecord | undefined>(
    userId: string,
    deadline: Deadline,
    store: (indexedAt: number | undefined) => Promise<Stored>,
  ): Promise<Stored> {
    const indexedAt = await this.#begin(userId, this.handle, undefined, deadline);
    try {
      return await this.#storeReserved(userId, deadline, () => store(indexedAt));
    } catch (error) {
      // It may be theirs all the same by now, and its holder comes again, so whoever ends all of them must find it. A name too many is dropped.
      if (this.#record !== undefined && mayHaveRun(error)) this.#signIns.refresh({ ...this.#record, userId, indexedAt });
      throw error;
    }
  }

  async #storeReserved<Stored extends SessionRecord | undefined>(
    userId: string,
    deadline: Deadline,
    store: () => Promise<Stored>,
  ): Promise<Stored> {
    const record = await store();
    if (record === undefined) {
      this.#signIns.cancel(userId, this.handle);
      return record;
    }
    const confirmed = this.#signIns.confirm(userId, record, undefined).then((excess) => this.#signIns.evict(userId, excess, record));
    const ended = confirmed.catch(async (error: unknown) => {
      // Also when that becomes known so late that nobody waits for it any more.
      if (error instanceof SessionGoneError) await this.sessions.destroy(this.sid);
      throw error;
    });
    await deadline.wait(ended).catch((error: unknown) => {
      throw error instanceof SessionGoneError ? this.#markGone() : error;
    });
    return record;
  }

  async #begin(userId: string, handle: Handle, replaces: SessionRecord | undefined, deadline: Deadline): Promise<number | undefined> {
    try {
      return await deadline.wait(this.#signIns.begin(userId, handle, replaces));
    } catch (error) {
      throw error instanceof SessionGoneError ? this.#markGone() : error;
    }
  }

  #encodedIdentity(identity: Identity): EncodedEntries {
    const entries = this.#entriesOf(NO_ENTRIES);
    entries.set(IDENTITY_ENTRY, identity);
    return entries.encoded([IDENTITY_ENTRY]);
  }

  /** Goes on from what a write has left in the store; nothing left means that the session ended meanwhile. */
  #keep(record: SessionRecord | undefined): void {
    if (record === undefined) this.#state = 'lost';
    else this.#record = record;
  }

  /**
   * Moves the session with all it has to a new sid, also with what others write to it meanwhile: the old one ends only as it was copied, else the copy
   * is made again. False when it is not there any more.
   */
  async #move(session: (present: SessionRecord) => SessionDraft, deadline: Deadline, options: MoveOptions): Promise<boolean> {
    let copied = this.#record;
    for (let attempt = 1; attempt <= MOST_MOVES && copied !== undefined; attempt++) {
      const outcome = await this.#moveTo(this.host.generateSid(), session(copied), deadline, { mustExist: true, copied, ...options });
      if (outcome !== 'changed') return outcome === 'moved';
      tellConflict('changed-meanwhile');
      copied = await deadline.wait(this.sessions.load(this.sid));
    }
    if (copied === undefined) return false;
    throw new SessionStoreUnavailableError('too many writers');
  }

  /**
   * Makes of this session a new one under that sid. In this order, so that a failure at any moment leaves one of the two: the new one is stored, and
   * confirmed where it is a user's; only when nobody else can refuse it any more, the old one is ended.
   *
   * Where the old one has changed since it was copied, or gone, nothing has happened.
   */
  async #moveTo(
    sid: Sid,
    session: SessionDraft,
    deadline: Deadline,
    { mustExist = this.#hasUser, isSignIn = true, endsBeside = false, copied }: MoveOptions = {},
  ): Promise<'moved' | 'changed' | 'gone'> {
    if (this.sessions.handleOf(sid) === this.handle) {
      tellConflict('id-in-use');
      throw new SessionConflictError();
    }
    const { assignments } = this.entries;
    const { userId } = session;
    const old = { sid: this.sid, record: this.#record };
    const replaces = userId !== undefined && old.record?.userId === userId ? old.record : undefined;
    const handle = this.sessions.handleOf(sid);
    const indexedAt =
      userId === undefined
        ? undefined
        : await this.#begin(userId, handle, replaces, deadline).catch((error: unknown) => {
            if (mayHaveRun(error)) this.#signIns.cancel(userId, handle);
            throw error;
          });
    const creation = this.sessions.create(sid, { ...session, indexedAt, from: replaces?.handle });
    let end: 'ended' | 'unknown' | 'changed' | 'gone';
    let excess = 0;
    try {
      const record = await deadline.wait(creation);
      if (userId !== undefined) excess = await deadline.wait(this.#signIns.confirm(userId, record, replaces));
      end = await this.#endReplaced(deadline, mustExist, copied);
      if (end === 'unknown' && !isSignIn) throw new SessionStoreUnavailableError('timeout');
      if (end === 'changed' || end === 'gone') {
        // Waited for, or it would count against the next try.
        await deadline.wait(this.#undo(creation, sid, userId));
        return end;
      }
      // Nothing has been ended for it, so it need not be too many.
      if (userId !== undefined && old.record === undefined) await deadline.wait(this.#signIns.evict(userId, excess, record));
      this.#become(sid, record, assignments);
    } catch (error) {
      void this.#undo(creation, sid, userId);
      if (error instanceof SessionGoneError) this.#state = 'lost';
      throw error;
    }
    if (end === 'unknown') this.#later(() => this.#endOld(old.sid, old.record));
    if (endsBeside)
      await this.#endBeside(deadline).catch(() =>
        this.#later(() => within(this.sessions.settings.deadline, (next) => this.#endBeside(next))),
      );
    if (userId !== undefined && old.record !== undefined && excess > 0)
      await deadline.wait(this.#signIns.evict(userId, excess, await creation)).catch(this.sessions.settings.logError);
    if (end === 'ended' && old.record !== undefined) this.#signIns.removeName(old.record);
    return 'moved';
  }

  #become(sid: Sid, record: SessionRecord, assignments: Entries['assignments']): void {
    this.#record = record;
    this.#sid = sid;
    this.#isSidNew = true;
    this.#rotatedAt = Infinity;
    this.#state = 'live';
    this.#mayBeStored = false;
    this.#mayBeEnded = false;
    this.entries.replace(record.entries, assignments);
  }

  /** The new session must not be lost for that, and the old one must not outlive the outage. */
  #later(end: () => Promise<unknown>): void {
    const { deadline, logError } = this.sessions.settings;
    void callAgainLater(deadline, end, (error) =>
      logError(error instanceof Error ? error : new Error('A session that was replaced is still there.')),
    );
  }

  async #endOld(sid: Sid, record: SessionRecord | undefined): Promise<void> {
    await this.sessions.destroy(sid);
    if (record !== undefined) this.#signIns.removeName(record);
  }

  /** Nobody has been told the new sid, and it would end by itself; this only spares the store an orphan. */
  async #undo(creation: Promise<SessionRecord>, sid: Sid, userId: string | undefined): Promise<void> {
    try {
      const mayExist = await creation.then(() => true, mayHaveRun);
      if (mayExist) await this.sessions.destroy(sid);
      if (userId !== undefined) await this.sessions.index?.remove(userId, [this.sessions.handleOf(sid)]);
    } catch (error) {
      this.sessions.settings.logError(error instanceof Error ? error : new Error('A sign-in could not be undone.'));
    }
  }

  get #signIns(): SignIns {
    return new SignIns(this.sessions);
  }

  get #userId(): string | undefined {
    return this.#userIdFound(this.entries);
  }

  #userIdIn(entries: EncodedEntries): string | undefined {
    return this.#userIdFound(this.#entriesOf(entries));
  }

  #userIdFound(entries: Entries): string | undefined {
    const identity = this.host.identityOf(entries);
    return identity && String(identity.id);
  }

  /** To look at, apart from those that the request uses. */
  #entriesOf(entries: EncodedEntries): Entries {
    return new Entries(entries, this.sessions.settings.serializer, () => undefined);
  }

  get #isSignedIn(): boolean {
    return this.#record !== undefined && this.#userId !== undefined;
  }

  /** Whether it is somebody's, also when this request cannot make out who. */
  get #hasUser(): boolean {
    return this.#record?.userId !== undefined || this.#isSignedIn;
  }

  #isDue(record: SessionRecord): boolean {
    return this.host.areTermsChanged || this.sessions.isTouchDue(record);
  }

  /** The change comes too late, as that of a save that finds its session ended. `Sessions` tells of the others. */
  #lose(): void {
    this.#state = 'lost';
    this.sessions.events.emit('lost', { handle: this.handle, userId: this.#record?.userId });
  }

  /** For a call that cannot go on without the session. */
  #markGone(): SessionGoneError {
    this.#state = 'lost';
    return new SessionGoneError();
  }

  #inTurn<T>(call: (deadline: Deadline) => Promise<T>, { ms = this.sessions.settings.deadline, ...options }: TurnOptions = {}): Promise<T> {
    const checked = (deadline: Deadline) => {
      if (this.#state === 'destroyed') throw afterItsEnd('it has no methods any more');
      return call(deadline);
    };
    return this.#calls.run(ms, checked, options);
  }
}

/** How a session moves to another sid. */
interface MoveOptions {
  /** Whether there is nothing to move when the session has ended. @default whether it is somebody's */
  readonly mustExist?: boolean | undefined;
  /** Whether somebody has just proved who they are: they keep the new session also where nobody knows whether the old one has ended. @default true */
  readonly isSignIn?: boolean | undefined;
  /** Whether the client's other sessions end too. @default false */
  readonly endsBeside?: boolean | undefined;
  /** As what the old one must still be there to be ended. @default whatever is there */
  readonly copied?: SessionRecord | undefined;
}

/** For a new session that ends when that one would have. */
function sameEnd({ absoluteEndsAt }: SessionRecord): Pick<SessionDraft, 'absolute' | 'absoluteEndsAt'> {
  return { absoluteEndsAt, absolute: absoluteEndsAt === undefined ? false : undefined };
}

/** What somebody gets who goes on with the object of a session that was destroyed. `so`: what is not possible therefore. */
export function afterItsEnd(so: string): SessionMisuseError {
  return new SessionMisuseError(
    `The session was destroyed, so ${so}. After regenerate(), use the new one on the request. After destroy() and logout() there is none: call regenerate() instead of them to go on with an empty one.`,
  );
}

/** Whoever signs in must be found again: by the option `identity`, where the application has one, and as plain data. */
function notFoundAgain(): SessionMisuseError {
  return new SessionMisuseError(
    'session.login() stores the identity as the entry "identity", and does not find the same "id" there again. Give it plain data ({ id: user.id, … }); where the option "identity" looks elsewhere, sign in as that expects, or leave the option out.',
  );
}

/** The secret that this request itself has brought about was not presented by anybody yet. */
function reloaded({ secret, presented }: SessionRecord, record: SessionRecord): SessionRecord {
  const isOwnRotation = secret === 'current' && record.secret === 'unconfirmed';
  return { ...record, secret: isOwnRotation ? 'current' : record.secret, presented };
}

/**
 * Whether the store has said that it does not: Redis by the prefix of its error, such as `OOM` or `READONLY`; `ERR` can be a proxy's, after whatever.
 * Without an answer nobody knows.
 */
function isRefused(error: unknown): boolean {
  if (!(error instanceof SessionStoreUnavailableError)) return error instanceof RedisSessionError;
  return /^[A-Z]+$/.test(error.reason) && error.reason !== 'ERR';
}

/** Whether a write that failed so may have happened all the same. */
function mayHaveRun(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError || !(error instanceof RedisSessionError);
}

function isTimeout(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError && error.reason === 'timeout';
}

function outcomeOf(error: unknown): Omit<CommitDiagnostics, 'duration'> {
  if (error instanceof SessionGoneError) return { result: 'lost' };
  const isUnavailable = error instanceof SessionStoreUnavailableError || !(error instanceof RedisSessionError);
  return isUnavailable ? { result: 'failed', reason: reasonOf(error) } : { result: 'refused' };
}
