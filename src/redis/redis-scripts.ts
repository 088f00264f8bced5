import { createHash } from 'node:crypto';
import { LUA } from './lua.generated.js';
import type { RedisClient } from './redis-connection.js';
import { isNoScript } from './redis-errors.js';

/** The scripts of `lua/`. */
export type ScriptName = keyof typeof LUA;

/** What the first number of a script's answer means. */
export const STATUS = {
  /** There is no such session (any more). */
  gone: 0,
  done: 1,
  /** Nothing was done, since it is so already. */
  existed: 2,
  /** The key belongs to somebody else. */
  taken: 3,
  /** The entry is not an integer, or would not be one that JavaScript knows exactly. */
  notInteger: 4,
  /** The text was another one than expected. */
  changed: 5,
  /** There are as many as there may be. */
  full: 6,
} as const;

/**
 * Runs the scripts by their hash, and with their text where Redis does not know them (after a restart, a failover or `SCRIPT FLUSH`). A
 * client is used as it is: no command is defined on it, since it may be the application's own.
 */
export class RedisScripts {
  readonly #hashes: Readonly<Record<ScriptName, string>>;

  constructor(
    private readonly client: RedisClient,
    private readonly texts: Readonly<Record<ScriptName, string>> = LUA,
  ) {
    this.#hashes = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, sha1(text)])) as Record<ScriptName, string>;
  }

  /**
   * Runs a script on one key and answers with what it returns, integers as texts where the client has the option stringNumbers. Rejects with ioredis' own error, which holds the arguments: to
   * be made a store error before it goes anywhere.
   */
  async run(script: ScriptName, key: string, args: readonly (string | number)[]): Promise<readonly (string | number)[]> {
    const reply = await this.#evaluate('evalsha', this.#hashes[script], key, args).catch((error: unknown) => {
      // Redis ran nothing, so this is no second time.
      if (isNoScript(error)) return this.#evaluate('eval', this.texts[script], key, args);
      throw error;
    });
    return (Array.isArray(reply) ? reply : [reply]) as readonly (string | number)[];
  }

  async #evaluate(command: 'eval' | 'evalsha', script: string, key: string, args: readonly (string | number)[]): Promise<unknown> {
    const { client } = this;
    if (!client.isCluster || client.options.enableAutoPipelining !== true) return client[command](script, 1, key, ...args);
    // Up to ioredis 5.10 a Cluster's automatic pipeline takes the first argument for the key, which here is the script, and sends what
    // belongs to other nodes along. A pipeline of one's own finds the key.
    const pipeline = client.pipeline();
    pipeline[command](script, 1, key, ...args);
    const [[error, reply] = []] = (await pipeline.exec()) ?? [];
    if (error) throw error;
    return reply;
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
