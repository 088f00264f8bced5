import type { SingleClient } from './node-redis-types.js';

/**
 * A connection of ours, made like one of the application's client. It makes no second attempt.
 *
 * @param connectTimeout in ms
 */
export class OwnConnection {
  readonly client: SingleClient;
  #isConnected = false;
  #isConnecting = false;
  #isEnded = false;

  constructor(model: SingleClient, connectTimeout: number) {
    this.client = model.duplicate({
      socket: { ...model.options?.socket, connectTimeout, socketTimeout: undefined, reconnectStrategy: false },
      disableOfflineQueue: false,
      clientSideCache: undefined,
      pingInterval: undefined,
    });
    this.client.on('error', () => undefined); // `connect` rejects with it.
    this.client.once('connect', () => {
      this.#isConnected = true;
    });
  }

  async connect(): Promise<void> {
    this.#isConnecting = true;
    await this.client.connect();
  }

  /** Leaves nothing behind. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // Until it is connected, node-redis does not know the socket that would have to be destroyed.
    if (this.#isConnected || !this.#isConnecting) this.#destroy();
    else this.client.once('connect', () => this.#destroy());
  }

  #destroy(): void {
    if (this.client.isOpen) this.client.destroy();
  }
}
