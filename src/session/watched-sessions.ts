import type { Clock } from './clock.js';
import { answerWithin } from './deadline.js';
import { listOf, without, withOneMore, type Few } from './few.js';
import { callHarmlessly } from './harmless-call.js';
import { LookSchedule } from './look-schedule.js';
import type { SessionEvents } from './session-events.js';
import { expiresAt, isEnded, type EncodedEntries, type EndedSession, type SessionRecord } from './session-record.js';
import { partsOf, type Handle, type Sid } from './sid.js';
import { STORE_DEFAULTS } from './store/store-options.js';
import type { StoreClock } from './store/session-store.js';
import type { StoreSettings } from './store/store-settings.js';

/** Of the bound, so much passes between two looks. The rest is for the answer, and for timers that are late. */
const PART_BETWEEN_LOOKS = 0.8;
/** In ms. So far this process' idea of the store's time may be behind. */
const CLOCKS_APART = 1_000;
/** In ms. A session that is there although its time is over is looked at again after so long. */
const OVERTIME = 250;
const SECOND = 1_000;

/** Why a session is over that nobody has given another reason for. */
export const END_REASONS = { expired: 'expired', other: 'ended' } as const;

/** Whoever uses a session for longer than one answer takes: a socket, a stream. */
export interface SessionWatcher {
  /** The session is over; called once. `reason` is a word. */
  ended(reason: string): void;
  /** The session was found with other entries, or as another user's. */
  changed?(record: SessionRecord): void;
}

/** A session as it was loaded, and when that load began, by the clock of the registry. */
export interface LoadedEarlier {
  readonly sid: Sid;
  readonly record: SessionRecord;
  readonly at: number;
}

/** What a registry asks of the sessions that it watches. */
export interface WatchedSource {
  readonly events: SessionEvents;
  readonly settings: StoreSettings;
  readonly store: { readonly clock: StoreClock };
  reload(sid: Sid, record: SessionRecord): Promise<SessionRecord | EndedSession | undefined>;
  now(): Promise<number>;
}

/**
 * Sessions that are used for longer than one answer takes. Each is looked at again every `store.recheckAfter` seconds, in pipelines spread over that
 * time, and at once when an event tells of it. An event may be forged, lost or late, so it never decides: what the store answers does. While the store
 * does not answer, nothing is over. Looking is no activity: it restarts no idle timeout.
 */
export class WatchedSessions {
  readonly #byHandle = new Map<Handle, Few<WatchedSession>>();
  readonly #schedule: LookSchedule<WatchedSession>;
  /** In ms. */
  readonly #bound: number;
  #leave: (() => void)[] = [];
  #hasAskedForTime = false;

