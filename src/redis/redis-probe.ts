import type { Redis, RedisOptions } from 'ioredis';
import { isReply } from './redis-errors.js';

/** In ms. With the time for a last look at the client, how long after it could answer Redis is noticed to. */
const INTERVAL = 200;
const LAST_LOOK = 100;
/** In ms. For so long the client itself is asked; after that its connection may be what is dead. */
const FIRST_PHASE = 1_000;
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

/**
 * Asks a node of Redis that has stopped answering until it answers. At first through its client; after a second on connections made like that
 * one, since a host that is gone leaves a connection behind that nothing will ever come through. The client then gets a new one too.
 */
export class RedisProbe {
  readonly #timer = setInterval(() => this.#tick(), INTERVAL).unref();
  readonly #begunAt = performance.now();
  readonly #attempts = new Set<Attempt>();
  #patience = FIRST_PATIENCE;
  #isStopped = false;

  /**
   * @param model as which connections are made
   * @param current the client of the node as it is now; a Cluster makes others in time
   * @param onAnswer called once
   */
  constructor(
    private readonly model: Redis,
    private readonly current: () => Redis | undefined,
    private readonly onAnswer: () => void,
  ) {
    this.#tick();
  }

  /** Leaves nothing behind. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const attempt of this.#attempts) this.#drop(attempt);
  }

  #tick(): void {
    if (performance.now() - this.#begunAt < FIRST_PHASE) this.#askClient();
    else this.#askAnew();
  }

  #askClient(): void {
    const client = this.current();
    // Otherwise it waits for a connection, as anything would.
    if (client?.status === 'ready') void answers(client).then((isAnswered) => isAnswered && this.onAnswer());
  }

  #askAnew(): void {
    for (const attempt of this.#attempts)
      if (performance.now() - attempt.begunAt >= (attempt.isMade ? this.#patience : CONNECT_TIMEOUT)) this.#giveUp(attempt);
    // A frozen server answers on a connection that is made; where packets are lost, only a further one comes through.
    if (![...this.#attempts].some(({ isMade }) => isMade)) this.#begin();
  }

  #begin(): void {
    const attempt: Attempt = { connection: this.model.duplicate(ONE_QUESTION), begunAt: performance.now(), isMade: false };
    const { connection } = attempt;
    this.#attempts.add(attempt);
    // What refuses us (a password, a full server) answers too.
    connection.on('error', (error: unknown) => isReply(error) && this.#found());
    connection.once('connect', () => {
      attempt.isMade = true;
    });
    void answers(connection).then((isAnswered) => (isAnswered ? this.#found() : this.#drop(attempt)));
  }

  #giveUp(attempt: Attempt): void {
    if (attempt.isMade) this.#patience = Math.min(2 * this.#patience, LONGEST_PATIENCE);
    this.#drop(attempt);
  }

  #drop(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.connection.disconnect();
    cut(attempt.connection);
  }

  #found(): void {
    if (this.#isStopped) return;
    this.stop();
    const client = this.current();
    if (client === undefined) return this.onAnswer();
    void isAlive(client).then((isClientAlive) => {
      if (!isClientAlive) reconnect(client);
      this.onAnswer();
    });
  }
}

function answers(connection: Redis): Promise<boolean> {
  return connection.ping().then(
    () => true,
    (error: unknown) => isReply(error),
  );
}

/** Whether the client answers too, now that Redis does. */
function isAlive(client: Redis): Promise<boolean> {
  return new Promise((resolve) => {
    const decide = (isInTime: boolean) => {
      clearTimeout(late);
      client.off('ready', ready);
      resolve(isInTime);
    };
    const ready = () => decide(true);
    const late = setTimeout(decide, LAST_LOOK, false);
    if (client.status === 'ready') void answers(client).then((isAnswered) => isAnswered && decide(true));
    else client.on('ready', ready);
  });
}

/** Without waiting for `retryStrategy`, which by now may wait for long. */
function reconnect(client: Redis): void {
  const connect = () => {
    // Not in its types, but there in ioredis 5 and 6. Left alone, the timer would bring the client back should it be closed meanwhile.
    const waiting = client as unknown as { reconnectTimeout: NodeJS.Timeout | null };
    if (waiting.reconnectTimeout !== null) clearTimeout(waiting.reconnectTimeout);
    waiting.reconnectTimeout = null;
    client.connect().catch(() => undefined); // It goes on trying, and the outage is logged.
  };
  if (client.status === 'reconnecting') return connect();
  client.once('reconnecting', connect);
  cut(client);
}

/** ioredis itself waits for the other side to say goodbye. */
function cut({ stream }: { readonly stream?: Redis['stream'] }): void {
  stream?.destroy();
}
