import { AsyncLocalStorage } from 'node:async_hooks';
import type { MovableClock } from '../session/clock.js';
import type { EntryDelta, NewSession, SessionRecord, StoredTerms } from '../session/session-record.js';
import type { Sid } from '../session/sid.js';
import { MemorySessionStore } from '../session/store/memory-session-store.js';
import type { EndOptions, RotateOptions } from '../session/store/session-store.js';
import type { StoreSettings } from '../session/store/store-settings.js';
import { Barrier } from './barrier.js';

type Held = 'load' | 'commit';

/** Somebody waits for the first `expected` that arrive. */
interface Hold {
  readonly what: Held;
  readonly barrier: Barrier;
  left: number;
}

const unheld = new AsyncLocalStorage<true>();

/** What a test asks of the sessions itself is held at none of its barriers. */
export function pastBarriers<T>(act: () => Promise<T>): Promise<T> {
  return unheld.run(true, act);
}

/** What the stores of a test have in common: their clock, and where they hold requests. */
export class TestControl {
  readonly #holds: Hold[] = [];

  constructor(readonly clock: MovableClock) {}

  hold(what: Held, expected: number): Barrier {
    const barrier = new Barrier(expected);
    this.#holds.push({ what, barrier, left: expected });
    return barrier;
  }

  /** Lets go on who is held, and holds nobody until there is another barrier. */
  openAll(): void {
    for (const { barrier } of this.#holds.splice(0)) barrier.open();
  }

  async arrive(what: Held): Promise<void> {
    const hold = this.#holds.find((one) => one.what === what && one.left > 0);
    if (hold === undefined || unheld.getStore() === true) return;
    hold.left--;
    await hold.barrier.pass();
  }
}

/** A store in memory that does what a test says: its time goes on when it is told to, and its answers wait at barriers. */
export class TestSessionStore extends MemorySessionStore {
  override readonly settings: StoreSettings;

  constructor(
    settings: StoreSettings,
    private readonly control: TestControl,
  ) {
    super({}, control.clock);
    this.settings = settings;
  }

  /** Nest calls it first when an application is closed, whose server then waits for each request that is held by a barrier that nobody has opened. */
  onModuleDestroy(): void {
    this.control.openAll();
  }

  /** Waits with its answer: a request that has read the session, and has not got it yet, knows nothing of what happens meanwhile. */
  override async find(sid: Sid) {
    const found = await super.find(sid);
    await this.control.arrive('load');
    return found;
  }

  override async create(sid: Sid, session: NewSession) {
    await this.control.arrive('commit');
    // While the clock stands still, all would begin at once, and nobody could say which of a user's sessions is the oldest.
    this.control.clock.advance(1);
    return super.create(sid, session);
  }

  override async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms) {
    await this.control.arrive('commit');
    return super.save(sid, record, delta, terms);
  }

  override async touch(sid: Sid, record: SessionRecord, terms: StoredTerms) {
    await this.control.arrive('commit');
    return super.touch(sid, record, terms);
  }

  override async rotate(sid: Sid, record: SessionRecord, next: Sid, options: RotateOptions) {
    await this.control.arrive('commit');
    return super.rotate(sid, record, next, options);
  }

  override async increment(record: SessionRecord, name: string, by: number) {
    await this.control.arrive('commit');
    return super.increment(record, name, by);
  }

  override async destroy(sid: Sid, copied?: SessionRecord, options?: EndOptions) {
    await this.control.arrive('commit');
    return super.destroy(sid, copied, options);
  }
}
