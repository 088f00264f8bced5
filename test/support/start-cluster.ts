import { Cluster, type ClusterNode } from 'ioredis';
import { freeClusterPort } from './free-port.js';
import { startRedis, type RedisServer, type StartRedisOptions } from './start-redis.js';
import { until } from './until.js';

const SLOTS = 16_384;

/** A running Redis Cluster without replicas. */
export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  /** For `new Cluster(…)`. */
  readonly startupNodes: ClusterNode[];
  /** A plain ioredis client for looking from outside, always the same one. Closed by `stop`. */
  client(): Cluster;
  /** Waits until every node finds the whole cluster in order. */
  untilOk(): Promise<void>;
  /** Makes another node serve some of a node's slots, which must be empty. */
  moveSlots(from: number, to: number, count: number): Promise<void>;
  /** How often each command was run on all nodes together; see `RedisServer.commandCounts`. */
  commandCounts(): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

/** Starts a Redis Cluster of three masters (or `masters`), each with its share of the slots. Takes about 3 seconds, most of which Redis itself insists on. */
export async function startCluster({
  masters = 3,
  password,
  config,
}: Pick<StartRedisOptions, 'password' | 'config'> & { masters?: number } = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: masters }, () =>
      startRedis({
        ...(password === undefined ? {} : { password }),
        choosePort: freeClusterPort,
        config: { 'cluster-enabled': 'yes', 'cluster-config-file': 'nodes.conf', 'cluster-node-timeout': '3000', ...config },
      }),
    ),
  );
  const startupNodes = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
  let outside: Cluster | undefined;
  const client = () => {
    outside ??= new Cluster(startupNodes, password === undefined ? {} : { redisOptions: { password } }).on('error', () => undefined);
    return outside;
  };
  const untilOk = () => until(async () => (await Promise.all(nodes.map(isInOrder(masters)))).every(Boolean), 'the cluster is in order');
  const stop = async () => {
    outside?.disconnect();
    await Promise.all(nodes.map((node) => node.stop()));
  };

  try {
    await Promise.all(nodes.map((node, index) => takeSlots(node, index, masters)));
    await Promise.all(nodes.slice(1).map((node) => node.client().cluster('MEET', '127.0.0.1', startupNodes[0]!.port)));
    await untilOk();
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    nodes,
    startupNodes,
    client,
    untilOk,
    moveSlots: (from, to, count) => moveSlots(nodes, from, to, count),
    commandCounts: async () => sum(await Promise.all(nodes.map((node) => node.commandCounts()))),
    stop,
  };
}

async function takeSlots(node: RedisServer, index: number, masters: number): Promise<void> {
  const first = Math.floor((SLOTS * index) / masters);
  const end = Math.floor((SLOTS * (index + 1)) / masters);
  // Each node its own epoch, or the cluster would first have to find out about the collision.
  await node.client().call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  // ADDSLOTSRANGE would be shorter, and needs Redis 7.
  await node.client().cluster('ADDSLOTS', ...Array.from({ length: end - first }, (_, offset) => first + offset));
}

async function moveSlots(nodes: readonly RedisServer[], from: number, to: number, count: number): Promise<void> {
  const [source, target] = [nodes[from]!.client(), nodes[to]!.client()];
  const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')];
  const slots = (await source.cluster('SLOTS'))
    .filter(([, , master]) => master?.[2] === sourceId)
    .flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, offset) => first + offset))
    .slice(0, count);
  // The new owner first, so that no slot is without one.
  for (const client of [target, source, ...nodes.map((node) => node.client())]) {
    const pipeline = client.pipeline();
    for (const slot of slots) pipeline.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  }
}

function isInOrder(masters: number): (node: RedisServer) => Promise<boolean> {
  return async (node) => {
    const info = await node
      .client()
      .cluster('INFO')
      .catch(() => '');
    return info.includes('cluster_state:ok') && info.includes(`cluster_size:${masters}\r`);
  };
}

function sum(counts: Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const [name, calls] of counts.flatMap((one) => Object.entries(one))) total[name] = (total[name] ?? 0) + calls;
  return total;
}
