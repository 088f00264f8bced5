import { isReply } from './redis-errors.js';
import { FreshConnections, LOOK_INTERVAL } from './fresh-connections.js';
import type { NodeClient } from './redis-port.js';

/** In ms. With `LOOK_INTERVAL`, how long after it could answer Redis is noticed to. */
const LAST_LOOK = 100;
/** In ms. For so long the client itself is asked; after that its connection may be what is dead. */
const FIRST_PHASE = 1_000;

/**
 * Asks a node of Redis that has stopped answering until it answers. At first through its client; after a second on connections made like that
 * one, since a host that is gone leaves a connection behind that nothing will ever come through. The client then gets a new one too.
 */
export class RedisProbe {
  readonly #timer = setInterval(() => this.#tick(), LOOK_INTERVAL).unref();
  readonly #begunAt = performance.now();
  readonly #fresh: FreshConnections;
  #isStopped = false;

  /**
   * @param model as which connections are made
   * @param current the client of the node as it is now; a Cluster makes others in time
   * @param onAnswer called once
   */
  constructor(
    model: NodeClient,
    private readonly current: () => NodeClient | undefined,
    private readonly onAnswer: () => void,
  ) {
    // What refuses us (a password, a full server) answers too.
    this.#fresh = new FreshConnections(model, () => this.#found());
    this.#tick();
  }

  /** Leaves nothing behind. */
  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#fresh.stop();
  }

  #tick(): void {
    if (performance.now() - this.#begunAt < FIRST_PHASE) this.#askClient();
    else this.#fresh.look();
  }

  #askClient(): void {
    const client = this.current();
    // Otherwise it waits for a connection, as anything would.
    if (client?.isReady === true) void answers(client).then((isAnswered) => isAnswered && this.onAnswer());
  }

  #found(): void {
    if (this.#isStopped) return;
    this.stop();
    const client = this.current();
    if (client === undefined) return this.onAnswer();
    void isAlive(client).then((isClientAlive) => {
      if (!isClientAlive) client.reconnect();
      this.onAnswer();
    });
  }
}

function answers(client: NodeClient): Promise<boolean> {
  return client.ping().then(
    () => true,
    (error: unknown) => isReply(error),
  );
}

/** Whether the client answers too, now that Redis does. */
function isAlive(client: NodeClient): Promise<boolean> {
  return new Promise((resolve) => {
    const decide = (isInTime: boolean) => {
      clearTimeout(late);
      stopWaiting();
      resolve(isInTime);
    };
    const late = setTimeout(() => decide(false), LAST_LOOK);
    const stopWaiting = client.onReady(() => decide(true));
    if (client.isReady) void answers(client).then((isAnswered) => isAnswered && decide(true));
  });
}
