import type { NodeRedis } from './is-node-redis.js';
import type { ClusterOptions, SingleOptions, SocketOptions } from './node-redis-types.js';

/** What is known about how a client of node-redis was made. Of `createSentinel`, which shows nothing of its options, little is. */
export interface NodeRedisSettings {
  /** Where the settings of a connection are given: the options themselves, or a part of them. */
  readonly place: '' | 'defaults.' | 'nodeClientOptions.';
  readonly isKnown: boolean;
  /** Where it begins to look for Redis. Only of a Cluster these are not what its connections are made with. */
  readonly roots: readonly SocketOptions[];
  /** What its connections are made with. */
  readonly node: SingleOptions;
  /** In ms; `undefined` where it was not set. */
  readonly timeout: number | undefined;
  /** Put before the keys of some commands; empty without one. */
  readonly keyPrefix: string;
  readonly readsFromReplicas: boolean;
}

export function settingsOf(redis: NodeRedis): NodeRedisSettings | undefined {
  switch (redis.made) {
    case 'createClient': {
      const node = redis.client.options ?? {};
      const { keyPrefix = '', readonly: isReadonly = false } = node;
      const roots = [node.socket ?? {}];
      const timeout = node.commandOptions?.timeout;
      return { place: '', isKnown: true, roots, node, timeout, keyPrefix, readsFromReplicas: isReadonly };
    }
    case 'createCluster': {
      // Not in its types, but there in node-redis 5 and 6.
      const { _options: options } = redis.client as unknown as { _options?: ClusterOptions };
      const { rootNodes = [], defaults: node = {}, keyPrefix = '', commandOptions, useReplicas = false } = options ?? {};
      const roots = rootNodes.map(({ url, socket }) => ({ ...(url === undefined ? {} : hostOf(url)), ...socket }));
      const timeout = commandOptions?.timeout;
      return { place: 'defaults.', isKnown: options !== undefined, roots, node, timeout, keyPrefix, readsFromReplicas: useReplicas };
    }
    case 'createSentinel': {
      const { _keyPrefix: keyPrefix = '' } = redis.client as unknown as { _keyPrefix?: string };
      const timeout = redis.client.commandOptions?.timeout;
      return { place: 'nodeClientOptions.', isKnown: false, roots: [], node: {}, timeout, keyPrefix, readsFromReplicas: false };
    }
    case 'createClientPool':
    case 'version 4':
      return undefined;
  }
}

function hostOf(url: string): SocketOptions {
  return URL.canParse(url) ? { host: new URL(url).hostname, tls: url.startsWith('rediss:') } : {};
}
