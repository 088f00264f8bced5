import type { Clock } from '../../src/session/clock.js';

/** The system's clock, ahead of it by as much as a test says. */
export class TestClock implements Clock {
  #ahead = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  advance(ms: number): void {
    this.#ahead += ms;
  }
}
