import { emitWarning, warnOnce } from '../../../session/warn-once.js';
import { timeoutQueueOf } from '../../../session/timeout-queue.js';
import { NOT_CONNECTED } from '../client-warnings.js';
import { PATIENCE_MS } from '../offline-patience.js';
import { isReply } from '../redis-errors.js';
import type { SingleClient } from './node-redis-types.js';
import { PortEvents } from './port-events.js';

/**
 * The connection of a client, or of one node of a Cluster. Sends nothing while it is broken: node-redis keeps what it cannot send, in version 5
 * for as long as Redis is away, and carries it out when nobody waits for it any more. A command waits here instead, and no longer than an
 * interruption that costs nobody an error.
 */
export class Connection {
  readonly events = new PortEvents();
  readonly #waiting = new Set<() => void>();
  #troubledSince: number | undefined;
  #wasReady: boolean;
  #wasOpen: boolean;
  /** What Redis has refused the last connection with. */
  #refusal: Error | undefined;

  constructor(readonly client: SingleClient) {
    this.#wasReady = client.isReady;
    this.#wasOpen = client.isOpen;
    client.on('connect', () => (this.#wasOpen = true));
    // An event `error` that nobody listens to ends the process. So this listener stays, as long as the client does.
    client.on('error', (error: unknown) => this.#fail(error));
    client.on('ready', () => this.#recover());
    client.on('end', () => this.#end());
  }

  get isReady(): boolean {
    return this.client.isReady;
  }

  run<T>(send: () => Promise<T>): Promise<T> {
    if (this.client.isReady) return send();
    if (!this.client.isOpen && !this.#wasOpen) warnOnce(emitWarning, NOT_CONNECTED);
    if (!this.client.isOpen || this.#hasWaitedEnough()) return this.#rejected();
    return new Promise((resolve, reject) => {
      const goOn = () => {
        timeout.end();
        this.#waiting.delete(goOn);
        (this.client.isReady ? send() : this.#rejected<T>()).then(resolve, reject);
      };
      const timeout = timeoutQueueOf(PATIENCE_MS).begin(goOn);
      this.#waiting.add(goOn);
    });
  }

  async #rejected<T>(): Promise<T> {
    throw this.#refusal ?? notConnected();
  }

  #hasWaitedEnough(): boolean {
    return this.#troubledSince !== undefined && performance.now() - this.#troubledSince >= PATIENCE_MS;
  }

  #fail(error: unknown): void {
    this.#refusal = error instanceof Error && isReply(error) ? error : undefined;
    this.#troubledSince ??= performance.now();
    // The first one tells that the connection was broken, which may be mended at once.
    if (this.#wasReady) this.events.emit('close');
    else this.events.emit('error', error);
    this.#wasReady = false;
    // `reconnectStrategy` has given up.
    if (!this.client.isOpen) this.#end();
  }

  #recover(): void {
    this.#troubledSince = undefined;
    this.#refusal = undefined;
    this.#wasReady = true;
    this.#goOn();
    this.events.emit('ready');
  }

  #end(): void {
    this.#goOn();
    this.events.emit('end');
  }

  #goOn(): void {
    for (const goOn of this.#waiting) goOn();
  }
}

/** For what is not sent, since there is no connection. */
export function notConnected(): Error {
  return new Error('The client is not connected.');
}
