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
    if (this.#client.isCluster) this.#sendEach(commands);
    else this.#sendTogether(commands);
  };

  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  add(command: BatchedCommand): void {
    if (this.#next.push(command) === 1) setImmediate(this.#send);
  }

  #sendEach(commands: readonly BatchedCommand[]): void {
    for (const command of commands)
      attempt(command, () => {
        command.sendTo(this.#client).then(
          (reply) => deliver(command, reply),
          (error: Error) => command.onError(error),
        );
      });
  }

  #sendTogether(commands: readonly BatchedCommand[]): void {
    let sent = commands;
    const failAll = (error: unknown) => {
      for (const command of sent) command.onError(asError(error));
    };
    try {
      const pipeline = this.#client.pipeline();
      sent = commands.filter((command) => attempt(command, () => command.addTo(pipeline)));
      pipeline.exec().then((replies) => {
        if (replies === null) return failAll(closed());
        for (const [index, command] of sent.entries()) {
          const [error, reply] = replies[index] ?? [closed()];
          if (error === null || error === undefined) deliver(command, reply);
          else command.onError(error);
        }
      }, failAll);
    } catch (error) {
      failAll(error);
    }
  }
}

function deliver(command: BatchedCommand, reply: unknown): void {
  attempt(command, () => command.onReply(reply));
}

/** Does something about a command, which fails alone when that fails: the others of the batch wait for their answers. */
function attempt(command: BatchedCommand, something: () => void): boolean {
  try {
    something();
    return true;
  } catch (error) {
    command.onError(asError(error));
    return false;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The command could not be sent.');
}

function closed(): Error {
  return new Error('Connection is closed.');
}
