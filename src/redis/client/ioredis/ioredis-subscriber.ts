import type { Redis } from 'ioredis';
import type { RedisSubscriber } from '../redis-port.js';
import { closeIoredis } from './ioredis-closing.js';

/** A connection that can do nothing else once it is subscribed. */
export class IoredisSubscriber implements RedisSubscriber {
  readonly #connection: Redis;

  constructor(model: Redis) {
    this.#connection = model.duplicate({
      lazyConnect: true,
      // Its user comes back with a new connection.
      retryStrategy: () => null,
      sentinelRetryStrategy: () => null,
      // Nothing may be said for hours.
      socketTimeout: undefined,
      // So that a connection whose other end is gone ends.
      keepAlive: 30_000,
    });
    this.#connection.on('error', () => undefined); // `connect` rejects with it.
  }

  async subscribe(channel: string, onMessage: (text: string) => void): Promise<void> {
    this.#connection.on('message', (_channel: string, text: string) => onMessage(text));
    await this.#connection.connect();
    await this.#connection.subscribe(channel);
  }

  onEnd(listener: () => void): void {
    this.#connection.once('end', listener);
  }

  disconnect(): void {
    this.#connection.disconnect();
  }

  /** Also one that has ended by itself: it may go on listening to the sentinels. */
  close(deadlineMs: number): Promise<void> {
    return closeIoredis(this.#connection, deadlineMs);
  }
}
