import type { ClusterClient, SentinelClient, SingleClient } from './node-redis-types.js';

/** A client of node-redis, by what made it. */
export type NodeRedis =
  | { readonly made: 'createClient'; readonly client: SingleClient }
  | { readonly made: 'createSentinel'; readonly client: SentinelClient }
  | { readonly made: 'createCluster'; readonly client: ClusterClient }
  | { readonly made: 'createClientPool' | 'version 4' };

/** Which client of node-redis that is; `undefined` for anything else. By its shape, since an application may hold any copy of the package. */
export function nodeRedisOf(value: unknown): NodeRedis | undefined {
  const client = Object(value) as Partial<Record<string, unknown>>;
  if (typeof client['sendCommand'] !== 'function' || typeof client['isOpen'] !== 'boolean') return undefined;
  if (typeof client['destroy'] !== 'function') return { made: 'version 4' };
  if (typeof client['nodeClient'] === 'function') return { made: 'createCluster', client: value as ClusterClient };
  if (typeof client['getSentinelNode'] === 'function') return { made: 'createSentinel', client: value as SentinelClient };
  if (typeof client['isReady'] !== 'boolean') return { made: 'createClientPool' };
  return { made: 'createClient', client: value as SingleClient };
}
