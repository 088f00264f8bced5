import { toStoreError } from '../redis/client/redis-errors.js';
import { EXIT } from './exit-codes.js';
import { CommandError } from './problems.js';

const WRONG_CREDENTIALS = 'Set REDIS_USERNAME and REDIS_PASSWORD, or put them into REDIS_URL.';
const WRONG_CERTIFICATE = 'Give the authority that has signed the certificate of Redis: --ca FILE';

/** What to do about a Redis that does not answer, by what is known of why. */
const CURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there. Start Redis, or set --url or REDIS_URL.',
  ENOENT: 'There is no such socket. Start Redis, or set --url or REDIS_URL.',
  ENOTFOUND: 'There is no such host. Set --url or REDIS_URL.',
  EAI_AGAIN: 'There is no such host, or no name server. Set --url or REDIS_URL.',
  ETIMEDOUT: 'Nobody answers there. Check the address and the network, or wait longer with --timeout.',
  EHOSTUNREACH: 'Nobody answers there. Check the address and the network.',
  timeout: 'Redis takes too long to answer. Wait longer with --timeout, or look what it does: redis-cli SLOWLOG GET',
  connection: 'The connection breaks. If Redis wants TLS, use rediss:// or --tls; if it does not, redis://.',
  ECONNRESET: 'The connection breaks. If Redis wants TLS, use rediss:// or --tls; if it does not, redis://.',
  NOAUTH: `Redis asks for a password. ${WRONG_CREDENTIALS}`,
  WRONGPASS: `User or password is wrong. ${WRONG_CREDENTIALS}`,
  NOPERM: 'The Redis user lacks a right. docs/command-line.md lists what each command needs.',
  LOADING: 'Redis is reading its data from disk. Try again when it has.',
  BUSY: 'A script runs that does not end. Type: redis-cli SCRIPT KILL',
  READONLY: 'That is a replica. Give the address of its master.',
  MASTERDOWN: 'That is a replica that has lost its master. Give the address of the master.',
  MISCONF: 'Redis cannot write to its disk, and so takes no changes. Look into its log.',
  OOM: 'Redis has no memory left. Raise maxmemory.',
  NOREPLICAS: 'Redis has too few replicas to take changes (min-replicas-to-write).',
  CLUSTERDOWN: 'The Cluster is down. Type: redis-cli CLUSTER INFO',
  MOVED: 'That Redis is a node of a Cluster. Add --cluster.',
  EPROTO: 'That port speaks no TLS. Use redis://.',
  DEPTH_ZERO_SELF_SIGNED_CERT: WRONG_CERTIFICATE,
  SELF_SIGNED_CERT_IN_CHAIN: WRONG_CERTIFICATE,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: WRONG_CERTIFICATE,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: WRONG_CERTIFICATE,
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate of Redis is for another name. Use the host that it names.',
};

/** What says only that somebody does not answer. */
const UNREACHED: ReadonlySet<string> = new Set([
  'connection',
  'timeout',
  'outage',
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);

/** Of a Cluster, by which of its nodes answer. */
const NODES_AWAY = {
  none: 'None of the nodes that you name answers. Start them, or set --url or REDIS_URL to one that runs. If they want TLS, use rediss:// or --tls.',
  some: 'A node of the Cluster cannot be reached. See which: nestjs-redis-session doctor --cluster',
};

/** What lies on that node would be left out. */
export function nodeAway(): CommandError {
  return new CommandError(`Not all sessions can be looked at. ${NODES_AWAY.some}`, EXIT.unavailable);
}

interface Circumstances {
  /** Why there is no connection, where that is known. */
  readonly lost?: string | undefined;
  /** Of a Cluster, which of its nodes have answered before. */
  readonly nodes?: 'none' | 'some' | undefined;
}

/**
 * What the user of the program is told when Redis does not answer. Only words about its kind: an error of the client may hold keys and data.
 */
export function unavailable(error: unknown, { lost, nodes }: Circumstances = {}): CommandError {
  const { reason, command } = toStoreError(error);
  const cause = lost !== undefined && ['connection', 'timeout', 'outage'].includes(reason) ? lost : reason;
  const what = command === undefined ? cause : `${cause}: ${command}`;
  const ofNodes = nodes !== undefined && UNREACHED.has(cause) ? NODES_AWAY[nodes] : undefined;
  const cure = ofNodes ?? CURES[cause] ?? (cause.startsWith('ERR_SSL') ? CURES['EPROTO'] : undefined) ?? 'Try again.';
  return new CommandError(`Redis does not answer (${what}). ${cure}`, EXIT.unavailable);
}
