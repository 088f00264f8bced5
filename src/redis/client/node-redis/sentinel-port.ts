import { setTimeout as sleep } from 'node:timers/promises';
import { emitWarning, warnOnce } from '../../../session/warn-once.js';
import { NOT_CONNECTED } from '../client-warnings.js';
import { PATIENCE_MS } from '../offline-patience.js';
import type { FreshConnection, FreshQuestion, NodeClient, RedisSubscriber } from '../redis-port.js';
import { isReadOnly, isReply } from '../redis-errors.js';
import { notConnected } from './connection.js';
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
  #wasOpen = false;
  /** What Redis has refused the last connection with. */
  #refusal: Error | undefined;

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
    this.#wasOpen ||= this.#client.isOpen;
    return this.#client.isOpen && this.#client.getMasterNode() !== undefined;
  }

  protected async send(args: readonly string[]): Promise<unknown> {
    if (!this.isReady) await this.#untilReady();
    const reply = await this.#sendOnce(args);
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
   * The client itself sends a command again when its connection broke, also one that Redis has carried out: it must not see that error. What a
   * replica has refused was not carried out, and is sent to the master that the client finds then.
   */
  async #sendOnce(args: readonly string[]): Promise<unknown> {
    // Version 5 has its `commandOptions` and does not use them.
    const options = { ...this.#client.commandOptions, ...AS_TEXT };
    const { _execute: execute } = this.#client;
    const outcome = await execute.call(this.#client, false, async (node) => {
      try {
        return { reply: await node.sendCommand(args, options) };
      } catch (error) {
        if (isReadOnly(error)) throw error;
        return { error };
      }
    });
    if ('error' in outcome) throw outcome.error;
    return outcome.reply;
  }

  /**
   * Waits for a master here, and no longer than an interruption that costs nobody an error. The client itself waits for as long as there is none and
   * carries the command out then; should it be closed meanwhile, it goes round without ever letting the process do anything else.
   */
  async #untilReady(): Promise<void> {
    this.#troubledSince ??= performance.now();
    while (!this.isReady) {
      if (this.isClosed || performance.now() - this.#troubledSince >= PATIENCE_MS) {
        if (!this.#wasOpen) warnOnce(emitWarning, NOT_CONNECTED);
        throw this.#refusal ?? notConnected();
      }
      await sleep(LOOK_INTERVAL);
    }
  }

  #fail(error: unknown): void {
    this.#refusal = error instanceof Error && isReply(error) ? error : undefined;
    const isFirst = this.#troubledSince === undefined;
    this.#troubledSince ??= performance.now();
    // The first one tells that a connection was broken, which may be mended at once.
    if (isFirst) this.events.emit('close');
    else this.events.emit('error', error);
  }

  #recover(): void {
    this.#troubledSince = undefined;
    this.#refusal = undefined;
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
