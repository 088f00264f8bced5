import type { ServerInfo } from '../../redis/client/server-info.js';
import type { RedisNode } from '../../redis/inspection/redis-node.js';
import { counted } from '../printable.js';
import type { Finding } from './finding.js';

const SLOTS = 16_384;

/** Of a Redis that is asked as one server. */
export function clusterFlagFindings(info: ServerInfo): Finding[] {
  if (info.text('cluster_enabled') !== '1') return [];
  return [
    {
      id: 'cluster-unknown',
      severity: 'error',
      what: 'That Redis is a node of a Cluster, and is asked as one server.',
      means: 'Most sessions lie on other nodes: their requests are a 503 (MOVED).',
      type: ['nestjs-redis-session doctor --cluster', 'redis: { cluster: [{ host, port }] }   # in the application'],
    },
  ];
}

/** Of nodes of a Cluster that the others name, and nobody here can reach. */
export function unreachableFindings(places: readonly string[], missesNode: boolean): Finding[] {
  if (places.length === 0 && !missesNode) return [];
  return [
    {
      id: 'node-unreachable',
      severity: 'error',
      what: 'A node of the Cluster does not answer.',
      means: 'Requests whose sessions lie there are a 503, unless a replica takes over.',
      type: ['redis-cli CLUSTER NODES   # which master is it, and does it run?'],
      ...(places.length === 0 ? {} : { nodes: places }),
    },
  ];
}

/** What a node says about its Cluster. */
export async function clusterFindings(node: RedisNode): Promise<Finding[]> {
  const [info, nodes] = [String(await node.ask('CLUSTER', 'INFO')), String(await node.ask('CLUSTER', 'NODES'))];
  const found: Finding[] = [];
  const assigned = Number(/cluster_slots_assigned:(\d+)/.exec(info)?.[1] ?? SLOTS);
  if (assigned < SLOTS)
    found.push({
      id: 'slots-missing',
      severity: 'error',
      what: `${SLOTS - assigned} of ${SLOTS} slots belong to no node.`,
      means: 'Sessions in these slots are a 503; with cluster-require-full-coverage (the default), all are.',
      type: ['redis-cli --cluster check HOST:PORT', 'redis-cli --cluster fix HOST:PORT'],
    });
  else if (/cluster_state:fail/.test(info))
    found.push({
      id: 'cluster-down',
      severity: 'error',
      what: 'The Cluster is down (cluster_state:fail).',
      means: 'Every request that needs its session is a 503.',
      type: ['redis-cli CLUSTER NODES   # which master has failed?'],
    });
  const failed = nodes.split('\n').filter((line) => /^\S+ \S+ \S*\bfail\b/.test(line)).length;
  if (failed > 0)
    found.push({
      id: 'node-down',
      severity: 'warning',
      what: `${counted(failed, 'node')} of the Cluster ${failed === 1 ? 'has' : 'have'} failed.`,
      means: 'Where a master has no replica left, its sessions are a 503.',
      type: ['redis-cli CLUSTER NODES'],
    });
  return found;
}
