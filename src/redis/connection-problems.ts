import { keyPrefixOf, readsFromReplica, redisConnectionProblems } from './redis-connection.js';

/** What is wrong with the option `redis`, one sentence each: name, rule, cure. Never the value: it may hold a password. */
export function connectionProblems(connection: unknown): string[] {
  const problems = redisConnectionProblems(connection);
  if (connection !== null && typeof connection === 'object' && Object.keys(connection).length === 0)
    problems.push('"redis" must say where Redis is, received an empty object. Use something like { host: "localhost", port: 6379 }.');
  if (readsFromReplica(connection))
    problems.push(
      '"redis" must not read from replicas (Cluster "scaleReads", Sentinel "role"): a revoked session would still answer there. Leave that setting out.',
    );
  if (keyPrefixOf(connection) !== '')
    problems.push('"redis" must have no "keyPrefix" of its own: keys would get two prefixes. Use "store.prefix" instead.');
  return problems;
}
