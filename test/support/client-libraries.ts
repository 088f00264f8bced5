import { Cluster, Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Redis as Valkey } from 'iovalkey';
import { createClient, createCluster, createSentinel, RESP_TYPES } from 'redis';
import { createClient as createClient5, createCluster as createCluster5, createSentinel as createSentinel5 } from 'redis5';
import type { RedisClient } from '../../src/redis/client/redis-client.js';
import type { RedisCluster } from './start-cluster.js';
import type { SentinelSetup } from './start-sentinel.js';

/** A client as an application makes it, and what ends it. */
export interface AppClient {
  readonly client: RedisClient;
  end(): void;
}

/** What a client is made with, in no library's words. */
export interface Whereabouts {
  readonly port: number;
  readonly password?: string | undefined;
}

export type Connect = (place: Whereabouts) => Promise<AppClient>;

/** As documents say that a client of node-redis is to be made, but for the time, of which a busy machine takes more. */
const HONEST = { disableOfflineQueue: true, commandOptions: { timeout: 20_000 } };

async function ofIoredis(client: Redis): Promise<AppClient> {
  client.on('error', () => undefined);
  await client.ping();
  return { client, end: () => client.disconnect() };
}

/** Every library that the option `redis` takes a client of, and each version. */
export const LIBRARIES: readonly (readonly [name: string, connect: Connect])[] = [
  ['ioredis 6', (place) => ofIoredis(new Redis({ host: '127.0.0.1', ...given(place) }))],
  // Of its types, those that are used here are the same, as they are of iovalkey.
  ['ioredis 5', (place) => ofIoredis(new Redis5({ host: '127.0.0.1', ...given(place) }) as unknown as Redis)],
  ['iovalkey', (place) => ofIoredis(new Valkey({ host: '127.0.0.1', ...given(place) }) as unknown as Redis)],
  [
    'node-redis 5',
    async ({ port, password }) => {
      const client = createClient5({ socket: { host: '127.0.0.1', port }, ...(password && { password }), ...HONEST });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
  [
    'node-redis 6',
    async ({ port, password }) => {
      const client = createClient({ socket: { host: '127.0.0.1', port }, ...(password && { password }), ...HONEST });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
];

/** The protocols that the versions of node-redis speak besides their own. */
export const PROTOCOLS: readonly (readonly [name: string, connect: Connect])[] = [
  [
    'node-redis 5 with RESP3',
    async ({ port }) => {
      const client = createClient5({ RESP: 3, socket: { host: '127.0.0.1', port }, ...HONEST });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
  [
    'node-redis 6 with RESP2, which gives the application buffers',
    async ({ port }) => {
      const commandOptions = {
        ...HONEST.commandOptions,
        typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer },
      };
      const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port }, ...HONEST, commandOptions });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
];

/** The same of a Cluster. */
export const CLUSTER_LIBRARIES: readonly (readonly [name: string, connect: (cluster: RedisCluster) => Promise<AppClient>])[] = [
  [
    'ioredis 6',
    async ({ startupNodes }) => {
      const client = new Cluster(startupNodes).on('error', () => undefined);
      await client.ping();
      return { client, end: () => client.disconnect() };
    },
  ],
  [
    'node-redis 5',
    async ({ nodes }) => {
      const rootNodes = nodes.map(({ port }) => ({ socket: { host: '127.0.0.1', port } }));
      const client = createCluster5({ rootNodes, defaults: { disableOfflineQueue: true }, commandOptions: HONEST.commandOptions });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
  [
    'node-redis 6',
    async ({ nodes }) => {
      const rootNodes = nodes.map(({ port }) => ({ socket: { host: '127.0.0.1', port } }));
      const client = createCluster({ rootNodes, defaults: { disableOfflineQueue: true }, commandOptions: HONEST.commandOptions });
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
];

/** Where a client is to look for a server, by its address. */
type AddressMap = Record<string, { host: string; port: number }>;

/** A client of node-redis 6 by way of the sentinel. */
export async function connectBySentinel({ port }: SentinelSetup, nodeAddressMap?: AddressMap): Promise<AppClient> {
  const client = createSentinel({ ...bySentinel(port), ...(nodeAddressMap && { nodeAddressMap }), commandOptions: HONEST.commandOptions });
  await client.connect();
  return { client, end: () => void client.destroy() };
}

/** The same of node-redis 5. */
export async function connectBySentinel5({ port }: SentinelSetup, nodeAddressMap?: AddressMap): Promise<AppClient> {
  const client = createSentinel5({ ...bySentinel(port), ...(nodeAddressMap && { nodeAddressMap }), commandOptions: HONEST.commandOptions });
  await client.connect();
  return { client, end: () => void client.destroy() };
}

function bySentinel(port: number) {
  return { name: 'sessions', sentinelRootNodes: [{ host: '127.0.0.1', port }] };
}

function given({ port, password }: Whereabouts): { port: number; password?: string } {
  return password === undefined ? { port } : { port, password };
}
