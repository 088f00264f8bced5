import { nodeRedisOf } from './node-redis/is-node-redis.js';
import { settingsOf, type NodeRedisSettings } from './node-redis/client-options.js';
import type { RedisClient } from './redis-connection.js';

/** Said once where the client of an application is used before it was connected. */
export const NOT_CONNECTED =
  'The Redis client is not connected, so no session can be loaded or stored: a client of node-redis connects only when it is told to. Call client.connect() before the application starts.';

/**
 * Settings of an application's client that would make answers late or dishonest when Redis fails, one sentence each. A client of ioredis has none that
 * this package does not set right for its own commands.
 *
 * @param deadline in ms, as `store.deadline`
 */
export function clientWarnings(client: RedisClient, deadline: number): string[] {
  const nodeRedis = nodeRedisOf(client);
  const settings = nodeRedis && settingsOf(nodeRedis);
  if (settings === undefined) return [];
  return [...offlineQueue(settings), ...commandTimeout(settings, deadline), ...givingUp(settings)];
}

function offlineQueue({ isKnown, node, place }: NodeRedisSettings): string[] {
  if (!isKnown || node.disableOfflineQueue === true) return [];
  const many = node.commandsQueueMaxLength === undefined ? 'any number of commands ("commandsQueueMaxLength" is not set)' : 'commands';
  return [
    `The Redis client keeps ${many} while it has no connection, and carries them out when Redis is back, also those whose requests were answered with 503. Create it with ${setting(place, 'disableOfflineQueue: true')}.`,
  ];
}

function commandTimeout({ timeout }: NodeRedisSettings, deadline: number): string[] {
  if (timeout !== undefined && timeout > 0 && timeout <= deadline) return [];
  const now = timeout === undefined ? 'is not set, and is then endless in node-redis 5 and 5000 ms in 6' : `is ${timeout} ms`;
  return [
    `The Redis client may carry out a command after nobody waits for it any more: "commandOptions.timeout" ${now}, and a request waits for ${deadline} ms. Create it with commandOptions: { timeout: ${Math.min(500, deadline)} }.`,
  ];
}

/** Of a strategy that is a function, nothing is known. */
function givingUp({ node, place }: NodeRedisSettings): string[] {
  // Not of the root nodes of a Cluster: node-redis itself writes `false` into their options, and asks them once.
  const { reconnectStrategy, socketTimeout } = node.socket ?? {};
  const cure = setting(place, 'socket: { reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 2000) }');
  if (reconnectStrategy === false)
    return [
      `The Redis client gives up for good when its connection breaks ("socket.reconnectStrategy" is false): no session can be loaded from then on. Create it with ${cure}.`,
    ];
  if (socketTimeout !== undefined && reconnectStrategy === undefined)
    return [
      `The Redis client gives up for good when Redis has had nothing to say for ${socketTimeout} ms ("socket.socketTimeout" without a "reconnectStrategy"): no session can be loaded from then on. Create it with ${cure}.`,
    ];
  return [];
}

function setting(place: NodeRedisSettings['place'], text: string): string {
  return place === '' ? text : `${place.slice(0, -1)}: { ${text} }`;
}
