import type { ChainableCommander } from 'ioredis';
import type { RedisClient } from './redis-connection.js';

/** One command of a batch. */
export interface BatchedCommand {
  /** Called once, when the batch is sent. */
  addTo(pipeline: ChainableCommander): void;
  /** Called once in its place where the command goes by itself. */
  sendTo(client: RedisClient): Promise<unknown>;
  onReply(reply: unknown): void;
  onError(error: Error): void;
}

/**
 * Sends what is asked for in the same turn of the event loop together, reads and writes in their order: one write to the socket costs more
 * CPU time than a command does. A Cluster, whose keys have nodes of their own, gets each command by itself at the same time.
 */
export class RedisBatch {
  #next: BatchedCommand[] = [];
  readonly #send = () => {
    const commands = this.#next;
    this.#next = [];
    if (this.client.isCluster) this.#sendEach(commands);
    else this.#sendTogether(commands);
  };

  constructor(private readonly client: RedisClient) {}

  add(command: BatchedCommand): void {
    if (this.#next.push(command) === 1) setImmediate(this.#send);
  }

  #sendEach(commands: readonly BatchedCommand[]): void {
    for (const command of commands) {
      command.sendTo(this.client).then(
        (reply) => command.onReply(reply),
        (error: Error) => command.onError(error),
      );
    }
  }

  #sendTogether(commands: readonly BatchedCommand[]): void {
    const pipeline = this.client.pipeline();
    for (const command of commands) command.addTo(pipeline);
    const failAll = (error: Error) => {
      for (const command of commands) command.onError(error);
    };
    pipeline.exec().then((replies) => {
      if (replies === null) return failAll(closed());
      for (const [index, command] of commands.entries()) {
        const [error, reply] = replies[index] ?? [closed()];
        if (error === null || error === undefined) command.onReply(reply);
        else command.onError(error);
      }
    }, failAll);
  }
}

function closed(): Error {
  return new Error('Connection is closed.');
}
