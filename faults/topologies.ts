import { Redis } from 'ioredis';
import { freeClusterPort } from '../test/support/free-port.js';
import { RedisProcess } from '../test/support/redis-process.js';
import { startProxy, type ChaosProxy } from '../test/support/start-proxy.js';
import { startRedis, type RedisServer } from '../test/support/start-redis.js';
import { until } from '../test/support/until.js';
import type { RedisConnection } from '../src/redis/client/redis-client.js';

const MASTER_NAME = 'sessions';
const SLOTS = 16_384;
const READY_WITHIN = 30_000;

/** Redis as the applications find it, and as faults get at it. */
export interface Topology {
  readonly name: 'one node' | 'Sentinel' | 'Cluster';
  /** What the option `redis` of the applications is. */
  readonly connection: RedisConnection;
  readonly nodes: readonly RedisServer[];
  /** Between the applications and the one node. */
  readonly proxy?: ChaosProxy;
  readonly sentinel?: Redis;
  /** Those that serve writes now. */
  masters(): Promise<readonly RedisServer[]>;
  /** Waits until all is in order again. */
  untilOk(): Promise<void>;
  stop(): Promise<void>;
}

/** One node behind a proxy, which keeps what it has acknowledged through a crash (AOF, `appendfsync always`). */
export async function startOneNode(): Promise<Topology> {
  const node = await startRedis({ config: { appendonly: 'yes', appendfsync: 'always' } });
  const proxy = await startProxy(node.port);
  return {
    name: 'one node',
    connection: `redis://127.0.0.1:${proxy.port}`,
    nodes: [node],
    proxy,
    masters: async () => [node],
    untilOk: () => until(async () => (await node.client().ping()) === 'PONG', 'the node answers', READY_WITHIN),
    stop: async () => {
      await proxy.stop();
      await node.stop();
    },
  };
}

/** A master, two replicas and a sentinel that fails over after a second. */
export async function startReplicated({ minReplicas }: { readonly minReplicas: number }): Promise<Topology> {
  const config = {
    'repl-diskless-sync-delay': '0',
    'min-replicas-to-write': String(minReplicas),
    'min-replicas-max-lag': '1',
    'repl-ping-replica-period': '1',
  };
  const first = await startRedis({ config });
  const replicas = await Promise.all([1, 2].map(() => startRedis({ config: { ...config, replicaof: `127.0.0.1 ${first.port}` } })));
  const nodes = [first, ...replicas];
  const watcher = await RedisProcess.start(
    (port, directory) => ({
      port: String(port),
      bind: '127.0.0.1',
      dir: directory,
      'sentinel monitor': `${MASTER_NAME} 127.0.0.1 ${first.port} 1`,
      'sentinel down-after-milliseconds': `${MASTER_NAME} 1000`,
      'sentinel failover-timeout': `${MASTER_NAME} 5000`,
    }),
    { args: ['--sentinel'] },
  );
  const sentinel = new Redis({ host: '127.0.0.1', port: watcher.port }).on('error', () => undefined);
  const masters = async () => {
    const address = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME);
    const port = Array.isArray(address) ? Number(address[1]) : undefined;
    return nodes.filter((node) => node.port === port);
  };
  const untilOk = () =>
    until(
      async () => {
        const [master] = await masters();
        const info = (await master?.client().info('replication')) ?? '';
        return (
          info.includes('role:master') && info.includes('connected_slaves:2') && (await sentinel.info('sentinel')).includes('slaves=2')
        );
      },
      'the master has two replicas',
      READY_WITHIN,
    );
  await untilOk();
  return {
    name: 'Sentinel',
    connection: { sentinels: [{ host: '127.0.0.1', port: watcher.port }], name: MASTER_NAME },
    nodes,
    sentinel,
    masters,
    untilOk,
    stop: async () => {
      sentinel.disconnect();
      await watcher.stop();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

/** Three masters with a replica each. */
export async function startReplicatedCluster(): Promise<Topology> {
  const nodes = await Promise.all(
    Array.from({ length: 6 }, () =>
      startRedis({
        choosePort: freeClusterPort,
        config: {
          'cluster-enabled': 'yes',
          'cluster-config-file': 'nodes.conf',
          'cluster-node-timeout': '2000',
          'repl-diskless-sync-delay': '0',
        },
      }),
    ),
  );
  const [first, ...others] = nodes;
  if (first === undefined) throw new RangeError('A cluster needs nodes.');
  const owners = nodes.slice(0, 3);
  for (const [index, node] of nodes.entries()) await node.client().call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  for (const [index, node] of owners.entries()) {
    const [begin, end] = [Math.floor((SLOTS * index) / 3), Math.floor((SLOTS * (index + 1)) / 3)];
    await node.client().cluster('ADDSLOTS', ...Array.from({ length: end - begin }, (_, offset) => begin + offset));
  }
  for (const other of others) await other.client().cluster('MEET', '127.0.0.1', first.port);
  const knows = async (node: RedisServer, text: string) => (await node.client().cluster('INFO')).includes(text);
  await until(
    async () => (await Promise.all(nodes.map((node) => knows(node, 'cluster_known_nodes:6')))).every(Boolean),
    'all nodes have met',
    READY_WITHIN,
  );
  for (const [index, owner] of owners.entries()) {
    const id = await owner.client().cluster('MYID');
    const replica = nodes[index + 3]?.client();
    await until(
      async () =>
        replica !== undefined &&
        (await replica.call('CLUSTER', 'REPLICATE', id).then(
          () => true,
          () => false,
        )),
      'the replica knows its master',
      READY_WITHIN,
    );
  }
  const roles = async () =>
    Promise.all(
      nodes.map(async (node) =>
        (
          await node
            .client()
            .info('replication')
            .catch(() => '')
        ).includes('role:master')
          ? node
          : undefined,
      ),
    );
  const masters = async () => (await roles()).filter((node) => node !== undefined);
  const untilOk = () =>
    until(
      async () => {
        const all = await masters();
        if (all.length !== 3) return false;
        const states = await Promise.all(nodes.map((node) => knows(node, 'cluster_state:ok').catch(() => false)));
        const replicated = await Promise.all(
          all.map(async (node) => (await node.client().info('replication')).includes('connected_slaves:1')),
        );
        return [...states, ...replicated].every(Boolean);
      },
      'the cluster is in order',
      READY_WITHIN,
    );
  await untilOk();
  return {
    name: 'Cluster',
    connection: { cluster: nodes.map(({ port }) => ({ host: '127.0.0.1', port })) },
    nodes,
    masters,
    untilOk,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
