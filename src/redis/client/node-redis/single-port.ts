import type { NodeClient, RedisSubscriber } from '../redis-port.js';
import { Connection } from './connection.js';
import { NodeRedisNode } from './node-redis-node.js';
import { AS_TEXT, NodeRedisPort } from './node-redis-port.js';
import type { SingleClient } from './node-redis-types.js';
import { SingleSubscriber } from './subscribers.js';

/** The node of a client that has only one. */
const ONLY_NODE = '';

/** What `createClient` makes. */
export class SinglePort extends NodeRedisPort {
  readonly isCluster = false;

  readonly #connection: Connection;
  readonly #node: NodeClient;

  constructor(client: SingleClient) {
    super();
    this.#connection = new Connection(client);
    this.#node = new NodeRedisNode(this.#connection);
  }

  get isClosed(): boolean {
    return !this.#connection.client.isOpen;
  }

  get isReady(): boolean {
    return this.#connection.isReady;
  }

  protected get events() {
    return this.#connection.events;
  }

  protected send(args: readonly string[]): Promise<unknown> {
    return this.#connection.run(() => this.#connection.client.sendCommand(args, AS_TEXT));
  }

  protected senders() {
    return [(args: readonly string[]) => this.send(args)];
  }

  nodeOf(): string {
    return ONLY_NODE;
  }

  nodeClient(): NodeClient {
    return this.#node;
  }

  stillHasKeys(): boolean {
    return true;
  }

  subscriber(): RedisSubscriber {
    return new SingleSubscriber(async () => this.#connection.client);
  }
}
