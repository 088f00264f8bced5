import { kindOf } from '../../session/option-checks.js';
import { IoredisPort } from './ioredis/ioredis-port.js';
import { isIoredis } from './ioredis/is-ioredis.js';
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

function makePort(client: RedisClient): RedisPort {
  if (isIoredis(client)) return new IoredisPort(client);
  throw new TypeError(`No Redis client: ${kindOf(client)}`);
}
