import { kindOf } from '../../session/option-checks.js';
import { isIoredis } from './ioredis/is-ioredis.js';
import { settingsOf } from './node-redis/client-options.js';
import { nodeRedisOf } from './node-redis/is-node-redis.js';
import type { IoredisClusterNode, IoredisClusterOptions, IoredisOptions } from './ioredis/ioredis-types.js';
import { readRedisUrl } from './ioredis/ioredis-url.js';

/**
 * `Redis` or `Cluster` of ioredis 5 or 6, or of iovalkey.
 *
 * @publicApi
 */
export interface IoredisClient {
  readonly status: string;
  readonly isCluster: boolean;
  pipeline(): object;
}

/**
 * What `createClient`, `createSentinel` or `createCluster` of node-redis 5 or 6 (the package `redis`) makes.
 *
 * @publicApi
 */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  sendCommand(...args: never[]): Promise<unknown>;
  destroy(): unknown;
}

/**
 * A Redis client of yours. It stays yours: to configure, to connect and to close.
 *
 * @publicApi
 */
export type RedisClient = IoredisClient | NodeRedisClient;

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
  | { readonly kind: 'cluster'; readonly given: string; readonly nodes: IoredisClusterNode[]; readonly options: IoredisClusterOptions }
  | { readonly kind: 'redis'; readonly given: string; readonly options: IoredisOptions };

/** Tells the forms of the `redis` option apart. A `problem` is one sentence: name, rule, cure. */
export function formOf(connection: unknown): ConnectionForm | { readonly problem: string } {
  if (typeof connection === 'string' && connection !== '') {
    const url = readRedisUrl(connection);
    return 'problem' in url ? url : { kind: 'redis', given: 'a URL', options: url.options };
  }
  if (typeof connection !== 'object' || connection === null || Array.isArray(connection)) {
    return {
      problem: `"redis" must be a URL, ioredis options, { cluster, options } or a client of ioredis, iovalkey or node-redis, received ${kindOf(connection)}. Set it, for example to "redis://localhost:6379".`,
    };
  }
  if (isIoredis(connection)) return { kind: 'client', client: connection };
  const nodeRedis = nodeRedisOf(connection);
  if (nodeRedis !== undefined)
    return 'client' in nodeRedis
      ? { kind: 'client', client: connection as NodeRedisClient }
      : { problem: unfit(nodeRedis.made, '"redis"') };
  if ('sendCommand' in connection && typeof connection.sendCommand === 'function') {
    return {
      problem:
        '"redis" must be a client of ioredis, iovalkey or node-redis, received one of another library. Give its URL instead, or make a client with one of these.',
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

/** The prefix that the client puts before every key by itself; empty without one. */
export function keyPrefixOf(connection: unknown): string {
  const form = formOf(connection);
  if ('problem' in form) return '';
  const { keyPrefix, redisOptions } = optionsOf(form);
  // As `new Cluster()` does it: the one of the nodes' options counts where the Cluster has none.
  return keyPrefix || redisOptions?.keyPrefix || '';
}

/** What is wrong with a client of node-redis that cannot be used. */
export function unfit(made: 'createClientPool' | 'version 4', what: string): string {
  return made === 'version 4'
    ? `${what} must be a client of node-redis 5 or 6, received one of version 4. Type: npm install redis@6`
    : `${what} must be one client, received a pool of node-redis. Give what createClient(), createSentinel() or createCluster() makes: one connection is enough.`;
}

type SharedOptions = Pick<IoredisOptions, 'role' | 'readOnly' | 'keyPrefix'> & Pick<IoredisClusterOptions, 'scaleReads' | 'redisOptions'>;

function optionsOf(form: ConnectionForm): SharedOptions {
  if (form.kind !== 'client') return form.options;
  if (isIoredis(form.client)) return form.client.options;
  const nodeRedis = nodeRedisOf(form.client);
  const { keyPrefix = '', readsFromReplicas = false } = (nodeRedis && settingsOf(nodeRedis)) ?? {};
  return { keyPrefix, readOnly: readsFromReplicas };
}
