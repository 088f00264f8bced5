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

/** Goes on by a millisecond with each reading, as a machine does that is stopped between two of them. */
export class TickingClock implements Clock {
  readings = 0;

  constructor(private readonly start: number) {}

  now(): number {
    return this.start + ++this.readings;
  }
}
