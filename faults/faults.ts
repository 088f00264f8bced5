import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../test/support/until.js';
import type { RedisServer } from '../test/support/start-redis.js';
import type { Random } from './load/random.js';
import { startOneNode, startReplicated, startReplicatedCluster, type Topology } from './topologies.js';

/** What `docs/reliability.md` promises while that fault happens; what is not named is promised to nobody. */
export interface Promises {
  readonly lostWrites?: 0;
  readonly undoneEnds?: 0;
  readonly lostSessions?: 0;
}

export interface Fault {
  readonly name: string;
  readonly start: (options: { readonly minReplicas: number }) => Promise<Topology>;
  /** Happens once, and is over when it resolves. */
  readonly inject: (topology: Topology, random: Random) => Promise<void>;
  readonly promises: Promises;
}

const NOTHING_LOST: Promises = { lostWrites: 0, undoneEnds: 0, lostSessions: 0 };
/** In ms. Longer than a client waits for a command, and than a sentinel or a Cluster takes to call a node down. */
const SHORT = 1_000;
const LONG = 4_000;

export const FAULTS: readonly Fault[] = [
  { name: 'none', start: startOneNode, inject: async () => undefined, promises: NOTHING_LOST },
  onOneNode('kill', async ({ node }) => {
    await node.kill();
    await pause(SHORT);
    await node.restart();
  }),
  onOneNode('freeze', async ({ node }) => {
    node.pause();
    await pause(LONG);
    node.resume();
  }),
  onOneNode('partition', async ({ proxy }) => {
    proxy.stall();
    await pause(LONG);
    await proxy.heal();
  }),
  onOneNode('cut', async ({ proxy }) => {
    await proxy.cut();
    await pause(SHORT);
    await proxy.heal();
  }),
  onOneNode('lost-answers', async ({ proxy }) => {
    proxy.stallAnswers();
    await pause(SHORT);
    await proxy.cut();
    await proxy.heal();
  }),
  onOneNode('oom', async ({ node }) => {
    await node.client().config('SET', 'maxmemory', '1');
    await pause(SHORT);
    await node.client().config('SET', 'maxmemory', '0');
  }),
  onOneNode('script-flush', async ({ node }) => {
    await node.client().script('FLUSH');
  }),
  onOneNode('latency', async ({ node }, random) => {
    for (let times = 0; times < 10; times++) {
      await node.client().call('CLIENT', 'PAUSE', 50 + random.below(250), 'ALL');
      await pause(300);
    }
  }),
  {
    name: 'sentinel-failover',
    start: startReplicated,
    inject: async (topology) => {
      const [before] = await topology.masters();
      await topology.sentinel?.call('SENTINEL', 'FAILOVER', 'sessions').catch(() => undefined);
      await until(async () => (await topology.masters())[0] !== before, 'there is another master', 20_000);
      await topology.untilOk();
    },
    // Redis replicates after it has acknowledged: docs/reliability.md has the figures.
    promises: {},
  },
  {
    name: 'sentinel-kill',
    start: startReplicated,
    inject: async (topology) =>
      replaceMaster(topology, async (master, isReplaced) => {
        await master.kill();
        await isReplaced();
        await master.restart();
      }),
    promises: {},
  },
  {
    name: 'sentinel-freeze',
    start: startReplicated,
    inject: async (topology) =>
      replaceMaster(topology, async (master, isReplaced) => {
        master.pause();
        await isReplaced();
        master.resume();
      }),
    promises: {},
  },
  {
    name: 'cluster-failover',
    start: startReplicatedCluster,
    inject: async (topology, random) => {
      const masters = await topology.masters();
      const replica = random.one(topology.nodes.filter((node) => !masters.includes(node)));
      await replica.client().call('CLUSTER', 'FAILOVER');
      await until(async () => (await topology.masters()).includes(replica), 'the replica is a master', 20_000);
      await topology.untilOk();
    },
    // The replica catches up before the master hands over.
    promises: NOTHING_LOST,
  },
  {
    name: 'cluster-kill',
    start: startReplicatedCluster,
    inject: async (topology, random) => {
      const master = random.one(await topology.masters());
      await master.kill();
      await until(async () => (await topology.masters()).length === 3, 'its replica is a master', 20_000);
      await master.restart();
      await topology.untilOk();
    },
    promises: {},
  },
  { name: 'slot-move', start: startReplicatedCluster, inject: moveSlots, promises: NOTHING_LOST },
];

/** Everything that one node keeps through is kept: nothing that was acknowledged may be missing. */
function onOneNode(
  name: string,
  inject: (on: { readonly node: RedisServer; readonly proxy: NonNullable<Topology['proxy']> }, random: Random) => Promise<void>,
): Fault {
  return {
    name,
    start: startOneNode,
    inject: async ({ nodes: [node], proxy }, random) => {
      if (node === undefined || proxy === undefined) throw new TypeError('That is not the topology of one node.');
      await inject({ node, proxy }, random);
    },
    promises: NOTHING_LOST,
  };
}

async function replaceMaster(
  topology: Topology,
  act: (master: RedisServer, isReplaced: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const [master] = await topology.masters();
  if (master === undefined) throw new Error('The sentinel knows no master.');
  await act(master, () => until(async () => (await topology.masters())[0] !== master, 'there is another master', 20_000));
  await topology.untilOk();
}

/** Moves some slots, with the keys in them, from one master to another, as `redis-cli --cluster reshard` does. */
async function moveSlots(topology: Topology, random: Random): Promise<void> {
  const masters = await topology.masters();
  const from = random.one(masters);
  const to = random.one(masters.filter((node) => node !== from));
  const [source, target] = [from.client(), to.client()];
  const [sourceId, targetId] = [await source.cluster('MYID'), await target.cluster('MYID')];
  const owned = (await source.cluster('SLOTS')).filter(([, , master]) => master?.[2] === sourceId);
  const slots = owned.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, offset) => first + offset)).slice(0, 50);
  for (const slot of slots) {
    await target.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
    await source.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
    for (;;) {
      const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
      if (keys.length === 0) break;
      await source.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    for (const client of [target, source]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
  }
  await topology.untilOk();
}
