import { fail, type BatchedCommand } from './batched-command.js';
import type { RedisPort } from './redis-port.js';

/**
 * Sends what is asked for in the same turn of the event loop together, reads and writes in their order: one write to the socket costs more
 * CPU time than a command does. A Cluster, whose keys have nodes of their own, gets each command by itself at the same time.
 */
export class RedisBatch {
  #next: BatchedCommand[] = [];
  readonly #send = () => {
    const commands = this.#next;
    this.#next = [];
    try {
      this.#port.sendTogether(commands);
    } catch (error) {
      for (const command of commands) fail(command, error);
    }
  };

  readonly #port: RedisPort;

  constructor(port: RedisPort) {
    this.#port = port;
  }

  add(command: BatchedCommand): void {
    if (this.#next.push(command) === 1) setImmediate(this.#send);
  }
}
