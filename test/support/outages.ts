import type { ChaosProxy } from './start-proxy.js';
import type { RedisServer } from './start-redis.js';

/** A way in which Redis can fail an application that reaches it through a proxy. */
export interface Outage {
  readonly name: string;
  /** What the error says of it. */
  readonly reason: RegExp;
  begin(redis: RedisServer, proxy: ChaosProxy): Promise<void> | void;
  end(redis: RedisServer, proxy: ChaosProxy): Promise<void> | void;
}

/** Nothing can be read or written. */
export const blackouts: readonly Outage[] = [
  { name: 'refuses connections', reason: /connection|timeout/, begin: (_, proxy) => proxy.cut(), end: (_, proxy) => proxy.heal() },
  { name: 'stalls', reason: /timeout/, begin: (_, proxy) => proxy.stall(), end: (_, proxy) => proxy.heal() },
  { name: 'is frozen', reason: /timeout/, begin: (redis) => redis.pause(), end: (redis) => redis.resume() },
  {
    name: 'asks for a password',
    reason: /NOAUTH|connection|timeout/,
    begin: async (redis) => {
      await redis.client().config('SET', 'requirepass', 'changed meanwhile');
      await redis.client().call('CLIENT', 'KILL', 'TYPE', 'normal');
    },
    end: async (redis) => {
      await redis.client().config('SET', 'requirepass', '');
    },
  },
];

/** What clients say is done, and nobody is told. */
export const UNANSWERED: Outage = {
  name: 'answers nothing',
  reason: /timeout/,
  begin: (_, proxy) => proxy.stallAnswers(),
  end: (_, proxy) => proxy.heal(),
};

/** What is there can be read, and nothing can be written. */
export const brownouts: readonly Outage[] = [
  {
    name: 'is out of memory',
    reason: /OOM/,
    begin: async (redis) => void (await redis.client().config('SET', 'maxmemory', '1')),
    end: async (redis) => void (await redis.client().config('SET', 'maxmemory', '0')),
  },
  {
    name: 'is a replica now',
    reason: /READONLY/,
    begin: async (redis) => void (await redis.client().replicaof('127.0.0.1', 1)),
    end: async (redis) => void (await redis.client().replicaof('NO', 'ONE')),
  },
];
