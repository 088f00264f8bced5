/** A seeded generator (mulberry32), so that a run can be repeated. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** At least 0 and less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  one<T>(all: readonly T[]): T {
    const chosen = all[this.below(all.length)];
    if (chosen === undefined) throw new RangeError('There is nothing to choose from.');
    return chosen;
  }

  /** One of several, each as often as its weight says. */
  pick<T>(all: readonly (readonly [weight: number, value: T])[]): T {
    let rest = this.next() * all.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of all) {
      rest -= weight;
      if (rest < 0) return value;
    }
    throw new RangeError('There is nothing to choose from.');
  }
}
