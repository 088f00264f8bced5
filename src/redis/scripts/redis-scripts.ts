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

  /** Runs a script on one key. What it fails with is ioredis' own error, which holds the arguments: to be made a store error before it goes anywhere. */
  run(script: ScriptName, key: string, args: readonly (string | number)[], caller: ScriptCaller): void {
    const withText = (): void => this.batch.add(new ScriptCommand('eval', key, [this.texts[script], 1, key, ...args], caller));
    this.batch.add(new ScriptCommand('evalsha', key, [this.#hashes[script], 1, key, ...args], caller, withText));
  }
}

/** Who has run a script. Exactly one of the two is called, once. */
export interface ScriptCaller {
  onReply(reply: RawReply): void;
  onError(error: unknown): void;
}

class ScriptCommand implements BatchedCommand {
  /** @param onUnknown what to do instead when Redis does not know the script */
  constructor(
    readonly name: 'eval' | 'evalsha',
    readonly key: string,
    readonly args: readonly (string | number)[],
    private readonly caller: ScriptCaller,
    private readonly onUnknown?: () => void,
  ) {}

  onReply(reply: unknown): void {
    this.caller.onReply((Array.isArray(reply) ? reply : [reply]) as RawReply);
  }

  onError(error: Error): void {
    // Redis ran nothing, so this is no second time.
    if (this.onUnknown !== undefined && isNoScript(error)) this.onUnknown();
    else this.caller.onError(error);
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
