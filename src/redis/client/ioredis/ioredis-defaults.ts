import type { ClusterOptions, RedisOptions } from 'ioredis';
import { isReadOnly } from '../redis-errors.js';
import { retryDelay } from '../retry-delay.js';

/**
 * How clients that this package makes differ from ioredis' defaults. A session store must answer "no" soon rather than "yes" late, and
 * must not do anything twice. Whatever a user sets wins.
 */
const NODE_DEFAULTS = {
  // ioredis waits for a reply for ever, so a frozen Redis would hold every request (redis/ioredis#634). Redis answers in far less than a
  // millisecond; below 200 ms the handshake itself is cut off and reconnects in a loop (redis/ioredis#1431).
  commandTimeout: 500,
  // ioredis: 10 s. Nobody waits that long for a page.
  connectTimeout: 2_000,
  // ioredis: 2 s. How long a connection that was given up may linger when the other side does not answer, as a frozen master does not
  // (redis/ioredis#1318); until then nothing reconnects and a process cannot end.
  disconnectTimeout: 500,
  // ioredis: 20, with which the first command against a dead server fails after 73 s (ioredis 6) or 10 s (ioredis 5).
  maxRetriesPerRequest: 1,
  // ioredis: true. Whoever waited for such a command has been told that it failed, and one that did run would run again: of 20,000 INCRs
  // across one broken connection 890 were executed twice.
  autoResendUnfulfilledCommands: false,
  // ioredis: never, so that after a failover a client keeps writing to what is a replica now (redis/ioredis#305, #439).
  reconnectOnError: reconnectOnce(),
} as const satisfies RedisOptions;

/**
 * In ms; ioredis waits for ever. How long nothing at all may arrive while something is waited for. A host that is gone without a word (it
 * lost its power or its network) closes no connection, and the operating system notices after a quarter of an hour: until then nothing looks
 * for the new master, and the commands of every request are kept. Longer than a server that is there is ever busy with one thing.
 */
const LONGEST_SILENCE = 5_000;

const REDIS_DEFAULTS = {
  retryStrategy: retryDelay,
  // With Sentinel, ioredis notices a failover only when the connection breaks. In a failover of a reachable master 305,314 of 349,545
  // acknowledged writes were lost that way, and 34,658 with this option. It has no effect without Sentinel.
  failoverDetector: true,
  // ioredis: none. A sentinel that accepts the connection and does not answer would keep the client from asking the next one.
  sentinelCommandTimeout: 500,
} as const satisfies RedisOptions;

const CLUSTER_DEFAULTS = {
  clusterRetryStrategy: retryDelay,
  // ioredis: 100 ms after a connection broke it sends again what was on its way, as autoResendUnfulfilledCommands does for one server: of 12
  // INCRs across one broken connection 4 were executed twice. The client finds a new master without it.
  retryDelayOnFailover: 0,
} as const satisfies ClusterOptions;

/** The options of a client for one server, or for Sentinel. */
export function withRedisDefaults(options: RedisOptions): RedisOptions {
  return { ...REDIS_DEFAULTS, ...withNodeDefaults(options) };
}

/** The options of a Cluster client; what concerns a connection belongs to its nodes. */
export function withClusterDefaults(options: ClusterOptions): ClusterOptions {
  return { ...CLUSTER_DEFAULTS, ...given(options), redisOptions: withNodeDefaults(options.redisOptions ?? {}) };
}

function withNodeDefaults(options: RedisOptions): RedisOptions {
  const wanted = given(options);
  const { commandTimeout = NODE_DEFAULTS.commandTimeout } = wanted;
  return { ...NODE_DEFAULTS, socketTimeout: Math.max(LONGEST_SILENCE, 2 * commandTimeout), ...wanted };
}

/**
 * Answers a READONLY with a new connection, on which the command is sent again, once: ioredis would go round for ever, and reconnect
 * several times a second, when the new connection leads to the same replica.
 */
function reconnectOnce(): (error: Error & { command?: { args?: unknown } }) => 2 | false {
  // A command is known by its arguments, the only part of it that an error of ioredis holds on to.
  const resent = new WeakSet();
  return (error) => {
    const args = error.command?.args;
    if (!isReadOnly(error) || typeof args !== 'object' || args === null || resent.has(args)) return false;
    resent.add(args);
    return 2;
  };
}

/** Without what is there and `undefined`, as `config.get()` yields it: that is not a wish. */
function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}
