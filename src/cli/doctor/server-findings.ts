import type { ServerInfo } from '../../redis/client/server-info.js';
import { setting, type Finding } from './finding.js';

/** Of `maxmemory` and of `maxclients`, what should be left. */
const RESERVE = 0.1;
/** In seconds. A replica that has said nothing for so long is behind. */
const LONGEST_LAG = 10;
const OLDEST = [6, 2] as const;
/** In bytes: `docs/storage-format.md`, "Memory". */
const LISTPACK = 1_024;

/** What is set in Redis; empty where the user may not ask. */
export type ServerConfig = ReadonlyMap<string, string>;

/** The settings that {@link serverFindings} looks at. */
export const SETTINGS = ['save', 'stop-writes-on-bgsave-error', 'min-replicas-to-write', 'hash-max-listpack-value'] as const;

/** What is wrong with a server, by what it says of itself. */
export function serverFindings(info: ServerInfo, config: ServerConfig): Finding[] {
  return [
    ...version(info),
    ...role(info),
    ...memory(info),
    ...persistence(info, config),
    ...replicas(info, config),
    ...clients(info),
    ...layout(config),
  ];
}

function version({ product, version: text }: ServerInfo): Finding[] {
  const [major = 0, minor = 0] = (text ?? '').split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (product !== 'redis' || text === undefined || !isOld) return [];
  return [
    {
      id: 'old-version',
      severity: 'error',
      what: `Redis is ${text}.`,
      means: `Sessions need Redis ${OLDEST.join('.')} or later, or Valkey: commands in the scripts are missing.`,
      type: ['Install a newer Redis.'],
    },
  ];
}

function role({ isReplica }: ServerInfo): Finding[] {
  if (!isReplica) return [];
  return [
    {
      id: 'replica',
      severity: 'error',
      what: 'That is a replica.',
      means: 'It takes no changes: every sign-in is a 503. A session that was revoked answers there for a while.',
      type: ['redis-cli INFO replication   # master_host and master_port are the address to give to the application'],
    },
  ];
}

function memory(info: ServerInfo): Finding[] {
  const { evictingPolicy, memoryLeft, isFull } = info;
  const limit = info.number('maxmemory');
  const found: Finding[] = [];
  if (evictingPolicy !== undefined)
    found.push({
      id: 'evicts',
      severity: 'error',
      what: `Redis evicts keys when its memory is full (maxmemory-policy ${evictingPolicy}).`,
      means: "Users are signed out, and revokeAll() does not find sessions whose user's index was evicted.",
      type: setting('maxmemory-policy', 'noeviction'),
    });
  if (limit === 0)
    found.push({
      id: 'memory-unlimited',
      severity: 'note',
      what: 'maxmemory is not set.',
      means: 'Redis grows until the operating system ends it, and all sessions with it.',
      type: setting('maxmemory', '1gb'),
    });
  else if (isFull)
    found.push({
      id: 'memory-full',
      severity: 'error',
      what: 'Redis has no memory left.',
      means: 'Sign-ins and changes get 503; reading and ending sessions goes on.',
      type: setting('maxmemory', enoughFor(info)),
    });
  else if (limit !== undefined && memoryLeft !== undefined && memoryLeft < RESERVE * limit)
    found.push({
      id: 'memory-low',
      severity: 'warning',
      what: `Less than a tenth of maxmemory is left (${Math.max(0, Math.floor((100 * memoryLeft) / limit))} %).`,
      means: 'When there is none, sign-ins and changes get 503.',
      type: setting('maxmemory', enoughFor(info)),
    });
  return found;
}

/** Twice what there is room for, or what is in use already, where that is more. */
function enoughFor(info: ServerInfo): string {
  return String(2 * Math.max(info.number('maxmemory') ?? 0, info.number('used_memory') ?? 0));
}

