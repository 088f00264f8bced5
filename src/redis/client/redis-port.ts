import type { BatchedCommand } from './batched-command.js';

/**
 * All that this package asks of a Redis client, whichever library it is of. One instance for each client: `redisPortOf`.
 *
 * What it rejects with is the library's own error, which may hold a key or an address: to be made a store error (`toStoreError`) before it
 * goes anywhere.
 */
export interface RedisPort {
  readonly isCluster: boolean;
  /** Whether commands go out at once. */
  readonly isReady: boolean;
  /** Whether it does not connect by itself: it has not been connected yet, or was closed, or has given up for good. */
  readonly isClosed: boolean;

  /** Sends commands in one write where they have one node, and to the node of each key in a Cluster. */
  sendTogether(commands: readonly BatchedCommand[]): void;
  get(key: string): Promise<string | null>;
  /** Deletes keys; answers with how many there were. */
  unlink(keys: readonly string[]): Promise<number>;
  /**
   * Names the keys that match a pattern, of every master, some at a time: a key may come twice. Rejects when one cannot be reached.
   *
   * @param count as `COUNT` of `SCAN`: how much Redis looks at in one step
   * @param type as `TYPE`: what the keys hold; they may hold something else by the time that they are read
   */
  scan(pattern: string, count: number, type?: string): AsyncIterable<readonly string[]>;
  /** Seconds, and microseconds. Asks any node. */
  time(): Promise<readonly (string | number)[]>;
  ping(): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  /** The nodes that sessions are written to: each master of a Cluster, or the one node. Not all of them while the client {@link missesNode}. */
  writtenNodes(): readonly WrittenNode[];
  /** Whether a Cluster client has dropped a master that it cannot reach: as long as it has none for it, the keys there seem not to be. */
  readonly missesNode: boolean;

  /** Returns the function that ends it. */
  on<Event extends keyof RedisPortEvents>(event: Event, listener: RedisPortEvents[Event]): () => void;
  /** Lets a client that has lost its connection come back as soon as Redis can be reached, where the library allows. Returns the function that ends it. */
  hastenReconnecting(): () => void;

  /** The name of the node that a key lies on; the same for every key where there is only one. */
  nodeOf(key: string): string;
  /** The client of a node as it is now; a Cluster makes others in time. `undefined` while it has none. */
  nodeClient(name: string): NodeClient | undefined;
  /** Whether a node still has keys. Lets a Cluster look anew at who has which. */
  stillHasKeys(name: string): boolean;

  /** A connection of its own, made like those of the client. `undefined` while a Cluster knows no node. */
  subscriber(): RedisSubscriber | undefined;
}

/** What befalls the connection of a client. */
export interface RedisPortEvents {
  /** Redis cannot be reached, or refuses the connection. */
  error: (error: unknown) => void;
  /** A connection has ended. */
  close: () => void;
  ready: () => void;
  /** The client is closed, or has given up for good. */
  end: () => void;
}

/** A node that sessions are written to. */
export interface WrittenNode {
  /** What it says about itself. Rejects when it does not answer, or refuses. */
  info(): Promise<string>;
}

/** The client of one node, as far as it takes to find out whether the node answers. */
export interface NodeClient {
  readonly isReady: boolean;
  ping(): Promise<unknown>;
  /** Returns the function that ends it. */
  onReady(listener: () => void): () => void;
  /** Makes a new connection at once. Never brings back a client that was closed. */
  reconnect(): void;
  /** Asks one question on a connection of its own, and makes no second attempt. */
  askAnew(told: FreshQuestion): FreshConnection;
}

/** What the asker of a question is told. */
export interface FreshQuestion {
  readonly onConnected: () => void;
  /** Called with an error when Redis refuses, and when it cannot be reached. */
  readonly onAnswer: (error?: unknown) => void;
}

export interface FreshConnection {
  /** Leaves nothing behind. */
  drop(): void;
}

/** A connection that does nothing but listen to a channel. */
export interface RedisSubscriber {
  /** Connects first. Rejects when either fails; then `close` it. */
  subscribe(channel: string, onMessage: (text: string) => void): Promise<void>;
  /** The listener is called once, when the connection has ended and is not coming back by itself. */
  onEnd(listener: () => void): void;
  /** Ends it without a word. */
  disconnect(): void;
  /** Ends it politely, and in any case before the deadline. Never rejects. */
  close(deadlineMs: number): Promise<void>;
}
