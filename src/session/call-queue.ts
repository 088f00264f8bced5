import { within, type Deadline } from './deadline.js';

/** One for all queues: most sessions are only read. */
const ENDED: Promise<unknown> = Promise.resolve();

/** Runs calls one after the other. */
export class CallQueue {
  #latest = ENDED;
  #awaited = 0;
  /** Of the awaited calls under way. */
  #outcome = ENDED;

  /** Whether a call is under way that somebody may be waiting for. */
  get isBusy(): boolean {
    return this.#awaited > 0;
  }

  /** Resolves when those calls have ended. Rejects as soon as one of them does. */
  async idle(): Promise<void> {
    await this.#outcome;
  }

  /**
   * @param ms how long the call may take, from now on
   * @param isAwaited whether the queue is busy meanwhile
   */
  run<T>(ms: number, call: (deadline: Deadline) => Promise<T>, { isAwaited = true } = {}): Promise<T> {
    const previous = this.#latest;
    const result = within(ms, async (deadline) => {
      await deadline.wait(previous);
      return call(deadline);
    });
    if (isAwaited) {
      this.#outcome = this.#awaited === 0 ? result : Promise.all([this.#outcome, result]);
      this.#outcome.catch(() => undefined);
      this.#awaited++;
    }
    // A call that failed has told its own caller; the next one runs all the same.
    const ended = () => {
      if (isAwaited) this.#awaited--;
    };
    this.#latest = result.then(ended, ended);
    return result;
  }
}