function persistence(info: ServerInfo, config: ServerConfig): Finding[] {
  const found: Finding[] = [];
  const isAppending = info.text('aof_enabled') === '1';
  const save = config.get('save');
  if (info.text('aof_enabled') === '0' && save === '')
    found.push({
      id: 'not-persistent',
      severity: 'warning',
      what: 'Redis writes nothing to disk (no AOF, no snapshots).',
      means: 'A restart of Redis signs everybody out.',
      type: setting('appendonly', 'yes'),
    });
  else if (info.text('aof_enabled') === '0' && save !== undefined)
    found.push({
      id: 'snapshots-only',
      severity: 'note',
      what: 'Redis writes snapshots, and no AOF.',
      means: 'A crash loses the sign-ins, and the sign-outs, since the last snapshot.',
      type: setting('appendonly', 'yes'),
    });
  if (info.text('rdb_last_bgsave_status') === 'err') {
    const stops = config.get('stop-writes-on-bgsave-error') !== 'no' && save !== '';
    found.push({
      id: 'snapshot-failed',
      severity: stops ? 'error' : 'warning',
      what: 'The last snapshot could not be written.',
      means: stops ? 'Redis takes no changes (MISCONF): every sign-in is a 503.' : 'A restart brings back old sessions.',
      type: ['redis-cli CONFIG GET dir   # is it there, and is the disk full?', 'redis-cli BGSAVE'],
    });
  }
  if (isAppending && info.text('aof_last_write_status') === 'err')
    found.push({
      id: 'aof-failed',
      severity: 'error',
      what: 'The append-only file could not be written.',
      means: 'Redis takes no changes (MISCONF): every sign-in is a 503.',
      type: ['redis-cli CONFIG GET dir   # is it there, and is the disk full?'],
    });
  return found;
}

function replicas(info: ServerInfo, config: ServerConfig): Finding[] {
  if (info.isReplica) return [];
  const found: Finding[] = [];
  const connected = info.number('connected_slaves') ?? 0;
  const least = Number(config.get('min-replicas-to-write') ?? 0);
  const good = info.number('min_slaves_good_slaves') ?? connected;
  if (least > 0 && good < least)
    found.push({
      id: 'too-few-replicas',
      severity: 'error',
      what: `min-replicas-to-write is ${least}, and ${good} of ${connected} replicas are near enough.`,
      means: 'Redis takes no changes (NOREPLICAS): every sign-in is a 503.',
      type: ['redis-cli INFO replication   # which replica is missing?', `redis-cli CONFIG SET min-replicas-to-write ${good}`],
    });
  const states = Array.from({ length: connected }, (_, n) => info.text(`slave${n}`) ?? '');
  const behind = states.filter((state) => !state.includes('state=online') || Number(/lag=(\d+)/.exec(state)?.[1] ?? 0) > LONGEST_LAG);
  if (behind.length > 0)
    found.push({
      id: 'replica-behind',
      severity: 'warning',
      what: `${behind.length} of ${connected} replicas are behind.`,
      means: 'A failover to one of them brings back old sessions, and loses new ones.',
      type: ['redis-cli INFO replication'],
    });
  if (connected > 0 && least === 0 && config.has('min-replicas-to-write'))
    found.push({
      id: 'failover-loses',
      severity: 'note',
      what: 'min-replicas-to-write is 0.',
      means: 'A master that is cut off goes on taking changes, which the failover then loses. docs/reliability.md has figures.',
      type: [...setting('min-replicas-to-write', '1').slice(0, 1), ...setting('min-replicas-max-lag', '1')],
    });
  return found;
}

function clients(info: ServerInfo): Finding[] {
  const [connected, most] = [info.number('connected_clients'), info.number('maxclients')];
  if (connected === undefined || most === undefined || connected < (1 - RESERVE) * most) return [];
  return [
    {
      id: 'connections-full',
      severity: 'warning',
      what: `${connected} of ${most} connections are in use.`,
      means: 'Beyond that Redis refuses new ones, and processes that start have no sessions.',
      type: setting('maxclients', String(2 * most)),
    },
  ];
}

function layout(config: ServerConfig): Finding[] {
  const value = Number(config.get('hash-max-listpack-value') ?? LISTPACK);
  if (value >= LISTPACK) return [];
  return [
    {
      id: 'memory-layout',
      severity: 'note',
      what: `hash-max-listpack-value is ${value}.`,
      means: 'Sessions take about half as much memory again as they need to.',
      type: setting('hash-max-listpack-value', String(LISTPACK)),
    },
  ];
}
