import { attempt, deliver, fail, type BatchedCommand } from '../batched-command.js';
import { noReply } from '../redis-errors.js';
import type { NodeClient, RedisPort, RedisPortEvents, RedisSubscriber, WrittenNode } from '../redis-port.js';
import type { CommandOptions } from './node-redis-types.js';
import type { PortEvents } from './port-events.js';

/** The texts that Redis sends, whatever the application wants to be given in its own commands. */
export const AS_TEXT: CommandOptions = { typeMapping: {} };

type Send = (args: readonly string[], options: CommandOptions) => Promise<unknown>;

/** A client of node-redis 5 or 6. It writes in one go what is sent in one turn of the event loop. */
export abstract class NodeRedisPort implements RedisPort {
  abstract readonly isCluster: boolean;
  abstract readonly isReady: boolean;
  abstract readonly isClosed: boolean;
  protected abstract readonly events: PortEvents;

  /** To the node of the key, or to any that is written to. */
  protected abstract send(args: readonly string[], key?: string): Promise<unknown>;
  /** What sends to each node that is written to. */
  protected abstract senders(): readonly Send[];
  abstract nodeOf(key: string): string;
  abstract nodeClient(name: string): NodeClient | undefined;
  abstract stillHasKeys(name: string): boolean;
  abstract subscriber(): RedisSubscriber | undefined;

  sendTogether(commands: readonly BatchedCommand[]): void {
    for (const command of commands)
      attempt(command, () => {
        command.onSend?.();
        const { name, args, key } = command;
        this.send([name, ...args.map(String)], key).then(
          (reply) => deliver(command, name === 'hgetall' ? hashOf(reply) : reply),
          (error: unknown) => fail(command, error),
        );
      });
  }

  async get(key: string): Promise<string | null> {
    return textOrNull(await this.send(['GET', key], key));
  }

  async unlink(keys: readonly string[]): Promise<number> {
    const counts = await Promise.all(keys.map((key) => this.send(['UNLINK', key], key)));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  async *scan(pattern: string, count: number, type?: string): AsyncGenerator<readonly string[]> {
    const args = ['MATCH', pattern, 'COUNT', String(count), ...(type === undefined ? [] : ['TYPE', type])];
    for (const send of this.senders()) {
      let cursor = '0';
      do {
        const [next, keys] = listOf(await send(['SCAN', cursor, ...args], AS_TEXT));
        cursor = String(next);
        yield listOf(keys).map(String);
      } while (cursor !== '0');
    }
  }

  async time(): Promise<readonly (string | number)[]> {
    return listOf(await this.send(['TIME'])).map(String);
  }

  ping(): Promise<unknown> {
    return this.send(['PING']);
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.send(['PUBLISH', channel, message]);
  }

  writtenNodes(): readonly WrittenNode[] {
    return this.senders().map((send) => ({ info: async () => String(await send(['INFO'], AS_TEXT)) }));
  }

  /** It keeps those that it cannot reach. */
  get missesNode(): boolean {
    return false;
  }

  on<Event extends keyof RedisPortEvents>(event: Event, listener: RedisPortEvents[Event]): () => void {
    return this.events.on(event, listener);
  }

  /** It cannot be told to connect sooner than its `reconnectStrategy` says. */
  hastenReconnecting(): () => void {
    return () => undefined;
  }
}

/** A hash comes as a list of names and values in RESP2, and as an object or a `Map` in RESP3. */
function hashOf(reply: unknown): unknown {
  if (reply instanceof Map) return withoutPrototype(reply);
  if (!Array.isArray(reply)) return reply;
  const pairs: [unknown, unknown][] = [];
  for (let index = 0; index < reply.length; index += 2) pairs.push([reply[index], reply[index + 1]]);
  return withoutPrototype(pairs);
}

/** So that a field may have any name, `__proto__` too. */
function withoutPrototype(pairs: Iterable<[unknown, unknown]>): object {
  const hash: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of pairs) hash[String(name)] = value;
  return hash;
}

function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw noReply();
  return reply;
}

function textOrNull(reply: unknown): string | null {
  if (reply !== null && typeof reply !== 'string') throw noReply();
  return reply;
}
