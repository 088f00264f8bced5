const UNAVAILABLE = 503;

/** When requests were answered, and how. All visitors share one. */
export class Timeline {
  requests = 0;
  /** In ms. */
  slowest = 0;
  /** In ms: the longest time in which requests were answered, and every one of them with 503. */
  longestUnavailable = 0;
  #unavailableSince: number | undefined;

  answered(sentAt: number, status: number | undefined): void {
    const now = performance.now();
    this.requests++;
    this.slowest = Math.max(this.slowest, now - sentAt);
    if (status === UNAVAILABLE) this.#unavailableSince ??= now;
    else if (status !== undefined) this.#end(now);
  }

  #end(now: number): void {
    if (this.#unavailableSince === undefined) return;
    this.longestUnavailable = Math.max(this.longestUnavailable, now - this.#unavailableSince);
    this.#unavailableSince = undefined;
  }
}
