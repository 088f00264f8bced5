import { createHash } from 'node:crypto';
import { LUA } from './lua.generated.js';
import type { BatchedCommand } from '../client/batched-command.js';
import type { RedisBatch } from '../client/redis-batch.js';
import { isNoScript } from '../client/redis-errors.js';

/** The scripts of `lua/`. */
export type ScriptName = keyof typeof LUA;

/** What a script returns; integers are texts where the client has the option stringNumbers. */
export type RawReply = readonly (string | number)[];

/**
 * Runs the scripts by their hash, and with their text where Redis does not know them (after a restart, a failover or `SCRIPT FLUSH`). A
 * client is used as it is: no command is defined on it, since it may be the application's own.
 */
export class RedisScripts {
  readonly #hashes: Readonly<Record<ScriptName, string>>;

  constructor(
    private readonly batch: RedisBatch,
    private readonly texts: Readonly<Record<ScriptName, string>> = LUA,
  ) {
    this.#hashes = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, sha1(text)])) as Record<ScriptName, string>;
  }

  /** Runs a script on one key. Rejects with ioredis' own error, which holds the arguments: to be made a store error before it goes anywhere. */
  run(script: ScriptName, key: string, args: readonly (string | number)[]): Promise<RawReply> {
    return new Promise((resolve, reject) => {
      const onReply = (reply: unknown) => resolve((Array.isArray(reply) ? reply : [reply]) as RawReply);
      const onError = (error: Error) => {
        // Redis ran nothing, so this is no second time.
        if (isNoScript(error)) this.#evaluate('eval', this.texts[script], { key, args, onReply, onError: reject });
        else reject(error);
      };
      this.#evaluate('evalsha', this.#hashes[script], { key, args, onReply, onError });
    });
  }

  /** @param script its text, or its hash */
  #evaluate(name: 'eval' | 'evalsha', script: string, { key, args, onReply, onError }: Evaluation): void {
    this.batch.add({ name, key, args: [script, 1, key, ...args], onReply, onError });
  }
}

type Evaluation = Pick<BatchedCommand, 'key' | 'args' | 'onReply' | 'onError'>;

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
