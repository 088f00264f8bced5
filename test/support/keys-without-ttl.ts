import type { Redis } from 'ioredis';

const KEYS_WITHOUT_END = `
  local found = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    if redis.call('PTTL', key) == -1 then found[#found + 1] = key end
  end
  return found`;

/** The keys that would live for ever. */
export async function keysWithoutTtl(client: Redis): Promise<string[]> {
  return (await client.eval(KEYS_WITHOUT_END, 0)) as string[];
}

/** Looks again and again, between any two commands of others, for keys that would live for ever. */
export class KeysWithoutTtl {
  readonly #found = new Set<string>();
  readonly #watching: Promise<void>;
  #stopped = false;
  #looks = 0;

  constructor(private readonly client: Redis) {
    this.#watching = this.#watch();
  }

  /** The keys that were seen without TTL. */
  async stop(): Promise<string[]> {
    this.#stopped = true;
    await this.#watching;
    return [...this.#found];
  }

  get looks(): number {
    return this.#looks;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      for (const key of await keysWithoutTtl(this.client)) this.#found.add(key);
      this.#looks++;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
