import type { RedisClient } from './redis-connection.js';

export type RedisHash = Readonly<Record<string, string>>;

interface Load {
  readonly key: string;
  readonly answer: Promise<RedisHash>;
  resolve(hash: RedisHash): void;
  reject(error: unknown): void;
}

/**
 * Reads hashes, those that are asked for in the same turn of the event loop together, and one that is asked for several times once.
 *
 * A load that is on the wire is never joined: its answer may be older than a revocation that has been confirmed since.
 */
export class RedisLoads {
  readonly #next = new Map<string, Load>();
  readonly #send = () => this.#sendAll();

  constructor(private readonly client: RedisClient) {}

  load(key: string): Promise<RedisHash> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting.answer;
    if (this.#next.size === 0) setImmediate(this.#send);
    const load = createLoad(key);
    this.#next.set(key, load);
    return load.answer;
  }

  #sendAll(): void {
    const loads = [...this.#next.values()];
    this.#next.clear();
    // A Cluster client finds the node of each key itself.
    if (this.client.isCluster)
      for (const load of loads)
        void this.client.hgetall(load.key).then(
          (hash) => load.resolve(hash),
          (error: unknown) => load.reject(error),
        );
    else this.#sendTogether(loads);
  }

  #sendTogether(loads: readonly Load[]): void {
    const pipeline = this.client.pipeline();
    for (const { key } of loads) pipeline.hgetall(key);
    const rejectAll = (error: unknown) => {
      for (const load of loads) load.reject(error);
    };
    pipeline.exec().then((replies) => {
      if (replies === null) return rejectAll(new Error('Connection is closed.'));
      for (let index = 0; index < loads.length; index++) {
        const [error, hash] = replies[index] ?? [new Error('Connection is closed.')];
        if (error === null || error === undefined) loads[index]?.resolve(hash as RedisHash);
        else loads[index]?.reject(error);
      }
    }, rejectAll);
  }
}

function createLoad(key: string): Load {
  let resolve: Load['resolve'] = () => undefined;
  let reject: Load['reject'] = () => undefined;
  const answer = new Promise<RedisHash>((onAnswer, onError) => {
    resolve = onAnswer;
    reject = onError;
  });
  return { key, answer, resolve, reject };
}