  constructor(
    readonly source: WatchedSource,
    readonly clock: Clock = performance,
  ) {
    const { recheckAfter } = source.settings;
    this.#bound = recheckAfter === 0 ? STORE_DEFAULTS.recheckAfter * SECOND : recheckAfter;
    this.#schedule = new LookSchedule(
      this.#bound * PART_BETWEEN_LOOKS,
      (watched) => void watched.look().catch(() => undefined), // Logged there.
      clock,
    );
  }

  /** How many sessions are watched. */
  get size(): number {
    return this.#schedule.size;
  }

  /** From now on, until `leave`. Several watchers of one session share it. */
  watch(loaded: LoadedEarlier, watcher: SessionWatcher): WatchedSession {
    const { handle } = loaded.record;
    if (this.#leave.length === 0) this.#listen();
    const known = this.#byHandle.get(handle);
    let watched = listOf(known).find((one) => one.isOf(loaded));
    if (watched === undefined) {
      watched = new WatchedSession(this, loaded);
      this.#byHandle.set(watched.handle, withOneMore(known, watched));
    } else watched.learn(loaded.record, loaded.at);
    watched.join(watcher);
    // It may have ended between its load and now, and nobody listened.
    this.#schedule.add(watched);
    return watched;
  }

  /** Looks at all of them at once, and resolves when the store has answered. */
  async lookAtAll(): Promise<void> {
    await Promise.all([...this.#byHandle.values()].flatMap((few) => listOf(few)).map((watched) => watched.look()));
  }

  /** Something was written to the session: what is known of it is not enough any more for whoever asks next. */
  noteChange(handle: Handle): void {
    for (const watched of this.#watching(handle)) watched.outdate();
  }

  /** The idle timeout of the session was restarted. */
  noteTouch(touched: SessionRecord): void {
    for (const watched of this.#watching(touched.handle)) watched.learnTouch(touched);
  }

  /** When a session that ends before the next look is to be looked at. */
  noteEnd(watched: WatchedSession, endsAt: number): void {
    const now = this.source.store.clock.now();
    if (now === undefined) return this.#askForTime();
    const left = endsAt - now;
    if (left <= this.#bound) this.#schedule.lookAt(watched, this.clock.now() + (left > 0 ? Math.ceil(left) : OVERTIME));
  }

  remove(watched: WatchedSession): void {
    const left = without(this.#byHandle.get(watched.handle), (one) => one === watched);
    if (left === undefined) this.#byHandle.delete(watched.handle);
    else this.#byHandle.set(watched.handle, left);
    this.#schedule.remove(watched);
    if (this.#byHandle.size > 0) return;
    for (const leave of this.#leave) leave();
    this.#leave = [];
  }

  #watching(handle: Handle): readonly WatchedSession[] {
    return listOf(this.#byHandle.get(handle));
  }

  #listen(): void {
    const { events } = this.source;
    const lookNow = ({ handle }: { readonly handle: Handle }) => {
      for (const watched of this.#watching(handle)) {
        watched.outdate();
        this.#schedule.lookAt(watched, this.clock.now());
      }
    };
    // A rotation may be that of a reauthentication, and a user may come and go in a session that stays.
    const names = ['destroyed', 'revoked', 'evicted', 'lost', 'rotated', 'loggedIn', 'loggedOut'] as const;
    this.#leave = names.map((name) => events.on(name, lookNow));
  }

  /** Without it, nobody knows when a session expires. */
  #askForTime(): void {
    if (this.#hasAskedForTime) return;
    this.#hasAskedForTime = true;
    void this.source.now().catch(() => (this.#hasAskedForTime = false)); // Looks tell of the outage.
  }
}

/** One of them. */
export class WatchedSession {
  // People log what hangs on sockets: what opens a session is only in private fields.
  readonly #sid: Sid;
  #record: SessionRecord;
  #at: number;
  #reason: string | undefined;
  #watchers: Few<SessionWatcher>;
  /** How often it was said that what is known is outdated, and how often when the look began that brought it. */
  #outdated = 0;
  #known = 0;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(
    private readonly registry: WatchedSessions,
    { sid, record, at }: LoadedEarlier,
  ) {
    const own = partsOf(sid);
    this.#sid = own.sid;
    this.#record = keeping(record, { handle: own.handle, presented: own.secretHash });
    this.#at = wholeMs(at);
  }

  get handle(): Handle {
    return this.#record.handle;
  }

  get sid(): Sid {
    return this.#sid;
  }

  /** As last found. */
  get record(): SessionRecord {
    return this.#record;
  }

  /** Why it is over; `undefined` while it is not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  isOf({ sid, record }: LoadedEarlier): boolean {
    return sid === this.#sid && record.createdAt === this.#record.createdAt && record.presented === this.#record.presented;
  }

  join(watcher: SessionWatcher): void {
    this.#watchers = withOneMore(this.#watchers, watcher);
  }

  leave(watcher: SessionWatcher): void {
    this.#watchers = without(this.#watchers, (one) => one === watcher);
    if (this.#watchers === undefined) this.registry.remove(this);
  }

  outdate(): void {
    this.#outdated++;
  }

  /**
   * `undefined` when what is known of the session is at most that many ms old; else asks, and resolves when it is. Rejects when the store does not answer.
   */
  freshen(age: number): Promise<void> | undefined {
    if (this.#reason !== undefined) return undefined;
    const isFresh = this.#known === this.#outdated && age > 0 && this.registry.clock.now() - this.#at <= age;
    return isFresh ? undefined : this.look();
  }

  /** Asks the store. Never joins a look under way: its answer may be older than what this one is made for. */
  look(): Promise<void> {
    if (this.#looking === undefined) {
      const done = () => (this.#looking = undefined);
      this.#looking = this.#ask();
      this.#looking.then(done, done);
      return this.#looking;
    }
    const again = () => {
      this.#next = undefined;
      return this.look();
    };
    this.#next ??= this.#looking.then(again, again);
    return this.#next;
  }

  /** What somebody else has read. */
  learn(record: SessionRecord, at: number): void {
    if (wholeMs(at) >= this.#at) this.#learn(record, at);
  }

  learnTouch({ lastSeenAt, idle, presented, secret }: SessionRecord): void {
    this.#record = { ...this.#record, lastSeenAt, idle, ...(presented === this.#record.presented ? { secret } : {}) };
  }

  async #ask(): Promise<void> {
    const { source, clock } = this.registry;
    const { settings } = source;
    if (this.#reason !== undefined) return;
    const at = clock.now();
    const outdated = this.#outdated;
    let found: SessionRecord | EndedSession | undefined;
    try {
      found = await answerWithin(settings.deadline, source.reload(this.#sid, this.#record));
    } catch (error) {
      settings.logError(error as Error);
      throw error;
    }
    settings.failures.worked();
    if (found === undefined || isEnded(found)) return this.#end(found?.endedReason);
    this.#known = outdated;
    this.#learn(found, at);
  }

  #learn(record: SessionRecord, at: number): void {
    const before = this.#record;
    const isSame = record.userId === before.userId && areSame(record.entries, before.entries);
    const { handle, presented } = before;
    this.#record = keeping(isSame ? { ...record, userId: before.userId, entries: before.entries } : record, { handle, presented });
    this.#at = wholeMs(at);
    this.registry.noteEnd(this, expiresAt(record));
    if (!isSame) this.#tell((watcher) => watcher.changed?.(record));
  }

  #end(reason: string = this.#isOver ? END_REASONS.expired : END_REASONS.other): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.registry.remove(this);
    this.#tell((watcher) => watcher.ended(reason));
    this.#watchers = undefined;
  }

  get #isOver(): boolean {
    const now = this.registry.source.store.clock.now();
    return now !== undefined && now + CLOCKS_APART >= expiresAt(this.#record);
  }

  #tell(call: (watcher: SessionWatcher) => void): void {
    for (const watcher of listOf(this.#watchers))
      callHarmlessly(
        () => call(watcher),
        (error) => this.registry.source.settings.logError(error as Error),
      );
  }
}

/** Of equal texts those that have lived for long: each answer of the store brings others, some of which keep longer ones in memory. */
function keeping(record: SessionRecord, { handle, presented }: Pick<SessionRecord, 'handle' | 'presented'>): SessionRecord {
  return {
    ...record,
    handle: record.handle === handle ? handle : record.handle,
    presented: record.presented === presented ? presented : record.presented,
  };
}

/** What has no fraction takes no room of its own. Rounded down, so that nothing passes for younger than it is. */
function wholeMs(time: number): number {
  return Math.floor(time);
}

function areSame(entries: EncodedEntries, others: EncodedEntries): boolean {
  if (entries.size !== others.size) return false;
  for (const [name, text] of entries) if (others.get(name) !== text) return false;
  return true;
}
