import { createHash } from 'node:crypto';
import type { BatchedCommand } from '../../src/redis/client/batched-command.js';
import { redisPortOf } from '../../src/redis/client/redis-clients.js';
import type { RedisClient } from '../../src/redis/client/redis-connection.js';
import { LUA } from '../../src/redis/scripts/lua.generated.js';
import type { ScriptName } from '../../src/redis/scripts/redis-scripts.js';

type Name = ScriptName | 'hgetall';

const NAMES = new Map(Object.entries(LUA).map(([name, text]) => [createHash('sha1').update(text).digest('hex'), name]));

/** A command on its way to Redis, which has not arrived. */
export interface HeldCommand {
  /** Resolves when it is about to be sent. */
  readonly reached: Promise<void>;
  /** Sends it. */
  release(): void;
  /** Has Redis refuse it, with an error that begins with that word. */
  refuse(word: string): void;
}

/** What a process sends to Redis, command by command. `lose` ends a process that has died: what is held is never sent. */
export class HeldCommands {
  readonly #send: (commands: readonly BatchedCommand[]) => void;
  readonly #held = new Set<BatchedCommand>();
  readonly #holds: { readonly name: Name; take(command: BatchedCommand): void }[] = [];

  constructor(client: RedisClient) {
    const port = redisPortOf(client);
    this.#send = port.sendTogether.bind(port);
    port.sendTogether = (commands) => this.#send(commands.filter((command) => !this.#isHeld(command)));
  }

  /** Holds the next one that is a read of a hash, or runs that script. */
  next(name: Name): HeldCommand {
    let reach: () => void = () => undefined;
    let release: () => void = () => undefined;
    const reached = new Promise<void>((done) => (reach = done));
    const released = new Promise<void>((done) => (release = done));
    this.#holds.push({
      name,
      take: (command) => {
        this.#held.add(command);
        reach();
        void released.then(() => this.#held.delete(command) && this.#send([command]));
      },
    });
    const refuse = (word: string) => {
      const [command] = this.#held;
      if (command === undefined || this.#held.size > 1) throw new TypeError('Only one command that is held can be refused.');
      this.#held.delete(command);
      command.onError(Object.assign(new Error(`${word} in a test`), { name: 'ReplyError' }));
    };
    return { reached, release, refuse };
  }

  lose(): void {
    for (const command of this.#held) command.onError(new Error('Connection is closed.'));
    this.#held.clear();
  }

  #isHeld(command: BatchedCommand): boolean {
    const name = command.name === 'evalsha' ? NAMES.get(String(command.args[0])) : command.name;
    const index = this.#holds.findIndex((hold) => hold.name === name);
    const [hold] = index < 0 ? [] : this.#holds.splice(index, 1);
    hold?.take(command);
    return hold !== undefined;
  }
}
