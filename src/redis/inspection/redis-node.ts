import type { OwnClient } from '../client/ioredis/ioredis-types.js';
import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { isReply, toStoreError } from '../client/redis-errors.js';

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

  /** Where it listens: `host:port`, or the path of its socket. */
  get place(): string {
    if ('nodes' in this.client) return '';
    const { host = 'localhost', port = 6_379, path } = this.client.options;
    return path ?? `${host}:${port}`;
  }

  /** Whether Redis lets the user run that command, which is run: give it one that changes nothing. */
  async refusal(command: string, ...args: readonly Argument[]): Promise<Refusal | undefined> {
    try {
      await this.client.call(command, ...args);
      return undefined;
    } catch (error) {
      // Whoever gets no answer knows nothing of rights.
      if (!isReply(error)) throw toStoreError(error, command);
      return refusalIn((error as Error).message);
    }
  }

  /** The same of another user, by `ACL DRYRUN`, which runs nothing. Rejects where that cannot be asked. */
  async refusalOf(user: string, command: string, ...args: readonly Argument[]): Promise<Refusal | undefined> {
    try {
      const answer = await this.client.call('ACL', 'DRYRUN', user, ...command.split('|'), ...args);
      return answer === 'OK' ? undefined : refusalIn(String(answer));
    } catch (error) {
      const { message } = error as Error;
      if (message.startsWith('ERR Command')) return 'no such command';
      if (message.startsWith('ERR User')) return 'no such user';
      throw toStoreError(error, 'ACL DRYRUN');
    }
  }

  /** One write to the socket for all of them. Each answers or rejects by itself. */
  askAll(commands: readonly (readonly [command: string, ...args: Argument[]])[]): Promise<PromiseSettledResult<unknown>[]> {
    return Promise.allSettled(commands.map(([command, ...args]) => this.ask(command, ...args)));
  }
}

/** Whether Redis does not let the user run the command, or does not know it. Managed services leave some out. */
export function isRefused(error: unknown): error is SessionStoreUnavailableError {
  return error instanceof SessionStoreUnavailableError && ['NOPERM', 'ERR'].includes(error.reason);
}

/** Why a user may not run a command. */
export type Refusal = 'command' | 'key' | 'no such command' | 'no such user';

/** By the words of Redis 6.2 to 8, since they have no code of their own. */
function refusalIn(message: string): Refusal | undefined {
  if (/access (?:the '.*' key|one of the keys)/s.test(message)) return 'key';
  if (/no permissions to run|NOPERM/.test(message)) return 'command';
  return /unknown command|Command '.*' not found/s.test(message) ? 'no such command' : undefined;
}

/** Whichever node has the key that a command names. */
export function anyNode(client: OwnClient): RedisNode {
  return new RedisNode(client);
}

/** The nodes that hold the keys: of a Cluster, its masters; else the only one. */
export function keyNodes(client: OwnClient): RedisNode[] {
  return ('nodes' in client ? client.nodes('master') : [client]).map((node) => new RedisNode(node));
}
