import type { ChainableCommander, Redis } from 'ioredis';
import type { RedisClient } from './redis-connection.js';

/** One command of a batch. */
export interface BatchedCommand {
  /** Called once, when the batch is sent: puts the command on the wire. */
  addTo(pipeline: ChainableCommander): void;
  onReply(reply: unknown): void;
  onError(error: Error): void;
}

/**
 * Sends what is asked for in the same turn of the event loop together, reads and writes in their order: one write to the socket costs more
 * CPU time than a command does.
 */
export class RedisBatch {
  #next: BatchedCommand[] = [];
  readonly #send = () => this.#sendAll();

  private constructor(private readonly client: Redis) {}

  /** None for a Cluster, whose keys have nodes of their own. */
  static of(client: RedisClient): RedisBatch | undefined {
    return client.isCluster ? undefined : new RedisBatch(client as Redis);
  }

  add(command: BatchedCommand): void {
    if (this.#next.push(command) === 1) setImmediate(this.#send);
  }

  #sendAll(): void {
    const commands = this.#next;
    this.#next = [];
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
