/**
 * In ms. By how much this machine's two clocks may drift apart: one that is corrected bit by bit does so by half a second in a quarter of an
 * hour at most.
 */
const MOST_DRIFT = 1_000;

/**
 * Redis' time, as far as this process knows it: learnt from the replies of scripts and carried on by the monotonic clock, so that a wrong
 * or jumping clock of this machine changes nothing. The monotonic clock stands still while a machine is suspended. The clock on the wall does not,
 * so when the two have drifted apart, Redis' time is forgotten.
 */
export class RedisClock {
  #offset: number | undefined;
  #wallOffset = 0;

  learn(redisNow: number): void {
    this.#offset = redisNow - performance.now();
    this.#wallOffset = wallOffset();
  }

  /** Epoch ms; `undefined` before the first reply, and once it was forgotten, until the next. */
  now(): number | undefined {
    if (this.#offset === undefined) return undefined;
    if (Math.abs(wallOffset() - this.#wallOffset) > MOST_DRIFT) this.#offset = undefined;
    return this.#offset === undefined ? undefined : performance.now() + this.#offset;
  }
}

function wallOffset(): number {
  return Date.now() - performance.now();
}
