import type { ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { isIoredis } from './ioredis/is-ioredis.js';
import { settingsOf } from './node-redis/client-options.js';
import { nodeRedisOf } from './node-redis/is-node-redis.js';
import { formOf, type ConnectionForm, type RedisConnection } from './redis-connection.js';
import type { RedisPort } from './redis-port.js';
import { infoOf } from './server-info.js';

const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;

/** What is risky about a connection in production, one sentence each. Never the value: it may hold a password. */
export function connectionWarnings(connection: RedisConnection): string[] {
  const form = formOf(connection);
  const way = 'problem' in form ? undefined : wayTo(form);
  if (way === undefined || isLocal(way.places)) return [];
  const missing = [...(way.hasTls ? [] : ['TLS']), ...(way.hasPassword ? [] : ['a password'])];
  if (missing.length === 0) return [];
  return [
    `Redis is on another machine, and "redis" asks for it without ${missing.join(' and without ')}: anybody on the network between, or anybody who reaches its port, can read and change sessions. Use rediss:// and a user of its own.`,
  ];
}

/**
 * Says when Redis may throw away what it was given, once it is connected: sessions then end early, and the index of a user forgets sessions
 * that go on living. Nothing where `INFO` is not permitted. Returns the function that ends it.
 */
export function warnOfEviction(port: RedisPort, log: (message: string) => void): () => void {
  const ask = () => {
    stop();
    void evictionPolicy(port).then((policy) => policy !== undefined && log(evicting(policy)));
  };
  const stop = port.on('ready', ask);
  if (port.isReady) ask();
  return stop;
}

function evicting(policy: string): string {
  return `Redis evicts keys when its memory is full (maxmemory-policy ${policy}): users are signed out, and SessionManager.revokeAll() does not find sessions whose user's index was evicted. Set maxmemory-policy to noeviction.`;
}

/** The first policy found that evicts. */
async function evictionPolicy(port: RedisPort): Promise<string | undefined> {
  const infos = await Promise.all(port.writtenNodes().map((node) => infoOf(node).catch(() => undefined)));
  return infos.map((info) => info?.evictingPolicy).find((policy) => policy !== undefined);
}

/** Not where nobody can tell: a Cluster instance learns its nodes in time. */
function isLocal(places: readonly Place[]): boolean {
  return places.length > 0 && places.every(({ host = 'localhost', path }) => typeof path === 'string' || LOCAL_HOST.test(host));
}

/** How Redis is reached. */
interface WayToRedis {
  readonly places: readonly Place[];
  readonly hasTls: boolean;
  readonly hasPassword: boolean;
}

/** `undefined` where a client does not say. */
function wayTo(form: ConnectionForm): WayToRedis | undefined {
  const nodeRedis = form.kind === 'client' ? nodeRedisOf(form.client) : undefined;
  if (nodeRedis === undefined) {
    const { password, tls } = nodeOptionsOf(form);
    return { places: placesOf(form), hasTls: tls !== undefined && tls !== null, hasPassword: Boolean(password) };
  }
  const settings = settingsOf(nodeRedis);
  if (settings?.isKnown !== true) return undefined;
  const { roots, node } = settings;
  return {
    places: roots,
    hasTls: node.socket?.tls === true,
    hasPassword: Boolean(node.password) || node.credentialsProvider !== undefined,
  };
}

/** Of those behind a sentinel nothing is known but where it is itself. */
function placesOf(form: ConnectionForm): readonly Place[] {
  const nodes = form.kind === 'cluster' ? form.nodes : nodesOf(form);
  if (nodes !== undefined)
    return nodes.map((node) => (typeof node === 'object' ? ('options' in node ? node.options : node) : hostOf(node)));
  const { host, path, sentinels } = nodeOptionsOf(form);
  return sentinels ?? [{ host, path }];
}

interface Place {
  readonly host?: string | undefined;
  readonly path?: string | undefined;
}

function nodesOf(form: ConnectionForm): Redis[] | undefined {
  return form.kind === 'client' && isIoredis(form.client) && 'nodes' in form.client ? form.client.nodes() : undefined;
}

function hostOf(node: string | number): Place {
  return typeof node === 'string' && URL.canParse(node) ? { host: new URL(node).hostname } : {};
}

function nodeOptionsOf(form: ConnectionForm): RedisOptions {
  const options = optionsOf(form);
  return 'redisOptions' in options || form.kind === 'cluster' ? ((options as { redisOptions?: RedisOptions }).redisOptions ?? {}) : options;
}

function optionsOf(form: ConnectionForm): RedisOptions | ClusterOptions {
  if (form.kind !== 'client') return form.options;
  return isIoredis(form.client) ? form.client.options : {};
}
