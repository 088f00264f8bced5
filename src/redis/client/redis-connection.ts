import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { kindOf } from '../../session/option-checks.js';
import { readRedisUrl } from './redis-url.js';

/** An ioredis client of either kind. */
export type RedisClient = Redis | Cluster;

/** A Redis Cluster: some of its nodes, and what `new Cluster()` takes besides. */
export interface ClusterConnection {
  cluster: ClusterNode[];
  options?: ClusterOptions | undefined;
}

/**
 * Where Redis is: a URL (`redis://`, `rediss://`, or `unix:` and the path of a socket; a query may hold further ioredis options), ioredis'
 * own options (for Sentinel: `sentinels` and `name`), a Cluster, or a client that exists already.
 *
 * @publicApi
 */
export type RedisConnection = string | RedisOptions | ClusterConnection | RedisClient;

/** What kind of connection was given, with URLs read. */
export type ConnectionForm =
  | { readonly kind: 'client'; readonly client: RedisClient }
  | { readonly kind: 'cluster'; readonly nodes: ClusterNode[]; readonly options: ClusterOptions }
  | { readonly kind: 'redis'; readonly options: RedisOptions };

/** Tells the forms of the `redis` option apart. A `problem` is one sentence: name, rule, cure. */
export function formOf(connection: unknown): ConnectionForm | { readonly problem: string } {
  if (typeof connection === 'string' && connection !== '') {
    const url = readRedisUrl(connection);
    return 'problem' in url ? url : { kind: 'redis', options: url.options };
  }
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    return {
      problem: `"redis" must be a URL, ioredis options, { cluster, options } or an ioredis client, received ${kindOf(connection)}. Set it, for example to "redis://localhost:6379".`,
    };
  }
  if (isClient(connection)) return { kind: 'client', client: connection };
  if ('sendCommand' in connection && typeof connection.sendCommand === 'function') {
    return {
      problem: '"redis" must be a client of ioredis, received one of another library. Give its URL instead, or make a client with ioredis.',
    };
  }
  if ('cluster' in connection) {
    const { cluster: nodes, options = {} } = connection as ClusterConnection;
    return Array.isArray(nodes) && nodes.length > 0
      ? { kind: 'cluster', nodes, options }
      : { problem: '"redis.cluster" must name at least one node. Use something like [{ host: "10.0.0.1", port: 6379 }].' };
  }
  const options = connection as RedisOptions;
  if (options.sentinels !== undefined && options.sentinels !== null && (options.sentinels.length === 0 || !options.name)) {
    return { problem: '"redis.sentinels" must name at least one sentinel, and "redis.name" the master. Set both.' };
  }
  return { kind: 'redis', options };
}

/** What is wrong with the form of the `redis` option, one sentence each. */
export function redisConnectionProblems(connection: unknown): string[] {
  const form = formOf(connection);
  return 'problem' in form ? [form.problem] : [];
}

/** Whether some reads would go to replicas, where a revoked session lives on for a while. False where the connection cannot be understood. */
export function readsFromReplica(connection: unknown): boolean {
  const form = formOf(connection);
  if ('problem' in form) return false;
  const { scaleReads, role, readOnly } = optionsOf(form);
  return (scaleReads !== undefined && scaleReads !== 'master') || role === 'slave' || readOnly === true;
}

/** The prefix that ioredis puts before every key by itself; empty without one. */
export function keyPrefixOf(connection: unknown): string {
  const form = formOf(connection);
  if ('problem' in form) return '';
  const { keyPrefix, redisOptions } = optionsOf(form);
  // As `new Cluster()` does it: the one of the nodes' options counts where the Cluster has none.
  return keyPrefix || redisOptions?.keyPrefix || '';
}

function optionsOf(
  form: ConnectionForm,
): Pick<RedisOptions, 'role' | 'readOnly' | 'keyPrefix'> & Pick<ClusterOptions, 'scaleReads' | 'redisOptions'> {
  return form.kind === 'client' ? form.client.options : form.options;
}

/** By its shape, since an application may hold a second copy of ioredis, whose classes are not ours. */
export function isClient(value: unknown): value is RedisClient {
  const client = Object(value) as Partial<Redis>;
  return typeof client.isCluster === 'boolean' && typeof client.status === 'string' && typeof client.sendCommand === 'function';
}
