import { decodeTombstone, entryOfField, GONE_FIELD } from '../../session/store/session-fields.js';
import type { Handle } from '../../session/sid.js';
import { isWrongType, noReply } from '../client/redis-errors.js';
import { RedisKeys } from '../store/redis-keys.js';
import type { RedisNode } from './redis-node.js';

/** What a key of a session holds, without its values. */
export interface SessionState {
  /** Names and sizes of the entries. */
  readonly entries: readonly EntrySize[];
  /** All names and values together, what this package keeps of the session included. */
  readonly bytes: number;
  /** Why somebody else has ended it; `undefined` while nobody has. */
  readonly endedReason: string | undefined;
}

export interface EntrySize {
  readonly name: string;
  readonly bytes: number;
}

/** Looks at a session, whose values stay in Redis. `undefined` where there is none, or something else. */
export async function stateOf(node: RedisNode, prefix: string, handle: Handle): Promise<SessionState | undefined> {
  const key = new RedisKeys(prefix).session(handle);
  const fields = await fieldsOf(node, key);
  if (fields.length === 0) return undefined;
  const lengths = await node.askAll(fields.map((field) => ['HSTRLEN', key, field] as const));
  const sizes = fields.map((field, position) => ({ field, bytes: Buffer.byteLength(field) + lengthIn(lengths[position]) }));
  const entries = sizes.flatMap(({ field, bytes }) => {
    const name = entryOfField(field);
    return name === undefined ? [] : [{ name, bytes }];
  });
  return {
    entries: entries.toSorted((a, b) => b.bytes - a.bytes),
    bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    endedReason: fields.includes(GONE_FIELD) ? await reasonIn(node, key) : undefined,
  };
}

async function fieldsOf(node: RedisNode, key: string): Promise<string[]> {
  try {
    return (await node.ask('HKEYS', key)) as string[];
  } catch (error) {
    if (isWrongType(error)) return [];
    throw error;
  }
}

function lengthIn(result: PromiseSettledResult<unknown> | undefined): number {
  if (result?.status === 'fulfilled') return Number(result.value);
  throw result === undefined ? noReply() : (result.reason as Error);
}

async function reasonIn(node: RedisNode, key: string): Promise<string | undefined> {
  const gone = await node.ask('HGET', key, GONE_FIELD);
  return typeof gone === 'string' ? decodeTombstone({ [GONE_FIELD]: gone })?.endedReason : undefined;
}
