import type { RedisClient } from './redis-client.js';
import { RedisClock } from './redis-clock.js';
import { toStoreError } from './redis-errors.js';
import { RedisScripts, type ScriptName } from './redis-scripts.js';

/** What a script has answered. */
export interface ScriptReply {
  /** One of `STATUS`. */
  readonly status: number;
  readonly now: number;
  /** What else it says. */
  readonly values: readonly string[];
}

/** Sends what changes something in Redis, knows what is under way, and learns Redis' time from the answers. */
export class RedisWriter {
  readonly clock = new RedisClock();
  readonly #scripts: RedisScripts;
  readonly #writes = new Set<Promise<unknown>>();

  constructor(private readonly client: RedisClient) {
    this.#scripts = new RedisScripts(client);
  }

  async run(script: ScriptName, key: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    const write = this.#scripts.run(script, key, args);
    this.#writes.add(write);
    try {
      const [status, now, ...values] = await write;
      this.clock.learn(Number(now));
      return { status: Number(status), now: Number(now), values: values.map(String) };
    } catch (error) {
      throw toStoreError(error);
    } finally {
      this.#writes.delete(write);
    }
  }

  /** Redis' time in epoch ms. Costs a command before the first script of this process has answered. */
  async time(): Promise<number> {
    const known = this.clock.now();
    if (known !== undefined) return known;
    try {
      const [seconds, microseconds] = await this.client.time();
      const now = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      this.clock.learn(now);
      return now;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Also those that follow from others: a touch is followed by that of the index. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writes);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.allSettled(this.#writes);
  }
}
