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

/** The client listens on a connection that it has for this alone, and that finds the master again by itself. */
export class SentinelSubscriber implements RedisSubscriber {
  readonly #client: SentinelClient;
  #onEnd: (() => void) | undefined;
  #stop: (() => void) | undefined;

  constructor(client: SentinelClient) {
    this.#client = client;
  }

  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    // One of its own each time, since others may listen with the same function.
    const listener = (text: string) => onMessage(text);
    this.#stop = () => void this.#client.unsubscribe(channel, listener).catch(() => undefined); // Nobody listens any more.
    await this.#client.subscribe(channel, listener);
  }

  onEnd(listener: () => void): void {
    this.#onEnd = listener;
  }

  disconnect(): void {
    if (this.#client.isOpen) this.#stop?.();
    this.#stop = undefined;
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }

  async close(): Promise<void> {
    this.disconnect();
  }
}
