import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { RedisSessionConfigError } from '../../redis-session.errors.js';
import { formOf, type ConnectionForm, type RedisClient, type RedisConnection } from './redis-connection.js';
import { withClusterDefaults, withRedisDefaults } from './redis-defaults.js';
import { warnOfEviction } from './connection-warnings.js';
import { closeClient } from './redis-closing.js';
import { hastenReconnecting } from './redis-reconnect.js';
import { limitOfflineQueue } from './redis-offline-queue.js';
import { logOutages } from './redis-outage.js';

export type { RedisClient, RedisConnection } from './redis-connection.js';

/** A client that is ready to be used, also while Redis is not. */
export interface OpenRedis {
  readonly client: RedisClient;
  /** Whether `close` ends the client: false for one that the application made. */
  readonly owned: boolean;
  /** Begins to connect, where that was left for later and somebody has taken the client. The first command does so too. */
  connect(): void;
  /** Takes our listeners off, and closes the client if it is ours, within `deadlineMs`. Never rejects. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Makes a client from the `redis` option, or takes the one given. It connects by itself and goes on trying for ever, so a Redis that is
 * down at start is no error here; options that cannot work are a `RedisSessionConfigError`.
 *
 * @param log gets one line per outage and one when it is over, and one when Redis evicts keys; they hold no password, address, key or data
 * @param when with `'later'`, a client of ours holds no socket before `connect` is called or a command is sent
 */
export function openRedis(connection: RedisConnection, log: (message: string) => void, when: 'now' | 'later' = 'now'): OpenRedis {
  const form = formOf(connection);
  if ('problem' in form) throw new RedisSessionConfigError([form.problem]);
  const owned = form.kind !== 'client';
  const client = clientOf(form, when === 'later');
  const stops = [logOutages(client, log), warnOfEviction(client, log), hastenReconnecting(client)];
  if (form.kind !== 'client' && form.options.enableOfflineQueue === undefined) limitOfflineQueue(client);

  let isTaken = false;
  let closing: Promise<void> | undefined;
  return {
    get client() {
      isTaken = true;
      return client;
    },
    owned,
    connect: () => {
      // What the application itself wants to connect late, connects with the first command.
      const isWaiting = isTaken && form.kind !== 'client' && form.options.lazyConnect === undefined && client.status === 'wait';
      if (isWaiting) client.connect().catch(() => undefined); // It goes on trying, and the outage is logged.
    },
    close: (deadlineMs) => {
      closing ??= close(deadlineMs);
      return closing;
    },
  };

  async function close(deadlineMs: number): Promise<void> {
    for (const stop of stops) stop();
    if (!owned) return;
    // Closing may bring up errors of its own, which ioredis would print if nobody listened.
    client.on('error', () => undefined);
    await closeClient(client, deadlineMs);
  }
}

function clientOf(form: ConnectionForm, isLazy: boolean): RedisClient {
  if (form.kind === 'client') return form.client;
  // Under exactOptionalPropertyTypes, the constructors' types do not take ioredis' own option types: `replyMapping` may be undefined there.
  const lazyConnect = form.options.lazyConnect ?? isLazy;
  if (form.kind === 'cluster')
    return new Cluster(form.nodes, { ...withClusterDefaults(form.options), lazyConnect } as ConstructorParameters<typeof Cluster>[1]);
  return new Redis({ ...withRedisDefaults(form.options), lazyConnect } as RedisOptions & { replyMapping?: 'legacy' });
}
