import type { Redis, RedisOptions } from 'ioredis';
import { isReply, safeCodeOf } from './redis-errors.js';

/** In ms, between two looks at whether Redis can be reached. */
export const LOOK_INTERVAL = 200;
/** In ms. How long one connection may take to be made, and how long one that was made is waited for at first: then twice as long each time. */
const CONNECT_TIMEOUT = 1_000;
const FIRST_PATIENCE = 1_000;
const LONGEST_PATIENCE = 16_000;

/** One question, and no second try: the next connection is that. Everything else is as the client has it. */
const ONE_QUESTION = {
  lazyConnect: true,
  enableOfflineQueue: true,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  failoverDetector: false,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  socketTimeout: undefined,
  connectTimeout: CONNECT_TIMEOUT,
} as const satisfies RedisOptions;

interface Attempt {
  readonly connection: Redis;
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
    private readonly model: Redis,
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
    const attempt: Attempt = { connection: this.model.duplicate(ONE_QUESTION), begunAt: performance.now(), isMade: false };
    const { connection } = attempt;
    this.#attempts.add(attempt);
    const end = (error?: unknown) => {
      if (!this.#attempts.has(attempt)) return;
      this.#drop(attempt);
      if (error === undefined || isReply(error)) this.onReply({ isWell: isWell(error), begunAt: attempt.begunAt });
    };
    connection.on('error', (error: unknown) => isReply(error) && end(error));
    connection.once('connect', () => {
      attempt.isMade = true;
    });
    connection.ping().then(() => end(), end);
  }

  #giveUp(attempt: Attempt): void {
    if (attempt.isMade) this.#patience = Math.min(2 * this.#patience, LONGEST_PATIENCE);
    this.#drop(attempt);
  }

  #drop(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.connection.disconnect();
    // ioredis itself waits for the other side to say goodbye.
    attempt.connection.stream?.destroy();
  }
}

/** A user that may not ask `PING` is signed in, and so would be the client. */
function isWell(error: unknown): boolean {
  return error === undefined || safeCodeOf(error) === 'NOPERM';
}
