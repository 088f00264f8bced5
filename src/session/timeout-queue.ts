import { AsyncResource } from 'node:async_hooks';

/** Node lets a longer one end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A timeout in a queue. */
export interface QueuedTimeout {
  before: QueuedTimeout | undefined;
  after: QueuedTimeout | undefined;
  /** Ms of `performance.now()`. Set by the queue. */
  endsAt: number;
  expire(): void;
}

/** Calls back in the async context in which it began, with the tenant, the transaction and the trace of that: the timer is shared with others. */
export class Timeout extends AsyncResource implements QueuedTimeout {
  before: QueuedTimeout | undefined;
  after: QueuedTimeout | undefined;
  endsAt = 0;

  constructor(
    private readonly queue: TimeoutQueue,
    private readonly onExpiry: () => void,
  ) {
    super('SessionTimeout', { requireManualDestroy: true });
  }

  expire(): void {
    this.runInAsyncScope(this.onExpiry);
  }

  /** False when it has expired, or was ended already. */
  end(): boolean {
    return this.queue.remove(this);
  }
}

/**
 * Timeouts that all take the same time at most, so that they expire in the order in which they began and one timer serves them all: one for each
 * costs more than what is waited for (docs/performance.md). None expires early; late by a few ms, as timers are.
 */
export class TimeoutQueue {
  #first: QueuedTimeout | undefined;
  #last: QueuedTimeout | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly ms: number) {}

  begin(expire: () => void): Timeout {
    const timeout = new Timeout(this, expire);
    this.add(timeout);
    return timeout;
  }

  /** Begins a timeout that may expire in any async context. */
  add(timeout: QueuedTimeout): void {
    timeout.endsAt = performance.now() + this.ms;
    timeout.before = this.#last;
    if (this.#last === undefined) this.#first = timeout;
    else this.#last.after = timeout;
    this.#last = timeout;
    if (this.#timer === undefined) this.#timer = setTimeout(this.#tick, this.ms);
    else if (this.#first === timeout) this.#timer.ref();
  }

  /** False when it has expired, or was removed already. */
  remove(timeout: QueuedTimeout): boolean {
    const { before, after } = timeout;
    if (before === undefined && this.#first !== timeout) return false;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    timeout.before = undefined;
    timeout.after = undefined;
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

const queues = new Map<number, TimeoutQueue>();

/** Those of that length: one for each `store.deadline` in the process. */
export function timeoutQueueOf(ms: number): TimeoutQueue {
  const length = Math.min(ms, LONGEST_TIMER);
  let queue = queues.get(length);
  if (queue === undefined) {
    queue = new TimeoutQueue(length);
    queues.set(length, queue);
  }
  return queue;
}
