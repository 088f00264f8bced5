const LOG_EVERY = 600_000;

/**
 * Counts the session cookies that are not ours: whose signature is not, or that have none. Most are harmless (a secret that was replaced, another
 * application on this host); many at a time may be somebody's tries. Logs the first one, and then how many there were, once in ten minutes at most.
 */
export class SuspiciousCookies {
  #count = 0;
  #loggedAt = -Infinity;

  /**
   * @param now ms by a clock that only goes on
   * @param what they are
   */
  constructor(
    private readonly warn: (message: string) => void,
    private readonly now: () => number = () => performance.now(),
    private readonly what = 'session cookie(s)',
  ) {}

  add(count: number): void {
    this.#count += count;
    if (this.now() - this.#loggedAt < LOG_EVERY) return;
    this.#loggedAt = this.now();
    this.warn(
      `Possibly suspicious: ${this.#count} ${this.what} ignored that are malformed or not signed with "session.secret". If you have replaced the secret, keep the one before it, "session.secret": [new, old], or these visitors are signed out. Otherwise somebody may be trying to forge one.`,
    );
    this.#count = 0;
  }
}
