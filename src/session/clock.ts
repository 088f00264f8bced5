/** What tells the time of day, epoch ms. */
export interface Clock {
  now(): number;
}

export const SYSTEM_CLOCK: Clock = Object.freeze({ now: () => Date.now() });

/**
 * A clock that stands still until somebody moves it. Of sessions that are kept by it, everything goes by it: cookies too, and what a request measures. For
 * tests.
 */
export class MovableClock implements Clock {
  #now: number;

  /** @param start epoch ms */
  constructor(start: number = Date.now()) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  /** @param ms never back */
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** What goes by the same time as a store does, in this process: its own clock where it stands still until it is moved, else that one. */
export function besideStore(storeClock: object, otherwise: Clock): Clock {
  return storeClock instanceof MovableClock ? storeClock : otherwise;
}
