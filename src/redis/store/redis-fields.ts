import type { BatchedCommand } from '../client/batched-command.js';
import { isWrongType, noReply, toStoreError } from '../client/redis-errors.js';
import type { RedisNodes } from '../client/redis-nodes.js';
import type { RedisPort } from '../client/redis-port.js';

/** The text of each field of a hash, in their order; empty for a key that holds no hash. */
type FieldTexts = readonly (string | null)[];

/** The texts of some fields of each of these hashes, in their order; `null` where there is none, and for a key that holds no hash. */
export async function readFields(
  port: RedisPort,
  nodes: RedisNodes,
  keys: readonly string[],
  fields: readonly string[],
): Promise<readonly FieldTexts[]> {
  const [first] = keys;
  if (first === undefined) return [];
  const read = (some: readonly string[]) => nodes.ask(some[0] ?? '', 'HMGET', () => readTogether(port, some, fields));
  if (!port.isCluster) return read(keys);
  const hashes = await Promise.all(keys.map((key) => read([key])));
  return hashes.flat();
}

function readTogether(port: RedisPort, keys: readonly string[], fields: readonly string[]): Promise<FieldTexts[]> {
  const commands: BatchedCommand[] = [];
  const texts = keys.map(
    (key) =>
      new Promise<FieldTexts>((resolve, reject) => {
        commands.push({
          name: 'hmget',
          key,
          args: [key, ...fields],
          onReply: (values) => resolve(textsOf(values)),
          onError: (error) => (isWrongType(error) ? resolve([]) : reject(toStoreError(error))),
        });
      }),
  );
  port.sendTogether(commands);
  return Promise.all(texts);
}

function textsOf(values: unknown): FieldTexts {
  if (!Array.isArray(values)) throw noReply();
  return values as FieldTexts;
}
