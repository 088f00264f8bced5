import { kindOf, unknownNames } from '../../session/option-checks.js';
import { isIoredis } from './ioredis/is-ioredis.js';
import { nodeRedisOf } from './node-redis/is-node-redis.js';
import { formOf, keyPrefixOf, readsFromReplica, redisConnectionProblems, unfit, type ConnectionForm } from './redis-connection.js';

/**
 * What other packages call it, each with the cure. ioredis ignores what it does not know, and would connect to localhost, or without a
 * password.
 */
const ELSEWHERE = new Map([
  ['pass', 'Did you mean "redis.password"?'],
  ['user', 'Did you mean "redis.username"?'],
  ['hostname', 'Did you mean "redis.host"?'],
  ['database', 'Did you mean "redis.db"?'],
  ['socket', 'Did you mean "redis.host" and "redis.port", or "redis.path"?'],
  ...['url', 'uri'].map((name): [string, string] => [name, 'Give the URL itself: redis: "redis://localhost:6379".']),
  ['client', 'Give the client itself: redis: client.'],
  ...['prefix', 'ttl', 'logErrors'].map((name): [string, string] => [name, `Did you mean "store.${name}"?`]),
]);

/** What belongs to the options of a Cluster, and what to those of its nodes. */
const IN_CLUSTER = new Map([
  ['nodes', 'redis.cluster'],
  ...['redisOptions', 'scaleReads', 'natMap', 'dnsLookup', 'slotsRefreshTimeout'].map((name): [string, string] => [
    name,
    `redis.options.${name}`,
  ]),
  ...['username', 'password', 'tls'].map((name): [string, string] => [name, `redis.options.redisOptions.${name}`]),
]);

/** What is wrong with the option `redis`, one sentence each: name, rule, cure. Never the value: it may hold a password. */
export function connectionProblems(connection: unknown): string[] {
  const problems = redisConnectionProblems(connection);
  const form = formOf(connection);
  if (!('problem' in form)) problems.push(...emptyPlaces(form), ...foreignNames(form, connection));
  if (readsFromReplica(connection)) problems.push(readingReplicas('"redis"'));
  if (keyPrefixOf(connection) !== '')
    problems.push('"redis" must have no "keyPrefix" of its own: keys would get two prefixes. Use "store.prefix" instead.');
  return problems;
}

/** What is wrong with the client of a store that is made without the module: at its first command it would end the process. */
export function clientProblems(client: unknown): string[] {
  const nodeRedis = nodeRedisOf(client);
  if (nodeRedis !== undefined && !('client' in nodeRedis)) return [unfit(nodeRedis.made, 'The client')];
  if (nodeRedis !== undefined || isIoredis(client)) return readsFromReplica(client) ? [readingReplicas('The client')] : [];
  if (typeof client === 'object' && client !== null && 'client' in client)
    return [
      'The client must stand by itself, received it as connect-redis takes it. Give the client itself: new RedisSessionStore(client, { prefix }).',
    ];
  return [
    `The client must be one of ioredis, iovalkey or node-redis, received ${kindOf(client)}. Make one: new Redis("redis://localhost:6379").`,
  ];
}

function readingReplicas(what: string): string {
  return `${what} must not read from replicas (Cluster "scaleReads", Sentinel "role"; of node-redis "useReplicas", "readonly"): a revoked session would still answer there. Leave that setting out.`;
}

/** ioredis would take all of these for localhost. */
function emptyPlaces(form: ConnectionForm): string[] {
  if (form.kind !== 'redis') return [];
  const options: Readonly<Record<string, unknown>> = { ...form.options };
  if (Object.values(options).every((value) => value === undefined || value === null || value === ''))
    return ['"redis" must say where Redis is, and nothing in it has a value. Use something like { host: "localhost", port: 6379 }.'];
  const places = ['host', 'path', 'sentinels'];
  if (places.some((name) => Boolean(options[name]))) return [];
  return places
    .filter((name) => options[name] === '')
    .map((name) => `"redis.${name}" must not be an empty string. Set it, or leave it out.`);
}

function foreignNames(form: ConnectionForm, connection: unknown): string[] {
  // `{ cluster, options }` is this package's own.
  if (form.kind === 'cluster') return unknownNames('redis', connection as object, ['cluster', 'options'], IN_CLUSTER);
  if (form.kind !== 'redis') return [];
  return Object.entries(form.options)
    .filter(([name, value]) => value !== undefined && ELSEWHERE.has(name))
    .map(([name]) => `"redis.${name}" is not an option of ioredis. ${ELSEWHERE.get(name)}`);
}
