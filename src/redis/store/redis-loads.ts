import type { BatchedCommand } from '../client/batched-command.js';
import type { RedisBatch } from '../client/redis-batch.js';
import { noReply } from '../client/redis-errors.js';
import { nothingSent, type NodeCall, type RedisNodes } from '../client/redis-nodes.js';

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
    const call = this.nodes.begin(key, 'HGETALL');
    if (call === undefined) return Promise.reject(nothingSent());
    const hash = new Promise<RedisHash>((resolve, reject) => {
      this.batch.add(new HashLoad(key, this.#next, { call, resolve, reject }));
    });
    this.#next.set(key, hash);
    return hash;
  }
}

interface LoadOutcome {
  readonly call: NodeCall;
  readonly resolve: (hash: RedisHash) => void;
  readonly reject: (error: unknown) => void;
}

class HashLoad implements BatchedCommand {
  readonly name = 'hgetall';
  readonly args: readonly [string];

  /** @param waiting those that are not on the wire yet */
  constructor(
    readonly key: string,
    private readonly waiting: Map<string, unknown>,
    private readonly outcome: LoadOutcome,
  ) {
    this.args = [key];
  }

  onSend(): void {
    this.waiting.delete(this.key);
  }

  onReply(reply: unknown): void {
    if (!isHash(reply)) return this.onError(noReply());
    this.outcome.call.replied();
    this.outcome.resolve(reply);
  }

  onError(error: unknown): void {
    this.outcome.reject(this.outcome.call.failed(error));
  }
}

/** An application may have told ioredis to give hashes another shape, for all of its clients (`Command.setReplyTransformer`). */
function isHash(reply: unknown): reply is RedisHash {
  return typeof reply === 'object' && reply !== null && !Array.isArray(reply) && !(reply instanceof Map);
}
