import { RedisSessionConfigError } from '../../redis-session.errors.js';
import { clientProblems } from './connection-problems.js';
import { IoredisPort } from './ioredis/ioredis-port.js';
import { isIoredis } from './ioredis/is-ioredis.js';
import { ClusterPort } from './node-redis/cluster-port.js';
import { nodeRedisOf } from './node-redis/is-node-redis.js';
import { SentinelPort } from './node-redis/sentinel-port.js';
import { SinglePort } from './node-redis/single-port.js';
import type { RedisClient } from './redis-connection.js';
import type { RedisPort } from './redis-port.js';

const ports = new WeakMap<object, RedisPort>();

/** What this package asks of that client: one port for all who use it. */
export function redisPortOf(client: RedisClient): RedisPort {
  const known = ports.get(client);
  if (known !== undefined) return known;
  const port = makePort(client);
  ports.set(client, port);
  return port;
}

/** Whether that is a client that this package can use. */
export function isRedisClient(value: unknown): value is RedisClient {
  const nodeRedis = nodeRedisOf(value);
  return isIoredis(value) || (nodeRedis !== undefined && 'client' in nodeRedis);
}

function makePort(client: RedisClient): RedisPort {
  if (isIoredis(client)) return new IoredisPort(client);
  const known = nodeRedisOf(client);
  if (known?.made === 'createClient') return new SinglePort(known.client);
  if (known?.made === 'createSentinel') return new SentinelPort(known.client);
  if (known?.made === 'createCluster') return new ClusterPort(known.client);
  throw new RedisSessionConfigError(clientProblems(client));
}
