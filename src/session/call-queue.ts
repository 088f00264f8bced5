import { within, type Deadline } from './deadline.js';

/** Runs calls one after the other. */
export class CallQueue {
  /** The end of the last call; `undefined` when none is under way. */
  #latest: Promise<void> | undefined;
  #awaited = 0;
  /** Of the awaited calls under way. */
  #outcome: Promise<unknown> | undefined;

  /** Whether a call is under way that somebody may be waiting for. */
  get isBusy(): boolean {
    return this.#awaited > 0;
  }

  /** Resolves when those calls have ended. Rejects as soon as one of them does. */
  async idle(): Promise<void> {
    await this.#outcome;
  }

  /**
   * Begins at once when no other call is under way.
   *
   * @param ms how long the call may take, from now on
   * @param isAwaited whether the queue is busy meanwhile
   */
  run<T>(ms: number, call: (deadline: Deadline) => Promise<T>, { isAwaited = true } = {}): Promise<T> {
    const previous = this.#latest;
    const result = within(ms, previous === undefined ? call : (deadline) => deadline.wait(previous).then(() => call(deadline)));
    if (isAwaited) this.#await(result);
    // A call that failed has told its own caller; the next one runs all the same.
    const ended = () => {
      if (isAwaited) this.#awaited--;
      if (this.#latest === latest) this.#latest = undefined;
    };
    const latest = result.then(ended, ended);
    this.#latest = latest;
    return result;
  }

  #await(result: Promise<unknown>): void {
    if (this.#awaited++ === 0) this.#outcome = result;
    else {
      this.#outcome = Promise.all([this.#outcome, result]);
      this.#outcome.catch(() => undefined);
    }
  }
}
