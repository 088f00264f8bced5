import type { OwnClient } from '../client/ioredis/ioredis-types.js';
import { toStoreError } from '../client/redis-errors.js';

type Argument = string | number;

/** Sends commands that serve no request, such as those of an administrator. What it rejects with is safe to show. */
export class RedisNode {
  constructor(private readonly client: OwnClient) {}

  async ask(command: string, ...args: readonly Argument[]): Promise<unknown> {
    try {
      return await this.client.call(command, ...args);
    } catch (error) {
      throw toStoreError(error, command);
    }
  }

  /** One write to the socket for all of them. Each answers or rejects by itself. */
  askAll(commands: readonly (readonly [command: string, ...args: Argument[]])[]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(commands.map(([command, ...args]) => this.ask(command, ...args)));
  }
}

/** Whichever node has the key that a command names. */
export function anyNode(client: OwnClient): RedisNode {
  return new RedisNode(client);
}

/** The nodes that hold the keys: of a Cluster, its masters; else the only one. */
export function keyNodes(client: OwnClient): RedisNode[] {
  return ('nodes' in client ? client.nodes('master') : [client]).map((node) => new RedisNode(node));
}
