const UNAVAILABLE = 503;

/** When requests were answered, and how. All visitors share one. */
export class Timeline {
  requests = 0;
  /** In ms. */
  slowest = 0;
  /** In ms: the longest time in which requests were answered, and every one of them with 503. */
  longestUnavailable = 0;
  /** In ms: the longest time from the end of a fault to the next answer that was not 503, of each process by itself. */
  longestRecovery = 0;
  #unavailableSince: number | undefined;
  /** Processes that have not recovered yet, and since when they could. */
  readonly #recovering = new Map<string, number>();

  /** Redis can answer again. */
  healed(origins: readonly string[]): void {
    const now = performance.now();
    for (const origin of origins) this.#recovering.set(origin, now);
  }

  answered(origin: string, sentAt: number, status: number | undefined): void {
    const now = performance.now();
    this.requests++;
    this.slowest = Math.max(this.slowest, now - sentAt);
    if (status === UNAVAILABLE) this.#unavailableSince ??= now;
    else if (status !== undefined) this.#end(now);
    if (status !== undefined && status !== UNAVAILABLE) this.#recover(origin, now);
  }

  #recover(origin: string, now: number): void {
    this.longestRecovery = Math.max(this.longestRecovery, now - (this.#recovering.get(origin) ?? now));
    this.#recovering.delete(origin);
  }

  #end(now: number): void {
    if (this.#unavailableSince === undefined) return;
    this.longestUnavailable = Math.max(this.longestUnavailable, now - this.#unavailableSince);
    this.#unavailableSince = undefined;
  }
}
