import type { Next } from './session-handler.js';

/**
 * The way of one request from a middleware to what comes next, which it goes once. What fails before is told by `next`, wherever the
 * middleware goes on by then: nobody catches what is thrown in a promise callback or a timer.
 */
export class Passage {
  #isGone = false;

  /** @param late gets an error that comes when the request has gone on, so that it is too late to answer it */
  constructor(
    private readonly next: Next,
    private readonly late: (error: unknown) => void,
  ) {}

  /** A step on the way, which may go on itself. */
  readonly attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      // What is thrown after that is the application's, which knows what becomes of it.
      if (this.#isGone) throw error;
      this.go(error);
    }
  };

  readonly go = (error?: unknown): void => {
    if (!this.#isGone) {
      this.#isGone = true;
      this.next(error);
    } else if (error !== undefined) this.late(error);
  };
}
