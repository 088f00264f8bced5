import type { Redis, RedisOptions } from 'ioredis';
import { CONNECT_TIMEOUT } from '../fresh-connections.js';
import { isReply } from '../redis-errors.js';
import type { FreshConnection, FreshQuestion, NodeClient } from '../redis-port.js';
import { survivesErrors } from './ioredis-closing.js';
import { reconnectNow } from './ioredis-connect-now.js';

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
  // Dropped at once: ioredis would keep the process for as long where the connection has closed already.
  disconnectTimeout: 0,
} as const satisfies RedisOptions;

/** A client for one server, or for one node of a Cluster. */
export class IoredisNode implements NodeClient {
  constructor(private readonly client: Redis) {}

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  ping(): Promise<unknown> {
    return this.client.ping();
  }

  onReady(listener: () => void): () => void {
    this.client.on('ready', listener);
    return () => this.client.off('ready', listener);
  }

  reconnect(): void {
    reconnectNow(this.client);
  }

  askAnew({ onConnected, onAnswer }: FreshQuestion): FreshConnection {
    const connection = this.client.duplicate(ONE_QUESTION);
    // What refuses the connection is no answer to the question, which goes on waiting for one.
    connection.on('error', (error: unknown) => isReply(error) && onAnswer(error));
    connection.once('connect', onConnected);
    connection.ping().then(() => onAnswer(), onAnswer);
    return {
      drop: () => {
        survivesErrors(connection);
        connection.disconnect();
        // ioredis itself waits for the other side to say goodbye.
        connection.stream?.destroy();
      },
    };
  }
}
