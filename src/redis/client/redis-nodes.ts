import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import type { StoreSettings } from '../../session/store/store-settings.js';
import { timeoutQueueOf, type QueuedTimeout, type TimeoutQueue } from '../../session/timeout-queue.js';
import { isReply, isTimeout, toStoreError } from './redis-errors.js';
import type { RedisPort } from './redis-port.js';
import { RedisProbe } from './redis-probe.js';

/** So many in a row, and a node is taken to be silent. One may be a command that took its time. */
const TIMEOUTS_UNTIL_OUTAGE = 2;
/** In ms, between two looks at whether a silent node has been replaced by another one. */
const REFRESH_INTERVAL = 1_000;

/** A node that has let somebody wait in vain since its last answer. */
interface SilentNode {
  timeouts: number;
  outage?: { end(): void };
}

/**
 * Knows which nodes of Redis have stopped answering, so that an outage is waited for by the first calls only: until the node answers
 * anything, all others fail at once, with the reason `outage`, and nothing of them is sent. In a Cluster this concerns the keys of that node.
 */
export class RedisNodes {
  readonly #silent = new Map<string, SilentNode>();

  readonly #port: RedisPort;

  /** After `deadline`, a call counts as not answered, where the client itself does not give it up before. */
  constructor(
    port: RedisPort,
    readonly settings: Pick<StoreSettings, 'deadline' | 'failures'>,
  ) {
    this.#port = port;
    port.hastenReconnecting();
  }

  /**
   * Sends a command on that key, unless its node is known to be silent. What it rejects with is safe to log.
   *
   * @param command what is told of it should it be refused
   */
  ask<T>(key: string, command: string | undefined, send: () => Promise<T>): Promise<T> {
    const call = this.begin(key, command);
    if (call === undefined) return Promise.reject(nothingSent());
    return send().then(
      (reply) => {
        call.replied();
        return reply;
      },
      (error: unknown) => {
        throw call.failed(error);
      },
    );
  }

  /** The same without a promise: the caller sends the command and reports to the call. `undefined` if the node is known to be silent; answer {@link nothingSent} then. */
  begin(key: string, command: string | undefined): NodeCall | undefined {
    if (this.#silent.size > 0 && this.#silent.get(this.#port.nodeOf(key))?.outage !== undefined) return undefined;
    return new NodeCall(this, key, command);
  }

  /** The node of that key has answered something. */
  noteAnswer(key: string): void {
    if (this.#silent.size > 0) this.#endOutage(this.#port.nodeOf(key));
  }

  /** The node of that key has let somebody wait in vain. */
  noteTimeout(key: string): void {
    const name = this.#port.nodeOf(key);
    const node = this.#silent.get(name) ?? { timeouts: 0 };
    this.#silent.set(name, node);
    node.timeouts++;
    if (node.timeouts >= TIMEOUTS_UNTIL_OUTAGE && node.outage === undefined) this.#beginOutage(name, node);
  }

  #beginOutage(name: string, node: SilentNode): void {
    const nodeClient = this.#port.nodeClient(name);
    // The Cluster has no client for this node right now, so it cannot be probed. The next command for it finds that out.
    if (nodeClient === undefined) return void this.#silent.delete(name);
    const end = () => this.#endOutage(name);
    const probe = new RedisProbe(nodeClient, () => this.#port.nodeClient(name), end);
    const refresh = this.#port.isCluster ? setInterval(() => this.#refresh(name), REFRESH_INTERVAL).unref() : undefined;
    const stopListening = this.#port.on('end', end);
    node.outage = {
      end: () => {
        stopListening();
        clearInterval(refresh);
        probe.stop();
      },
    };
  }

  #endOutage(name: string): void {
    const outage = this.#silent.get(name)?.outage;
    this.#silent.delete(name);
    outage?.end();
  }

  /** Another node may have taken over the slots of a silent one. A Cluster client looks every 5 s by itself. */
  #refresh(name: string): void {
    if (!this.#port.stillHasKeys(name)) this.#endOutage(name);
  }
}

/** One call that is under way to the node of a key. Exactly one of `replied` and `failed` is to be called, once. */
export class NodeCall implements QueuedTimeout {
  before: QueuedTimeout | undefined;
  after: QueuedTimeout | undefined;
  endsAt = 0;
  readonly #timeouts: TimeoutQueue;

  constructor(
    private readonly nodes: RedisNodes,
    private readonly key: string,
    private readonly command: string | undefined,
  ) {
    this.#timeouts = timeoutQueueOf(nodes.settings.deadline);
    this.#timeouts.add(this);
  }

  expire(): void {
    this.nodes.noteTimeout(this.key);
  }

  replied(): void {
    this.#timeouts.remove(this);
    this.nodes.noteAnswer(this.key);
    this.nodes.settings.failures.worked(this.command);
  }

  /** Answers with what is safe to log. */
  failed(error: unknown): SessionStoreUnavailableError {
    const isFirst = this.#timeouts.remove(this);
    if (isReply(error)) this.nodes.noteAnswer(this.key);
    else if (isFirst && isTimeout(error)) this.nodes.noteTimeout(this.key);
    return toStoreError(error, this.command);
  }
}

/** The error where a node is known to be silent. */
export function nothingSent(): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError('outage');
}
