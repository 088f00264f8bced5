import { Logger } from '@nestjs/common';
import type { LinePrinter } from '../session/failure-log.js';
import type { SessionEvents } from '../session/session-events.js';

const MOST_HANDLES = 1_000;

/** What this package writes to the application's log. Handles only: never a sid, secret, key or session data. */
export class SessionLog implements LinePrinter {
  readonly #logger = new Logger('RedisSession');
  readonly #rejected = new Set<string>();

  readonly error = (message: string): void => this.#logger.error(message);

  readonly warn = (message: string): void => this.#logger.warn(message);

  /** Tells once of each session whose data this package did not write: its visitor sends the same cookie again and again. */
  watch(events: SessionEvents): () => void {
    return events.on('rejected', ({ handle, what, remote }) => {
      if (remote === true) return; // The process that it happened to tells of it.
      if (this.#rejected.has(handle) || this.#rejected.size >= MOST_HANDLES) return;
      this.#rejected.add(handle);
      this.#logger.warn(
        `The store holds data that is no ${what === 'session' ? 'session' : 'session entry'}, under handle ${handle}. It is treated as absent.`,
      );
    });
  }
}
