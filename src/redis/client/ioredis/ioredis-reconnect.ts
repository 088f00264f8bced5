import type { Cluster, Redis } from 'ioredis';
import { FreshConnections, LOOK_INTERVAL, type FreshReply } from '../fresh-connections.js';
import { isClosed, reconnectNow } from './ioredis-connect-now.js';
import { IoredisNode } from './ioredis-node.js';

/**
 * In ms. How long a client that is connecting is waited for, once Redis has answered a connection that was begun later: then twice as long each
 * time. To that comes how long the answer took, several times: a client asks more before it is ready.
 */
const FIRST_LAST_LOOK = 100;
const MORE_QUESTIONS = 3;

const watched = new WeakSet<Redis>();

/**
 * Lets a client that has lost its connection come back as soon as Redis can be reached, and not only with its own next attempt: the pauses
 * between those grow (`retryStrategy`), and all requests fail meanwhile. Asks on connections of its own, so that the client's attempts are counted
 * as always. A client that has given up is left alone. Returns the function that ends it.
 */
export function hastenReconnecting(client: Redis | Cluster): () => void {
  if ('nodes' in client || watched.has(client)) return () => undefined;
  watched.add(client);
  const watch = new ReconnectWatch(client);
  client.on('reconnecting', watch.begin);
  client.on('connecting', watch.connecting);
  for (const event of ['ready', 'end']) client.on(event, watch.end);
  if (client.status === 'reconnecting') watch.begin();
  return () => {
    watched.delete(client);
    client.off('reconnecting', watch.begin);
    client.off('connecting', watch.connecting);
    for (const event of ['ready', 'end']) client.off(event, watch.end);
    watch.end();
  };
}

class ReconnectWatch {
  readonly #fresh: FreshConnections;
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Timeout | undefined;
  #lastLookMs = FIRST_LAST_LOOK;
  #connectingSince = 0;

  constructor(private readonly client: Redis) {
    this.#fresh = new FreshConnections(new IoredisNode(client), (reply) => this.#replied(reply));
  }

  // The first look comes later: one broken connection is mended at once, and what refuses every client must not be asked without a pause.
  readonly begin = (): void => {
    this.#timer ??= setInterval(() => this.#look(), LOOK_INTERVAL).unref();
  };

  readonly connecting = (): void => {
    this.#connectingSince = performance.now();
    clearTimeout(this.#lastLook);
    this.#lastLook = undefined;
  };

  readonly end = (): void => {
    clearInterval(this.#timer);
    clearTimeout(this.#lastLook);
    this.#timer = undefined;
    this.#lastLook = undefined;
    this.#lastLookMs = FIRST_LAST_LOOK;
    this.#fresh.stop();
  };

  #look(): void {
    if (isClosed(this.client)) this.end();
    else this.#fresh.look();
  }

  #replied({ isWell, begunAt }: FreshReply): void {
    if (!isWell || this.client.status === 'ready') return;
    if (this.client.status === 'reconnecting') return reconnectNow(this.client);
    // Packets of its attempt may be lost. One that began later says nothing about it.
    if (begunAt < this.#connectingSince || this.#lastLook !== undefined) return;
    this.#lastLook = setTimeout(
      () => {
        this.#lastLook = undefined;
        this.#lastLookMs *= 2;
        reconnectNow(this.client);
      },
      this.#lastLookMs + MORE_QUESTIONS * (performance.now() - begunAt),
    ).unref();
  }
}
