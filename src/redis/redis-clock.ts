/**
 * Redis' time, as far as this process knows it: learnt from the replies of scripts and carried on by the monotonic clock, so that a wrong
 * or jumping clock of this machine changes nothing.
 */
export class RedisClock {
  #offset: number | undefined;

  learn(redisNow: number): void {
    this.#offset = redisNow - performance.now();
  }

  /** Epoch ms; `undefined` before the first reply. */
  now(): number | undefined {
    return this.#offset === undefined ? undefined : performance.now() + this.#offset;
  }
}
