/** What a server of `npm run bench:sockets` is to do. */
export interface SocketOrder {
  readonly redis: string;
  readonly secret: string;
  readonly kind: 'ws' | 'socket.io';
  readonly withSessions: boolean;
}

/** What it answers. */
export interface SocketUsage {
  /** In bytes. */
  readonly heap: number;
  /** Parts of one core since it was last asked. */
  readonly cpu: number;
  /** How many sessions it watches. */
  readonly watched: number;
}
