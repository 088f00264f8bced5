import {
  RedisSessionError,
  SessionConflictError,
  SessionGoneError,
  SessionMisuseError,
  SessionStoreUnavailableError,
} from '../redis-session.errors.js';
import { within, type Deadline } from './deadline.js';
import { Entries } from './entries.js';
import { IDENTITY_ENTRY, isIdentity, isSameUser, type Identity } from './identity.js';
import type { EncodedEntries, EntryDelta, Lease, SessionRecord } from './session-record.js';
import type { SessionStore } from './session-store.js';
import { newSid, type Handle, type Sid } from './sid.js';

/** What an active session asks of the request (or socket, or job) that it serves. */
export interface SessionHost {
  /** A new sid, by `session.genid` where that is set. */
  generateSid(): Sid;
  /** How long the session is to live from now. */
  lease(): Lease;
  /** Whether the application has changed the lease since the session was last read or written. */
  readonly isLeaseChanged: boolean;
  /** Where the application keeps the identity; `undefined` for nobody. */
  identityOf(entries: Entries): Identity | undefined;
}

const NO_ENTRIES: EncodedEntries = new Map();
const ENDED: Promise<unknown> = Promise.resolve();

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
  #latest: Promise<unknown> = ENDED;
  #calls = 0;
  /** Of the calls under way. */
  #outcome: Promise<unknown> = this.#latest;

  /**
   * @param sid without it one is made when first needed, as most visitors never need one
   * @param record what was loaded; without it the session is new, and nothing of it is in the store yet
   */
  constructor(
    private readonly store: SessionStore,
    private readonly host: SessionHost,
    sid: Sid | undefined,
    record?: SessionRecord,
  ) {
    this.#sid = sid;
    this.#record = record;
    this.entries = new Entries(record?.entries ?? NO_ENTRIES, store.settings.serializer, () =>
      store.events.emit('rejected', { handle: this.handle, what: 'entry' }),
    );
  }

  get sid(): Sid {
    this.#sid ??= this.host.generateSid();
    return this.#sid;
  }

  get handle(): Handle {
    return this.store.handleOf(this.sid);
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
    return this.#calls > 0;
  }

  /** Resolves when the calls under way have ended. Rejects as soon as one of them does. */
  async idle(): Promise<void> {
    await this.#outcome;
  }

  /** Whether changed entries were stored. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  get isDestroyed(): boolean {
    return this.#state === 'destroyed';
  }

  /** Whether `entries` holds what the store has not. Throws `SessionSerializationError` when that cannot be stored. */
  get isChanged(): boolean {
    return this.#state === 'live' && this.entries.delta() !== undefined;
  }

  get isTouchDue(): boolean {
    return this.#state === 'live' && this.#record !== undefined && this.#isDue(this.#record);
  }

  /** Starts the idle timeout anew. Nobody waits for it, so the session is not busy meanwhile. */
  touch(): Promise<void> {
    return this.#inTurn(
      async (deadline) => {
        const record = this.#record;
        if (this.#state === 'live' && record !== undefined) await this.#touch(record, deadline);
      },
      { isAwaited: false },
    );
  }

  /** Stores what changed, and the session itself when it is new. An unchanged session is touched when that is due, or always with `touch`. */
  save({ touch = false } = {}): Promise<void> {
    return this.#inTurn(async (deadline) => {
      if (this.#state === 'lost') return;
      const stored = this.#record;
      const record = stored ?? (await this.#create(deadline));
      const delta = this.entries.delta();
      if (delta !== undefined) await this.#write(record, delta, deadline);
      else if (stored !== undefined && (touch || this.#isDue(stored))) await this.#touch(stored, deadline);
    });
  }

  /** Adds to an integer entry in the store, so that parallel requests all count. The entry must have no change of this request. */
  increment(name: string, by: number): Promise<number> {
    return this.#inTurn(async (deadline) => {
      if (!Number.isSafeInteger(by)) throw new SessionMisuseError('session.increment() needs an integer to add.');
      if (this.entries.isChanged(name))
        throw new SessionMisuseError(
          `The session entry ${JSON.stringify(name)} was changed and is not stored yet. Call session.save() before session.increment().`,
        );
      const record = this.#record ?? (await this.#create(deadline));
      const { assignments } = this.entries;
      const sum = await deadline.wait(this.store.increment(record, name, by)).catch((error: unknown) => {
        throw isTimeout(error) ? new SessionStoreUnavailableError('outcome unknown') : error;
      });
      if (sum === undefined) throw this.#gone();
      this.#record = { ...record, entries: new Map(record.entries).set(name, String(sum)) };
      this.entries.learn(name, String(sum), assignments);
      return sum;
    });
  }

  /** Drops changes that are not stored, and reads the session again. False when it has ended. */
  reload(): Promise<boolean> {
    return this.#inTurn(async (deadline) => {
      const record = await deadline.wait(this.store.load(this.sid));
      if (record === undefined) return false;
      // The secret that this request itself has brought about was not presented by anybody yet.
      const isOwnRotation = this.#record?.secret === 'current' && record.secret === 'unconfirmed';
      this.#record = isOwnRotation ? { ...record, secret: 'current' } : record;
      this.entries.reload(record.entries);
      return true;
    });
  }

  /** Ends the session. The entries stay readable. */
  destroy(): Promise<void> {
    return this.#inTurn(async (deadline) => {
      await this.#endStored(deadline);
      this.#state = 'destroyed';
    });
  }

  /**
   * Ends the session so that a new one can take its place. Rejects with `SessionGoneError` when a signed-in session turns out to have
   * ended already: whoever ended it meant its holder, who must not get a fresh one by asking for it.
   */
  supersede(): Promise<void> {
    return this.#inTurn(async (deadline) => {
      const mustExist = this.#isSignedIn;
      const existed = await this.#endStored(deadline);
      if (mustExist && !existed) throw this.#gone();
      this.#state = 'destroyed';
    });
  }

  /**
   * Signs in: the same object becomes a new session, stored before this resolves, with the identity and the entries named in `keep`. The
   * session before it is dead by then. Entries of another user are never kept.
   */
  login(identity: Identity, keep: readonly string[] | true): Promise<void> {
    return this.#inTurn(async (deadline) => {
      if (!isIdentity(identity))
        throw new SessionMisuseError('session.login() needs an identity: an object whose "id" is a non-empty string or a finite number.');
      const current = this.host.identityOf(this.entries);
      const kept = current !== undefined && !isSameUser(current, identity) ? [] : keep === true ? this.entries.names() : keep;
      const entries = this.entries.encoded(kept.filter((name) => name !== IDENTITY_ENTRY));
      entries.set(IDENTITY_ENTRY, this.#encodeIdentity(identity));
      await this.#moveTo(this.host.generateSid(), entries, { deadline, mustExist: this.#isSignedIn });
    });
  }

  /** Gives the session a new secret. A sid of a custom `genid` has none of its own, so the session moves to a new sid with all it has. */
  rotate(): Promise<void> {
    return this.#inTurn(async (deadline) => {
      const record = this.#record;
      if (record === undefined)
        throw new SessionMisuseError('session.rotate() needs a stored session; this one is new. Call session.save() first.');
      if (!this.store.canRotate(this.sid))
        return this.#moveTo(this.host.generateSid(), this.entries.encoded(this.entries.names()), {
          deadline,
          absoluteEndsAt: record.absoluteEndsAt,
          mustExist: true,
        });
      const next = newSid(this.handle);
      const rotation = await deadline.wait(this.store.rotate(this.sid, record, next));
      if (rotation === undefined) throw this.#gone();
      this.#record = rotation.record;
      if (rotation.rotated) this.#sid = next;
    });
  }

  async #create(deadline: Deadline): Promise<SessionRecord> {
    const session = { entries: this.entries.encoded(this.entries.names()), lease: this.host.lease() };
    try {
      const record = await deadline.wait(this.store.create(this.sid, session));
      this.#keep(record);
      this.entries.rebase(record.entries);
      return record;
    } catch (error) {
      this.#mayBeStored ||= mayHaveRun(error);
      throw error;
    }
  }

  async #write(record: SessionRecord, delta: EntryDelta, deadline: Deadline): Promise<void> {
    const lease = this.host.lease();
    try {
      const saved = await deadline.wait(this.store.save(this.sid, record, delta, lease));
      this.#keep(saved);
      if (saved === undefined) return;
      this.#isWritten = true;
      this.entries.rebase(saved.entries);
    } catch (error) {
      if (mayHaveRun(error)) this.entries.uncertain(delta);
      throw error;
    }
  }

  async #touch(record: SessionRecord, deadline: Deadline): Promise<void> {
    this.#keep(await deadline.wait(this.store.touch(this.sid, record, this.host.lease())));
  }

  /** False when there was nothing to end. */
  async #endStored(deadline: Deadline): Promise<boolean> {
    if (this.#record === undefined && !this.#mayBeStored) return false;
    return deadline.wait(this.store.destroy(this.sid));
  }

  #encodeIdentity(identity: Identity): string {
    const entries = new Entries(new Map(), this.store.settings.serializer, () => undefined);
    entries.set(IDENTITY_ENTRY, identity);
    const text = entries.encoded([IDENTITY_ENTRY]).get(IDENTITY_ENTRY);
    if (text === undefined) throw new SessionMisuseError('session.login() got an identity that the serializer turns into nothing.');
    return text;
  }

  /** Goes on from what a write has left in the store; nothing left means that the session ended meanwhile. */
  #keep(record: SessionRecord | undefined): void {
    if (record === undefined) this.#state = 'lost';
    else this.#record = record;
  }

  /** The new session is durable before the old one goes; if the old one cannot be ended, or must have been there and was not, there is no new one either. */
  async #moveTo(
    sid: Sid,
    entries: Map<string, string>,
    { deadline, absoluteEndsAt, mustExist }: { deadline: Deadline; absoluteEndsAt?: number | undefined; mustExist: boolean },
  ): Promise<void> {
    if (this.store.handleOf(sid) === this.handle) throw new SessionConflictError();
    const { assignments } = this.entries;
    const creation = this.store.create(sid, { entries, lease: this.host.lease(), absoluteEndsAt });
    try {
      const record = await deadline.wait(creation);
      const existed = await this.#endStored(deadline);
      if (mustExist && !existed) throw this.#gone();
      this.#record = record;
      this.#sid = sid;
      this.#state = 'live';
      this.#mayBeStored = false;
      this.entries.replace(record.entries, assignments);
    } catch (error) {
      void this.#undo(creation, sid);
      throw error;
    }
  }

  /** Nobody has been told the new sid, and it would end by itself; this only spares the store an orphan. */
  async #undo(creation: Promise<SessionRecord>, sid: Sid): Promise<void> {
    try {
      await creation;
    } catch (error) {
      if (!mayHaveRun(error)) return;
    }
    await this.store.destroy(sid).catch(this.store.settings.logError);
  }

  get #isSignedIn(): boolean {
    return this.#record !== undefined && this.host.identityOf(this.entries) !== undefined;
  }

  #isDue(record: SessionRecord): boolean {
    return this.host.isLeaseChanged || this.store.isTouchDue(record);
  }

  #gone(): SessionGoneError {
    this.#state = 'lost';
    return new SessionGoneError();
  }

  #inTurn<T>(call: (deadline: Deadline) => Promise<T>, { isAwaited = true } = {}): Promise<T> {
    const previous = this.#latest;
    const result = within(this.store.settings.deadline, async (deadline) => {
      await deadline.wait(previous);
      if (this.#state === 'destroyed')
        throw new SessionMisuseError('This session was destroyed, so it has no methods any more. Use the new session on the request.');
      return call(deadline);
    });
    if (isAwaited) {
      this.#outcome = this.#calls === 0 ? result : Promise.all([this.#outcome, result]);
      this.#outcome.catch(() => undefined);
      this.#calls++;
    }
    // A call that failed has told its own caller; the next one runs all the same.
    const ended = () => {
      if (isAwaited) this.#calls--;
    };
    this.#latest = result.then(ended, ended);
    return result;
  }
}

/** Whether a write that failed so may have happened all the same. */
function mayHaveRun(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError || !(error instanceof RedisSessionError);
}

function isTimeout(error: unknown): boolean {
  return error instanceof SessionStoreUnavailableError && error.reason === 'timeout';
}
