import type { RedisConnection } from '../../src/redis/client/redis-client.js';
import type { SessionSettings } from '../../src/http/request/session-options.js';

/** What a process of the application is told when it starts. */
export interface ServerOrder {
  readonly redis: RedisConnection;
  readonly middleware: SessionSettings['middleware'];
}

/** What a session holds, as `/me` tells it. */
export interface Contents {
  /** Who is signed in; `null` for nobody. */
  readonly user: string | null;
  /** Entry name to the serial number that was last written. */
  readonly entries: Readonly<Record<string, number>>;
  readonly count: number;
  readonly handle: string;
}
