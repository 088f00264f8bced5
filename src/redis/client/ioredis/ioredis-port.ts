import type { Cluster, Redis } from 'ioredis';
import { attempt, deliver, fail, type BatchedCommand, type BatchedName } from '../batched-command.js';
import { slotOf } from '../key-slot.js';
import type { NodeClient, RedisPort, RedisPortEvents, RedisSubscriber } from '../redis-port.js';
import { IoredisNode } from './ioredis-node.js';
import { hastenReconnecting } from './ioredis-reconnect.js';
import { IoredisSubscriber } from './ioredis-subscriber.js';

/** The node of a client that has only one. */
const ONLY_NODE = '';

/** A client of ioredis, or of iovalkey, which is one of ioredis 5 by another name. */
export class IoredisPort implements RedisPort {
  readonly isCluster: boolean;

  readonly #client: Redis | Cluster;

  constructor(client: Redis | Cluster) {
    this.#client = client;
    this.isCluster = client.isCluster;
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  get isClosed(): boolean {
    return this.#client.status === 'end';
  }

  sendTogether(commands: readonly BatchedCommand[]): void {
    if (this.#client.options.enableAutoPipelining !== true) this.#sendEach(commands);
    else if (this.isCluster) for (const command of commands) attempt(command, () => this.#sendByPipeline([command]));
    else this.#sendByPipeline(commands);
  }

  get(key: string): Promise<string | null> {
    return this.#client.get(key);
  }

  unlink(keys: readonly string[]): Promise<number> {
    if (!this.isCluster) return this.#client.unlink(...keys);
    return Promise.all(keys.map((key) => this.#client.unlink(key))).then((counts) => counts.reduce((sum, count) => sum + count, 0));
  }

  async *scan(pattern: string, count: number, type?: string): AsyncGenerator<readonly string[]> {
    if (this.missesNode) throw closed();
    for (const master of this.writtenNodes()) {
      let cursor = '0';
      do {
        const [next, keys] = await (type === undefined
          ? master.scan(cursor, 'MATCH', pattern, 'COUNT', count)
          : master.scan(cursor, 'MATCH', pattern, 'COUNT', count, 'TYPE', type));
        cursor = next;
        yield keys;
      } while (cursor !== '0');
    }
  }

  time(): Promise<readonly (string | number)[]> {
    return this.#client.time();
  }

  ping(): Promise<unknown> {
    return this.#client.ping();
  }

  publish(channel: string, message: string): Promise<unknown> {
    return this.#client.publish(channel, message);
  }

  writtenNodes(): readonly Redis[] {
    return 'nodes' in this.#client ? this.#client.nodes('master') : [this.#client];
  }

  get missesNode(): boolean {
    const client = this.#client;
    if (!('slots' in client)) return false;
    const present = new Set(client.nodes('master').map(({ options: { host, port } }) => `${host}:${port}`));
    return client.slots.some(([master]) => master !== undefined && !present.has(master));
  }

  on<Event extends keyof RedisPortEvents>(event: Event, listener: RedisPortEvents[Event]): () => void {
    this.#client.on(event, listener);
    return () => this.#client.off(event, listener);
  }

  hastenReconnecting(): () => void {
    return hastenReconnecting(this.#client);
  }

  nodeOf(key: string): string {
    return 'slots' in this.#client ? (this.#client.slots[slotOf(key)]?.[0] ?? ONLY_NODE) : ONLY_NODE;
  }

  nodeClient(name: string): NodeClient | undefined {
    const client =
      'nodes' in this.#client
        ? this.#client.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === name)
        : this.#client;
    return client && new IoredisNode(client);
  }

  stillHasKeys(name: string): boolean {
    if (!('slots' in this.#client)) return true;
    this.#client.refreshSlotsCache();
    return this.#client.slots.some(([master]) => master === name);
  }

  subscriber(): RedisSubscriber | undefined {
    const masters = this.writtenNodes();
    // In a Cluster, each node is told what is published on any.
    const node = masters[Math.floor(Math.random() * masters.length)];
    return node && new IoredisSubscriber(node);
  }

  /** In one write to the socket. A pipeline of ioredis does that too, for a quarter more CPU time. */
  #sendEach(commands: readonly BatchedCommand[]): void {
    // A Cluster has none of its own, and a client none before it connects for the first time.
    const { stream } = this.#client as Partial<Redis>;
    stream?.cork();
    try {
      for (const command of commands) attempt(command, () => this.#send(command));
    } finally {
      stream?.uncork();
    }
  }

  #send(command: BatchedCommand): void {
    command.onSend?.();
    methodsOf(this.#client)
      [command.name](...command.args)
      .then(
        (reply) => deliver(command, reply),
        (error: unknown) => fail(command, error),
      );
  }

  /**
   * Past the client's automatic pipeline, which costs more. In a Cluster, up to ioredis 5.10, that takes the first argument for the key, which here is the
   * script, and sends what belongs to other nodes along; a pipeline of one's own finds the key.
   */
  #sendByPipeline(commands: readonly BatchedCommand[]): void {
    const pipeline = methodsOf(this.#client.pipeline());
    const sent = commands.filter((command) => attempt(command, () => this.#addTo(pipeline, command)));
    const failAll = (error: unknown) => {
      for (const command of sent) fail(command, error);
    };
    pipeline.exec().then((replies) => {
      if (replies === null) return failAll(closed());
      for (const [index, command] of sent.entries()) {
        const [error, reply] = replies[index] ?? [closed()];
        if (error === null || error === undefined) deliver(command, reply);
        else command.onError(error);
      }
    }, failAll);
  }

  #addTo(pipeline: BatchMethods<unknown>, command: BatchedCommand): void {
    command.onSend?.();
    pipeline[command.name](...command.args);
  }
}

type BatchMethods<Result> = Readonly<Record<BatchedName, (...args: readonly (string | number)[]) => Result>>;

/** The same object. Its own types tell apart how many arguments each method is called with, which we only know as a list. */
function methodsOf<Target extends object>(target: Target): Target & BatchMethods<Promise<unknown>> {
  return target as Target & BatchMethods<Promise<unknown>>;
}

function closed(): Error {
  return new Error('Connection is closed.');
}
