import type { RedisSubscriber } from '../redis-port.js';
import type { SentinelClient, SingleClient } from './node-redis-types.js';
import { OwnConnection } from './own-connection.js';

/** In ms. */
const CONNECT_TIMEOUT = 2_000;

/** A connection to one server, made like that of a client. */
export class SingleSubscriber implements RedisSubscriber {
  readonly #model: () => Promise<SingleClient>;
  #connection: OwnConnection | undefined;
  #onEnd: (() => void) | undefined;
  #isDropped = false;

  constructor(model: () => Promise<SingleClient>) {
    this.#model = model;
  }

  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    const connection = new OwnConnection(await this.#model(), CONNECT_TIMEOUT);
    this.#connection = connection;
    const { client } = connection;
    client.once('end', () => this.#ended());
    // It makes no second attempt, and version 5 does not call that its end.
    client.on('error', () => {
      if (!client.isOpen) this.#ended();
    });
    if (this.#isDropped) return this.#ended();
    await connection.connect();
    await client.subscribe(channel, onMessage);
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  disconnect(): void {
    this.#isDropped = true;
    this.#connection?.end();
    this.#ended();
  }

  async close(): Promise<void> {
    this.disconnect();
  }

  #ended(): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }
}

/** A second client that finds the master by way of the sentinels, and comes back by itself. */
export class SentinelSubscriber implements RedisSubscriber {
  readonly #client: SentinelClient;
  #onEnd: (() => void) | undefined;

  constructor(model: SentinelClient) {
    this.#client = model.duplicate({ masterPoolSize: 1, replicaPoolSize: 0, reserveClient: false });
    this.#client.on('error', () => undefined);
  }

  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    await this.#client.connect();
    await this.#client.subscribe(channel, onMessage);
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  disconnect(): void {
    if (this.#client.isOpen) void this.#client.destroy().catch(() => undefined); // Nobody listens any more.
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }

  async close(): Promise<void> {
    this.disconnect();
  }
}
