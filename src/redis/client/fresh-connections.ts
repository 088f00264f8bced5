import { isReply, safeCodeOf } from './redis-errors.js';
import type { FreshConnection, NodeClient } from './redis-port.js';

/** In ms, between two looks at whether Redis can be reached. */
export const LOOK_INTERVAL = 200;
/** In ms. How long one connection may take to be made, and how long one that was made is waited for at first: then twice as long each time. */
export const CONNECT_TIMEOUT = 1_000;
const FIRST_PATIENCE = 1_000;
const LONGEST_PATIENCE = 16_000;

interface Attempt {
  connection?: FreshConnection;
  readonly begunAt: number;
  /** Connected, and waits for its answer. */
  isMade: boolean;
}

/** An answer on a connection of its own. */
export interface FreshReply {
  /** False where Redis has refused us (a password, a full server) or is still loading its data. */
  readonly isWell: boolean;
  /** When that connection was begun, by the monotonic clock. */
  readonly begunAt: number;
}

/** Asks Redis on connections of its own, made like those of a client, whatever state the client is in. */
export class FreshConnections {
  readonly #attempts = new Set<Attempt>();
  #patience = FIRST_PATIENCE;

  constructor(
    private readonly model: NodeClient,
    private readonly onReply: (reply: FreshReply) => void,
  ) {}

  /** Begins a connection where one is needed. To be called every `LOOK_INTERVAL`. */
  look(): void {
    for (const attempt of this.#attempts)
      if (performance.now() - attempt.begunAt >= (attempt.isMade ? this.#patience : CONNECT_TIMEOUT)) this.#giveUp(attempt);
    // A frozen server answers on a connection that is made; where packets are lost, only a further one comes through.
    if (![...this.#attempts].some(({ isMade }) => isMade)) this.#begin();
  }

  /** Leaves nothing behind. */
  stop(): void {
    for (const attempt of this.#attempts) this.#drop(attempt);
  }

  #begin(): void {
    const attempt: Attempt = { begunAt: performance.now(), isMade: false };
    this.#attempts.add(attempt);
    attempt.connection = this.model.askAnew({
      onConnected: () => {
        attempt.isMade = true;
      },
      onAnswer: (error) => {
        if (!this.#attempts.has(attempt)) return;
        this.#drop(attempt);
        if (error === undefined || isReply(error)) this.onReply({ isWell: isWell(error), begunAt: attempt.begunAt });
      },
    });
  }

  #giveUp(attempt: Attempt): void {
    if (attempt.isMade) this.#patience = Math.min(2 * this.#patience, LONGEST_PATIENCE);
    this.#drop(attempt);
  }

  #drop(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.connection?.drop();
  }
}

/** A user that may not ask `PING` is signed in, and so would be the client. */
function isWell(error: unknown): boolean {
  return error === undefined || safeCodeOf(error) === 'NOPERM';
}
