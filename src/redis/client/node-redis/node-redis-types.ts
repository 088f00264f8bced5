/**
 * By their shape, and only as far as this package uses it: an application may hold any copy of node-redis, 5 or 6, and its types tell apart modules,
 * scripts and protocols that are nothing to us.
 */
export interface NodeRedisEvents {
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
  once(event: string, listener: (...args: never[]) => void): unknown;
}

export interface CommandOptions {
  readonly typeMapping?: object;
  readonly timeout?: number;
  readonly abortSignal?: AbortSignal;
}

export interface SocketOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly tls?: boolean;
  readonly reconnectStrategy?: unknown;
  readonly socketTimeout?: number;
  readonly connectTimeout?: number;
}

export interface SingleOptions {
  readonly url?: string;
  readonly socket?: SocketOptions;
  readonly password?: string;
  readonly credentialsProvider?: object;
  readonly readonly?: boolean;
  readonly keyPrefix?: string;
  readonly disableOfflineQueue?: boolean;
  readonly commandsQueueMaxLength?: number;
  readonly commandOptions?: { readonly timeout?: number };
}

/** What `createClient` makes. */
export interface SingleClient extends NodeRedisEvents {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: SingleOptions | undefined;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: readonly string[], options?: CommandOptions): Promise<unknown>;
  duplicate(overrides: object): SingleClient;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
}

/** What a command has come to. */
export type Outcome = { readonly reply: unknown } | { readonly error: unknown };

/** What `createSentinel` makes. */
export interface SentinelClient extends NodeRedisEvents {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly commandOptions?: { readonly timeout?: number } | undefined;
  /** `undefined` while no connection to the master is ready. */
  getMasterNode(): object | undefined;
  connect(): Promise<unknown>;
  destroy(): Promise<void>;
  /** Not in the documents, but there in node-redis 5 and 6: what `sendCommand` does, with the connection to the master. */
  readonly _execute: (isReadonly: boolean, send: (node: Pick<SingleClient, 'sendCommand'>) => Promise<Outcome>) => Promise<Outcome>;
  subscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
  unsubscribe(channel: string, listener: (text: string) => void): Promise<unknown>;
}

export interface ClusterNode {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** Missing until it is needed, with `minimizeConnections`. */
  readonly client?: SingleClient | undefined;
}

export interface ClusterOptions {
  readonly rootNodes: readonly SingleOptions[];
  readonly defaults?: SingleOptions;
  readonly keyPrefix?: string;
  readonly useReplicas?: boolean;
  readonly commandOptions?: { readonly timeout?: number };
}

/** What `createCluster` makes. */
export interface ClusterClient extends NodeRedisEvents {
  readonly isOpen: boolean;
  /** Empty until it has connected. */
  readonly slots: readonly ({ readonly master: ClusterNode } | undefined)[];
  readonly masters: readonly ClusterNode[];
  nodeClient(node: ClusterNode): Promise<SingleClient>;
  sendCommand(key: string, isReadonly: boolean, args: readonly string[], options?: CommandOptions): Promise<unknown>;
}
