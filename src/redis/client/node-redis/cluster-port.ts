import { emitWarning, warnOnce } from '../../../session/warn-once.js';
import { NOT_CONNECTED } from '../client-warnings.js';
import { slotOf } from '../key-slot.js';
import type { NodeClient, RedisSubscriber } from '../redis-port.js';
import { Connection, notConnected } from './connection.js';
import { NodeRedisNode } from './node-redis-node.js';
import { AS_TEXT, NodeRedisPort } from './node-redis-port.js';
import type { ClusterClient, ClusterNode, CommandOptions, SingleClient } from './node-redis-types.js';
import { PortEvents } from './port-events.js';
import { SingleSubscriber } from './subscribers.js';

const UNKNOWN_NODE = '';
/** In ms, between two looks at which node has which keys. */
const LOOK_INTERVAL = 1_000;

/** What `createCluster` makes. */
export class ClusterPort extends NodeRedisPort {
  readonly isCluster = true;

  protected readonly events = new PortEvents();
  readonly #client: ClusterClient;
  readonly #connections = new WeakMap<SingleClient, Connection>();
  #lookedAt = -LOOK_INTERVAL;
  #wasOpen: boolean;

  constructor(client: ClusterClient) {
    super();
    this.#client = client;
    this.#wasOpen = client.isOpen;
    client.on('connect', () => (this.#wasOpen = true));
    // An event `error` that nobody listens to ends the process. So this listener stays, as long as the client does.
    client.on('error', (error: unknown) => this.#failed('error', error));
    client.on('disconnect', () => this.events.emit('end'));
  }

  get isClosed(): boolean {
    return !this.#client.isOpen;
  }

  get isReady(): boolean {
    return this.#client.isOpen && this.#client.masters.some(({ client }) => client?.isReady === true);
  }

  protected send(args: readonly string[], key?: string): Promise<unknown> {
    if (key === undefined) return this.#sendTo(this.#anyMaster(), args, AS_TEXT);
    if (!this.#client.isOpen) return this.#closed();
    const { client } = this.#client.slots[slotOf(key)]?.master ?? {};
    const send = () => this.#client.sendCommand(key, false, args, AS_TEXT);
    // It connects to a node when it is first needed, with `minimizeConnections`.
    return client === undefined ? send() : this.#connectionOf(client).run(send);
  }

  protected senders() {
    return this.#client.masters.map((node) => (args: readonly string[], options: CommandOptions) => this.#sendTo(node, args, options));
  }

  nodeOf(key: string): string {
    return this.#client.slots[slotOf(key)]?.master.address ?? UNKNOWN_NODE;
  }

  nodeClient(name: string): NodeClient | undefined {
    const { client } = this.#client.masters.find(({ address }) => address === name) ?? {};
    return client && new NodeRedisNode(this.#connectionOf(client));
  }

  stillHasKeys(name: string): boolean {
    this.#lookAnew();
    return this.#client.masters.some(({ address }) => address === name);
  }

  subscriber(): RedisSubscriber | undefined {
    const node = this.#anyMaster();
    // Each node is told what is published on any.
    return node && new SingleSubscriber(() => this.#client.nodeClient(node));
  }

  async #sendTo(node: ClusterNode | undefined, args: readonly string[], options: CommandOptions): Promise<unknown> {
    if (node === undefined) return this.#closed();
    const client = await this.#client.nodeClient(node);
    return this.#connectionOf(client).run(() => client.sendCommand(args, options));
  }

  async #closed(): Promise<never> {
    if (!this.#client.isOpen && !this.#wasOpen) warnOnce(emitWarning, NOT_CONNECTED);
    throw notConnected();
  }

  #anyMaster(): ClusterNode | undefined {
    const { masters } = this.#client;
    const ready = masters.filter(({ client }) => client?.isReady === true);
    const among = ready.length > 0 ? ready : masters;
    return among[Math.floor(Math.random() * among.length)];
  }

  #connectionOf(client: SingleClient): Connection {
    const known = this.#connections.get(client);
    if (known !== undefined) return known;
    const connection = new Connection(client);
    connection.events.on('close', () => this.#failed('close'));
    connection.events.on('error', (error) => this.#failed('error', error));
    connection.events.on('ready', () => this.events.emit('ready'));
    this.#connections.set(client, connection);
    return connection;
  }

  /** While another node answers, this is no outage of Redis. */
  #failed(event: 'error' | 'close', error?: unknown): void {
    if (!this.isReady) this.events.emit(event, error);
    if (event === 'error') this.#lookAnew();
  }

  /** Another node may have taken over the keys of one that is gone, which version 5 learns from nothing but a redirection. */
  #lookAnew(): void {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_INTERVAL) return;
    this.#lookedAt = now;
    const ready = this.#client.masters.find(({ client }) => client?.isReady === true);
    if (ready?.client !== undefined)
      slotsOf(this.#client)
        ?.rediscover(ready.client)
        .catch(() => undefined); // The outage is logged.
  }
}

/** Not in its types, but there in node-redis 5 and 6. */
function slotsOf(client: ClusterClient): { rediscover(from: SingleClient): Promise<unknown> } | undefined {
  const { _slots: slots } = client as unknown as { _slots?: { rediscover(from: SingleClient): Promise<unknown> } };
  return slots;
}
