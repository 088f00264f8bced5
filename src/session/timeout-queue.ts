import { AsyncResource } from 'node:async_hooks';

/** Node lets a longer one end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** One that is under way. The timer is that of all, and who waits goes on in the async context of its own: its tenant, its transaction, its trace. */
export class Wait extends AsyncResource {
  before: Wait | undefined;
  after: Wait | undefined;

  constructor(
    private readonly waits: Waits,
    readonly endsAt: number,
    private readonly onExpiry: () => void,
  ) {
    super('SessionWait', { requireManualDestroy: true });
  }

  expire(): void {
    this.runInAsyncScope(this.onExpiry);
  }

  /** False when it has expired, or was ended already. */
  end(): boolean {
    return this.waits.remove(this);
  }
}

/**
 * Waits that all take the same time at most, so that they expire in the order in which they began and one timer serves them all: one for each
 * costs more than what is waited for (docs/performance.md). None expires early; late by a few ms, as timers are.
 */
class Waits {
  #first: Wait | undefined;
  #last: Wait | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly ms: number) {}

  begin(expire: () => void): Wait {
    const wait = new Wait(this, performance.now() + this.ms, expire);
    wait.before = this.#last;
    if (this.#last === undefined) this.#first = wait;
    else this.#last.after = wait;
    this.#last = wait;
    if (this.#timer === undefined) this.#timer = setTimeout(this.#tick, this.ms);
    else if (this.#first === wait) this.#timer.ref();
    return wait;
  }

  remove(wait: Wait): boolean {
    const { before, after } = wait;
    if (before === undefined && this.#first !== wait) return false;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    wait.before = undefined;
    wait.after = undefined;
    // The timer stays, for the next one; it must not keep a process alive that nobody waits in.
    if (this.#first === undefined) this.#timer?.unref();
    return true;
  }

  readonly #tick = () => {
    const now = performance.now();
    for (let first = this.#first; first !== undefined && first.endsAt <= now; first = this.#first) {
      this.remove(first);
      // What it throws must not keep the others waiting.
      queueMicrotask(() => first.expire());
    }
    this.#timer = this.#first === undefined ? undefined : setTimeout(this.#tick, Math.max(1, this.#first.endsAt - performance.now()));
  };
}

const all = new Map<number, Waits>();

/** Those of that length: one for each `store.deadline` in the process. */
export function waitsOf(ms: number): Waits {
  const length = Math.min(ms, LONGEST_TIMER);
  let waits = all.get(length);
  if (waits === undefined) {
    waits = new Waits(length);
    all.set(length, waits);
  }
  return waits;
}
