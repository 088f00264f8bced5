import type { Clock } from './clock.js';

/** So many at once: what is asked for in one turn goes to Redis as one pipeline, and its answers are read in one. */
const MOST_TOGETHER = 100;
/** In so many parts an interval is cut at least. */
const FEWEST_PARTS = 10;

/**
 * When to look at which of many things: at each once in an interval, spread over it, and at some sooner, at a date. One timer serves all. It keeps no
 * process alive, and stands still while there is nothing to look at.
 */
export class LookSchedule<Item> {
  /** Since when each waits for its next look; whoever waits longest stands first. */
  readonly #waiting = new Map<Item, number>();
  readonly #dates = new Map<Item, number>();
  #timer: NodeJS.Timeout | undefined;
  #endsAt = Infinity;
  #steppedAt = 0;
  /** How many looks the time since the last ones has earned. */
  #earned = 0;

  /** @param interval in ms */
  constructor(
    private readonly interval: number,
    private readonly look: (item: Item) => void,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.#waiting.size;
  }

  /** Looks at it now, and once in each interval from then on. */
  add(item: Item): void {
    const now = this.#now();
    if (this.#waiting.size === 0) this.#steppedAt = now;
    this.#waiting.set(item, now);
    this.lookAt(item, now);
  }

  /** Looks at it then too. A later call takes the place of an earlier one. */
  lookAt(item: Item, date: number): void {
    if (!this.#waiting.has(item)) return;
    this.#dates.set(item, date);
    if (date < this.#endsAt) this.#arm();
  }

  remove(item: Item): void {
    this.#waiting.delete(item);
    this.#dates.delete(item);
    if (this.#waiting.size === 0) this.#arm();
  }

  /** In whole ms, which take no room of their own. */
  #now(): number {
    return Math.floor(this.clock.now());
  }

  readonly #step = () => {
    const now = this.#now();
    this.#earned += (this.#waiting.size * (now - this.#steppedAt)) / this.interval;
    this.#steppedAt = now;
    for (const item of this.#chooseAt(now)) {
      this.#waiting.delete(item);
      this.#waiting.set(item, now);
      this.#dates.delete(item);
      this.look(item);
    }
    this.#arm();
  };

  #chooseAt(now: number): Set<Item> {
    const chosen = new Set<Item>();
    for (const [item, date] of this.#dates) {
      if (chosen.size === MOST_TOGETHER) return chosen;
      if (date <= now) chosen.add(item);
    }
    for (const [item, since] of this.#waiting) {
      const isOverdue = now - since >= this.interval;
      if (chosen.size === MOST_TOGETHER || (this.#earned < 1 && !isOverdue)) break;
      chosen.add(item);
      this.#earned = Math.max(0, this.#earned - 1);
    }
    // Who was looked at early has been looked at: no storm of looks is owed for that.
    this.#earned = Math.min(this.#earned, MOST_TOGETHER);
    return chosen;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#endsAt = Infinity;
    const [first] = this.#waiting.values();
    if (first === undefined) return;
    const now = this.clock.now();
    const parts = Math.max(FEWEST_PARTS, Math.ceil(this.#waiting.size / MOST_TOGETHER));
    let next = Math.min(now + this.interval / parts, first + this.interval);
    for (const date of this.#dates.values()) next = Math.min(next, date);
    this.#endsAt = next;
    this.#timer = setTimeout(this.#step, Math.max(0, next - now));
    this.#timer.unref();
  }
}
