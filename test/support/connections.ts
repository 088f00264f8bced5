import { afterEach } from '@jest/globals';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';
import { openRedis, type OpenRedis, type RedisClient, type RedisConnection } from '../../src/redis/client/redis-client.js';
import { until } from './until.js';

/** For what is not about time, on a machine that is busy with other things. */
export const PATIENT = { commandTimeout: 20_000 };

/** All forms of the option `redis` for which this package makes the client. */
export type OwnConnection = Exclude<RedisConnection, RedisClient>;

/** Connections that are closed after each test. To be made at the top of a `describe` or a file. */
export class Connections {
  readonly #open: OpenRedis<OwnClient>[] = [];

  constructor() {
    afterEach(async () => {
      await Promise.all(this.#open.splice(0).map((redis) => redis.close(1_000)));
    });
  }

  /** Opens a connection; `lines` is what it logs. */
  async open(connection: OwnConnection | OwnClient): Promise<OpenRedis<OwnClient> & { readonly lines: readonly string[] }> {
    const lines: string[] = [];
    // Either way its client is one of ioredis.
    const redis = (await openRedis(connection, (line) => lines.push(line))) as OpenRedis<OwnClient>;
    this.#open.push(redis);
    return { ...redis, lines };
  }

  /** The client of a new connection, once it is ready. */
  async ready(connection: OwnConnection): Promise<OwnClient> {
    const { client } = await this.open(connection);
    await untilStatus(client, 'ready');
    return client;
  }
}

export function untilStatus(client: OwnClient, status: OwnClient['status']): Promise<void> {
  return until(() => client.status === status, `the client's status is "${status}"`);
}

/** Waits for the nth time from now that a client emits an event, and answers with what came with the event each time. */
export function emitted<T = unknown>(client: OwnClient, event: string, times = 1): Promise<T[]> {
  return new Promise((resolve) => {
    const seen: T[] = [];
    const listener = (value: T) => {
      seen.push(value);
      if (seen.length < times) return;
      client.off(event, listener);
      resolve(seen);
    };
    client.on(event, listener);
  });
}

/** What a promise came to, its error included, and after how many ms. */
export async function outcomeOf(promise: Promise<unknown>): Promise<{ value?: unknown; error?: Error; ms: number }> {
  const start = performance.now();
  try {
    const value = await promise;
    return { value, ms: performance.now() - start };
  } catch (error) {
    return { error: error as Error, ms: performance.now() - start };
  }
}
