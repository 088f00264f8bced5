import { createHash } from 'node:crypto';
import { LUA } from './lua.generated.js';
import type { RedisBatch } from '../client/redis-batch.js';
import type { RedisClient } from '../client/redis-connection.js';
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
        if (isNoScript(error)) this.#evaluate({ command: 'eval', script: this.texts[script], key, args, onReply, onError: reject });
        else reject(error);
      };
      this.#evaluate({ command: 'evalsha', script: this.#hashes[script], key, args, onReply, onError });
    });
  }

  #evaluate({ command, script, key, args, onReply, onError }: Evaluation): void {
    this.batch.add({
      addTo: (pipeline) => void pipeline[command](script, 1, key, ...args),
      sendTo: (client) => evaluateAlone(client, command, script, key, args),
      onReply,
      onError,
    });
  }
}

interface Evaluation {
  readonly command: 'eval' | 'evalsha';
  /** The text of the script, or its hash. */
  readonly script: string;
  readonly key: string;
  readonly args: readonly (string | number)[];
  readonly onReply: (reply: unknown) => void;
  readonly onError: (error: Error) => void;
}

async function evaluateAlone(
  client: RedisClient,
  command: Evaluation['command'],
  script: string,
  key: string,
  args: Evaluation['args'],
): Promise<unknown> {
  if (client.options.enableAutoPipelining !== true) return client[command](script, 1, key, ...args);
  // Up to ioredis 5.10 a Cluster's automatic pipeline takes the first argument for the key, which here is the script, and sends what
  // belongs to other nodes along. A pipeline of one's own finds the key.
  const pipeline = client.pipeline();
  pipeline[command](script, 1, key, ...args);
  const [[error, reply] = []] = (await pipeline.exec()) ?? [];
  if (error) throw error;
  return reply;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
