import type { ChainableCommander } from 'ioredis';
import type { BatchedCommand, RedisBatch } from './redis-batch.js';
import type { RedisClient } from './redis-connection.js';

export type RedisHash = Readonly<Record<string, string>>;

/**
 * Reads hashes, one that is asked for several times in the same turn of the event loop once.
 *
 * A load that is on the wire is never joined: its answer may be older than a revocation that has been confirmed since.
 */
export class RedisLoads {
  readonly #next = new Map<string, Load>();

  constructor(
    private readonly client: RedisClient,
    /** Without one each load is sent by itself, as a Cluster needs it. */
    private readonly batch: RedisBatch | undefined,
  ) {}

  load(key: string): Promise<RedisHash> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting.answer;
    const load = new Load(key, this.#next);
    this.#next.set(key, load);
    if (this.batch === undefined) setImmediate(() => load.sendTo(this.client));
    else this.batch.add(load);
    return load.answer;
  }
}

class Load implements BatchedCommand {
  readonly answer: Promise<RedisHash>;
  onReply!: (hash: unknown) => void;
  onError!: (error: Error) => void;

  constructor(
    private readonly key: string,
    private readonly next: Map<string, Load>,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.onReply = resolve as Load['onReply'];
      this.onError = reject;
    });
  }

  addTo(pipeline: ChainableCommander): void {
    this.next.delete(this.key);
    pipeline.hgetall(this.key);
  }

  sendTo(client: RedisClient): void {
    this.next.delete(this.key);
    client.hgetall(this.key).then(this.onReply, this.onError);
  }
}
