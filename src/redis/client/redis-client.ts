import { RedisSessionConfigError } from '../../redis-session.errors.js';
import { warnOnce } from '../../session/warn-once.js';
import { NOT_CONNECTED } from './client-warnings.js';
import { warnOfEviction } from './connection-warnings.js';
import { closeIoredis } from './ioredis/ioredis-closing.js';
import { limitOfflineQueue } from './ioredis/ioredis-offline-queue.js';
import { makeClient } from './ioredis/make-client.js';
import type { OwnClient } from './ioredis/ioredis-types.js';
import { redisPortOf } from './redis-clients.js';
import { formOf, type RedisClient, type RedisConnection } from './redis-connection.js';
import { logOutages } from './redis-outage.js';
import type { RedisPort } from './redis-port.js';

export type { RedisClient, RedisConnection } from './redis-connection.js';

/** A client that is ready to be used, also while Redis is not. */
export interface OpenRedis<Client extends RedisClient = RedisClient> {
  /** As the application knows it. */
  readonly client: Client;
  /** As this package uses it. */
  readonly port: RedisPort;
  /** Whether `close` ends the client: false for one that the application made. */
  readonly owned: boolean;
  /** Begins to connect, where that was left for later and somebody has taken the client. The first command does so too. */
  connect(): void;
  /** Takes our listeners off, and closes the client if it is ours, within `deadlineMs`. Never rejects. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Makes a client of ioredis from the `redis` option, or takes the one given. One that it makes connects by itself and goes on trying for ever,
 * so a Redis that is down at start is no error here; options that cannot work are a `RedisSessionConfigError`.
 *
 * @param log gets one line per outage and one when it is over, and one when Redis evicts keys; they hold no password, address, key or data
 * @param when with `'later'`, a client of ours holds no socket before `connect` is called or a command is sent
 */
export function openRedis<Client extends RedisClient>(
  connection: Client,
  log: (message: string) => void,
  when?: 'now' | 'later',
): Promise<OpenRedis<Client>>;
export function openRedis(
  connection: Exclude<RedisConnection, RedisClient>,
  log: (message: string) => void,
  when?: 'now' | 'later',
): Promise<OpenRedis<OwnClient>>;
export function openRedis(connection: RedisConnection, log: (message: string) => void, when?: 'now' | 'later'): Promise<OpenRedis>;
export async function openRedis(
  connection: RedisConnection,
  log: (message: string) => void,
  when: 'now' | 'later' = 'now',
): Promise<OpenRedis> {
  const form = formOf(connection);
  if ('problem' in form) throw new RedisSessionConfigError([form.problem]);
  if (form.kind === 'client') return watched(form.client, log);
  const client = await makeClient(form, when === 'later');
  if (form.options.enableOfflineQueue === undefined) limitOfflineQueue(client);
  // What the application itself wants to connect late, connects with the first command.
  const connectsLater = form.options.lazyConnect === undefined;
  return watched(client, log, {
    connect: () => {
      // It goes on trying, and the outage is logged.
      if (connectsLater && client.status === 'wait') client.connect().catch(() => undefined);
    },
    close: async (deadlineMs) => {
      // Closing may bring up errors of its own, which ioredis would print if nobody listened.
      client.on('error', () => undefined);
      await closeIoredis(client, deadlineMs);
    },
  });
}

/** @param own what is done with a client that is ours; nothing with one of the application */
function watched(client: RedisClient, log: (message: string) => void, own?: Pick<OpenRedis, 'connect' | 'close'>): OpenRedis {
  const port = redisPortOf(client);
  // Its own log, and not that of the process, where both would say it.
  const warnUnlessConnected = () => {
    if (own === undefined && port.isClosed) warnOnce(log, NOT_CONNECTED);
  };
  const stops = [logOutages(port, log), warnOfEviction(port, log), port.hastenReconnecting()];
  let isTaken = false;
  let closing: Promise<void> | undefined;
  const take = <T>(what: T): T => {
    isTaken = true;
    return what;
  };
  return {
    get client() {
      return take(client);
    },
    get port() {
      return take(port);
    },
    owned: own !== undefined,
    connect: () => {
      if (isTaken) own?.connect();
      warnUnlessConnected();
    },
    close: (deadlineMs) => {
      closing ??= close(deadlineMs);
      return closing;
    },
  };

  async function close(deadlineMs: number): Promise<void> {
    for (const stop of stops) stop();
    await own?.close(deadlineMs);
  }
}
