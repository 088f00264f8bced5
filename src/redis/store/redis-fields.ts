import type { RedisClient } from '../client/redis-client.js';
import { isWrongType, noReply, toStoreError } from '../client/redis-errors.js';
import type { RedisNodes } from '../client/redis-nodes.js';

/** The texts of some fields of each of these hashes, in their order; `null` where there is none, and for a key that holds no hash. */
export async function readFields(
  client: RedisClient,
  nodes: RedisNodes,
  keys: readonly string[],
  fields: readonly string[],
): Promise<(string | null)[][]> {
  const [first] = keys;
  if (first === undefined) return [];
  if (!client.isCluster) return nodes.ask(first, 'HMGET', () => readTogether(client, keys, fields));
  // A Cluster client finds the node of each key itself.
  return Promise.all(keys.map((key) => nodes.ask(key, 'HMGET', () => client.hmget(key, ...fields).then(textsOf, noFields))));
}

async function readTogether(client: RedisClient, keys: readonly string[], fields: readonly string[]): Promise<(string | null)[][]> {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.hmget(key, ...fields);
  const replies = await pipeline.exec().catch((error: unknown) => {
    throw toStoreError(error);
  });
  if (replies === null) throw toStoreError(undefined);
  return replies.map(([error, values]) => (error === null || error === undefined ? textsOf(values) : noFields(error)));
}

function textsOf(values: unknown): (string | null)[] {
  if (!Array.isArray(values)) throw noReply();
  return values as (string | null)[];
}

function noFields(error: unknown): (string | null)[] {
  if (isWrongType(error)) return [];
  throw toStoreError(error);
}
