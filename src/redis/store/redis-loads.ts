import type { RedisBatch } from '../client/redis-batch.js';
import { noReply } from '../client/redis-errors.js';
import type { RedisNodes } from '../client/redis-nodes.js';

export type RedisHash = Readonly<Record<string, string>>;

/**
 * Reads hashes, one that is asked for several times in the same turn of the event loop once.
 *
 * A load that is on the wire is never joined: its answer may be older than a revocation that has been confirmed since.
 */
export class RedisLoads {
  readonly #next = new Map<string, Promise<RedisHash>>();

  constructor(
    private readonly batch: RedisBatch,
    private readonly nodes: RedisNodes,
  ) {}

  load(key: string): Promise<RedisHash> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    return this.nodes.ask(key, 'HGETALL', () => {
      const hash = this.#send(key);
      this.#next.set(key, hash);
      return hash;
    });
  }

  #send(key: string): Promise<RedisHash> {
    return new Promise((resolve, reject) => {
      this.batch.add({
        name: 'hgetall',
        key,
        args: [key],
        onSend: () => this.#next.delete(key),
        onReply: (reply) => (isHash(reply) ? resolve(reply) : reject(noReply())),
        onError: reject,
      });
    });
  }
}

/** An application may have told ioredis to give hashes another shape, for all of its clients (`Command.setReplyTransformer`). */
function isHash(reply: unknown): reply is RedisHash {
  return typeof reply === 'object' && reply !== null && !Array.isArray(reply) && !(reply instanceof Map);
}
