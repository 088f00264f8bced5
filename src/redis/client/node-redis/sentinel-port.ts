import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENCE_MS } from '../offline-patience.js';
import type { FreshConnection, FreshQuestion, NodeClient, RedisSubscriber } from '../redis-port.js';
import { AS_TEXT, NodeRedisPort } from './node-redis-port.js';
import type { SentinelClient } from './node-redis-types.js';
import { PortEvents } from './port-events.js';
import { SentinelSubscriber } from './subscribers.js';

/** The node of a client that has only one. */
const ONLY_NODE = '';

/** In ms, between two looks at whether there is a master. */
const LOOK_INTERVAL = 20;

/** What `createSentinel` makes: it finds the master again by itself. */
export class SentinelPort extends NodeRedisPort {
  readonly isCluster = false;

  protected readonly events = new PortEvents();
  readonly #client: SentinelClient;
  readonly #node: NodeClient = this.#asNode();
  #troubledSince: number | undefined;

  constructor(client: SentinelClient) {
    super();
    this.#client = client;
    // An event `error` that nobody listens to ends the process. So this listener stays, as long as the client does.
    client.on('error', (error: unknown) => this.#fail(error));
    client.on('client-error', ({ type, error }: { type: string; error: unknown }) => type === 'MASTER' && this.#fail(error));
    client.on('end', () => this.events.emit('end'));
  }

  get isClosed(): boolean {
    return !this.#client.isOpen;
  }

  get isReady(): boolean {
    return this.#client.isOpen && this.#client.getMasterNode() !== undefined;
  }

  protected async send(args: readonly string[]): Promise<unknown> {
    if (!this.isReady) await this.#untilReady();
    const reply = await this.#client.sendCommand(false, args, AS_TEXT);
    if (this.#troubledSince !== undefined) this.#recover();
    return reply;
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
    return new SentinelSubscriber(this.#client);
  }

  /**
   * Waits for a master here, and no longer than an interruption that costs nobody an error. The client itself waits for as long as there is none and
   * carries the command out then; should it be closed meanwhile, it goes round without ever letting the process do anything else.
   */
  async #untilReady(): Promise<void> {
    this.#troubledSince ??= performance.now();
    while (!this.isReady) {
      if (this.isClosed || performance.now() - this.#troubledSince >= PATIENCE_MS) throw new Error('The client is not connected.');
      await sleep(LOOK_INTERVAL);
    }
  }

  #fail(error: unknown): void {
    const isFirst = this.#troubledSince === undefined;
    this.#troubledSince ??= performance.now();
    // The first one tells that a connection was broken, which may be mended at once.
    if (isFirst) this.events.emit('close');
    else this.events.emit('error', error);
  }

  #recover(): void {
    this.#troubledSince = undefined;
    this.events.emit('ready');
  }

  /** Its connections are its own: it is only asked, again and again. */
  #asNode(): NodeClient {
    const ping = () => this.ping();
    const isReady = () => this.isReady;
    return {
      get isReady() {
        return isReady();
      },
      ping,
      onReady: (listener) => this.events.on('ready', listener),
      reconnect: () => undefined,
      askAnew: ({ onConnected, onAnswer }: FreshQuestion): FreshConnection => {
        onConnected();
        ping().then(() => onAnswer(), onAnswer);
        return { drop: () => undefined };
      },
    };
  }
}
