import { formOf, keyPrefixOf, readsFromReplica, redisConnectionProblems } from './redis-connection.js';

/**
 * What other packages call it, each with the cure. ioredis ignores what it does not know, and would connect to localhost, or without a
 * password.
 */
const ELSEWHERE = new Map([
  ['pass', 'Did you mean "redis.password"?'],
  ['url', 'Give the URL itself: redis: "redis://localhost:6379".'],
  ['client', 'Give the client itself: redis: client.'],
  ...['prefix', 'ttl', 'logErrors'].map((name): [string, string] => [name, `Did you mean "store.${name}"?`]),
]);

/** What is wrong with the option `redis`, one sentence each: name, rule, cure. Never the value: it may hold a password. */
export function connectionProblems(connection: unknown): string[] {
  const problems = redisConnectionProblems(connection);
  if (connection !== null && typeof connection === 'object' && Object.keys(connection).length === 0)
    problems.push('"redis" must say where Redis is, received an empty object. Use something like { host: "localhost", port: 6379 }.');
  problems.push(...foreignNames(connection));
  if (readsFromReplica(connection))
    problems.push(
      '"redis" must not read from replicas (Cluster "scaleReads", Sentinel "role"): a revoked session would still answer there. Leave that setting out.',
    );
  if (keyPrefixOf(connection) !== '')
    problems.push('"redis" must have no "keyPrefix" of its own: keys would get two prefixes. Use "store.prefix" instead.');
  return problems;
}

function foreignNames(connection: unknown): string[] {
  const form = formOf(connection);
  if ('problem' in form || form.kind !== 'redis') return [];
  return Object.entries(form.options)
    .filter(([name, value]) => value !== undefined && ELSEWHERE.has(name))
    .map(([name]) => `"redis.${name}" is not an option of ioredis. ${ELSEWHERE.get(name)}`);
}
