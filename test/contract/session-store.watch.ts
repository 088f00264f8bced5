import type { Redis } from 'ioredis';
import type { RedisClient } from '../../src/redis/redis-client.js';

/**
 * The client, with something done before each script, and each key looked at after it: one that exists without a TTL is a problem, even
 * when a later call would mend it.
 */
export function watched(
  client: RedisClient,
  before: (client: Redis) => void = () => undefined,
): { client: RedisClient; problems: string[] } {
  const problems: string[] = [];
  const handler: ProxyHandler<RedisClient> = {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name !== 'evalsha' && name !== 'eval') return member.bind(target) as unknown;
      return async (...args: [string, number, string, ...string[]]) => {
        if (name === 'evalsha') before(target as Redis);
        const [reply, ttl] = await Promise.all([member.apply(target, args) as Promise<unknown>, target.pttl(args[2])]);
        if (ttl === -1) problems.push(`${args[2]} has no TTL after a script`);
        return reply;
      };
    },
  };
  return { client: new Proxy(client, handler), problems };
}

/** Throws when any key of those nodes would stay for ever. */
export async function assertEveryKeyEnds(nodes: readonly Redis[]): Promise<void> {
  for (const node of nodes) {
    for (const key of await node.keys('*')) if ((await node.pttl(key)) === -1) throw new Error(`${key} has no TTL.`);
  }
}
