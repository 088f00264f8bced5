import type { WrittenNode } from './redis-port.js';

const FIELD = /^([\w-]+):(.*)$/;
const NO_EVICTION = 'noeviction';

/**
 * What one node of Redis says about itself, by `INFO`. Holds addresses too (of its replicas, of its master), so it is for questions such as those below, and
 * never for a log as it is.
 */
export class ServerInfo {
  readonly #fields = new Map<string, string>();

  /** @param text what `INFO` has answered; empty where it is not permitted, and then nothing is known */
  constructor(text: string) {
    for (const line of text.split(/\r?\n/)) {
      const [, name, value] = FIELD.exec(line) ?? [];
      if (name !== undefined && value !== undefined) this.#fields.set(name, value);
    }
  }

  /** False where the user may not ask, or a proxy answers for Redis. */
  get isKnown(): boolean {
    return this.#fields.size > 0;
  }

  text(name: string): string | undefined {
    return this.#fields.get(name);
  }

  number(name: string): number | undefined {
    const text = this.#fields.get(name);
    return text === undefined || text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text);
  }

  get product(): 'redis' | 'valkey' | undefined {
    if (this.#fields.has('valkey_version') || this.text('server_name') === 'valkey') return 'valkey';
    return this.#fields.has('redis_version') ? 'redis' : undefined;
  }

  /** Of Valkey its own, and not the one of Redis that it stands for. */
  get version(): string | undefined {
    return this.text('valkey_version') ?? this.text('redis_version');
  }

  /** Whether it copies another node, which it may be behind of, and writes nothing. */
  get isReplica(): boolean {
    return this.text('role') === 'slave';
  }

  /** The `maxmemory-policy`, where that lets Redis throw keys away; `undefined` for `noeviction`, and where it is not known. */
  get evictingPolicy(): string | undefined {
    const policy = this.text('maxmemory_policy');
    return policy === NO_EVICTION ? undefined : policy;
  }

  /** In bytes. What is left until `maxmemory` is reached; negative when it is, `undefined` where there is no limit. */
  get memoryLeft(): number | undefined {
    const limit = this.number('maxmemory');
    const used = this.number('used_memory');
    // As Redis counts it: what replicas and the append-only file have yet to take is not evicted for.
    return limit === undefined || limit === 0 || used === undefined
      ? undefined
      : limit - used + (this.number('mem_not_counted_for_evict') ?? 0);
  }

  /** Whether Redis refuses to take more: new sessions and changes fail, and reading and ending sessions goes on. */
  get isFull(): boolean {
    const { memoryLeft } = this;
    return memoryLeft !== undefined && memoryLeft < 0 && this.text('maxmemory_policy') === NO_EVICTION;
  }
}

/** Rejects when the node does not answer, or refuses. */
export async function infoOf(node: WrittenNode): Promise<ServerInfo> {
  return new ServerInfo(await node.info());
}
