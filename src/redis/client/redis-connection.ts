import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import { kindOf } from '../../session/option-checks.js';
import { isIoredis } from './ioredis/is-ioredis.js';
import type { IoredisClusterNode, IoredisClusterOptions, IoredisOptions } from './ioredis/ioredis-types.js';
import { readRedisUrl } from './ioredis/ioredis-url.js';

/** By their shape: an application may hold a second copy of ioredis, whose classes are not ours. */
export interface IoredisClient {
  readonly status: string;
  readonly isCluster: boolean;
  pipeline(): object;
}

/**
 * A Redis client of yours: `Redis` or `Cluster` of ioredis 5 or 6, or of iovalkey.
 *
 * @publicApi
 */
export type RedisClient = IoredisClient;

/** A Redis Cluster: some of its nodes, and what `new Cluster()` takes besides. */
export interface ClusterConnection {
  cluster: IoredisClusterNode[];
  options?: IoredisClusterOptions | undefined;
}

/**
 * Where Redis is: a URL (`redis://`, `rediss://`, or `unix:` and the path of a socket; a query may hold further ioredis options), ioredis'
 * own options (for Sentinel: `sentinels` and `name`), a Cluster, or a client that exists already.
 *
 * @publicApi
 */
export type RedisConnection = string | IoredisOptions | ClusterConnection | RedisClient;

/** What kind of connection was given, with URLs read. */
export type ConnectionForm = { readonly kind: 'client'; readonly client: RedisClient } | OwnClientForm;

/** A client that is to be made. */
export type OwnClientForm =
  | { readonly kind: 'cluster'; readonly given: string; readonly nodes: ClusterNode[]; readonly options: ClusterOptions }
  | { readonly kind: 'redis'; readonly given: string; readonly options: RedisOptions };

/** Tells the forms of the `redis` option apart. A `problem` is one sentence: name, rule, cure. */
export function formOf(connection: unknown): ConnectionForm | { readonly problem: string } {
  if (typeof connection === 'string' && connection !== '') {
    const url = readRedisUrl(connection);
    return 'problem' in url ? url : { kind: 'redis', given: 'a URL', options: url.options };
  }
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    return {
      problem: `"redis" must be a URL, ioredis options, { cluster, options } or an ioredis client, received ${kindOf(connection)}. Set it, for example to "redis://localhost:6379".`,
    };
  }
  if (isIoredis(connection)) return { kind: 'client', client: connection };
  if ('sendCommand' in connection && typeof connection.sendCommand === 'function') {
    return {
      problem: '"redis" must be a client of ioredis, received one of another library. Give its URL instead, or make a client with ioredis.',
    };
  }
  if ('cluster' in connection) {
    const { cluster: nodes, options = {} } = connection as ClusterConnection;
    return Array.isArray(nodes) && nodes.length > 0
      ? { kind: 'cluster', given: '{ cluster, options }', nodes, options }
      : { problem: '"redis.cluster" must name at least one node. Use something like [{ host: "10.0.0.1", port: 6379 }].' };
  }
  const options = connection as IoredisOptions;
  if (options.sentinels !== undefined && options.sentinels !== null && (options.sentinels.length === 0 || !options.name)) {
    return { problem: '"redis.sentinels" must name at least one sentinel, and "redis.name" the master. Set both.' };
  }
  return { kind: 'redis', given: 'options of ioredis', options };
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
  if (form.kind !== 'client') return form.options;
  return isIoredis(form.client) ? form.client.options : {};
}
