import type { Writable } from 'node:stream';

/** In ms. What takes less needs no word. */
const PATIENCE = 1_000;
/** In ms, between two lines where they stay, as in the log of a job. */
const LINE_INTERVAL = 10_000;
const CLEAR_LINE = '\r\u001B[K';

/** Says on standard error how far something has come, once it takes longer than a second. On a terminal it is one line, which goes away. */
export class Progress {
  readonly #timer: NodeJS.Timeout;
  #lastLineAt = -Infinity;
  #isShown = false;

  /** @param report how far it has come, asked for each time it is to be shown */
  constructor(
    private readonly stream: Writable & { readonly isTTY?: boolean },
    private readonly report: () => string,
  ) {
    this.#timer = setInterval(() => this.#show(), PATIENCE).unref();
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#isShown && this.stream.isTTY === true) this.stream.write(CLEAR_LINE);
  }

  #show(): void {
    if (this.stream.isTTY === true) this.stream.write(`${CLEAR_LINE}${this.report()}`);
    else {
      const now = performance.now();
      if (now - this.#lastLineAt < LINE_INTERVAL) return;
      this.#lastLineAt = now;
      this.stream.write(`${this.report()}\n`);
    }
    this.#isShown = true;
  }
}
