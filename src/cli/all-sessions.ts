import { keyNodes, type RedisNode } from '../redis/inspection/redis-node.js';
import { scanKeys } from '../redis/inspection/scan-keys.js';
import { USER } from '../redis/store/redis-keys.js';
import type { SessionFacts } from '../session/session-record.js';
import { isHandle } from '../session/sid.js';
import type { Context } from './command.js';
import { nodeAway } from './unavailable.js';

/** `SCAN` may name a key twice. Of so many keys of a node it is known whether they were there already; a set can hold 16 million. */
const MOST_REMEMBERED = 5_000_000;

/** What a part of the keys of a node tells. */
export interface FoundSessions {
  readonly node: RedisNode;
  /** Those that are there, visitors' too. */
  readonly sessions: readonly SessionFacts[];
  /** How many users have an index here. */
  readonly users: number;
}

/** All sessions, part by part and each once. What else lies under the prefix is left out. Throws where they cannot all be looked at. */
export async function* allSessions({ redis, store, prefix, signal }: Context): AsyncGenerator<FoundSessions> {
  if (redis.port.missesNode) throw nodeAway();
  for (const node of keyNodes(redis.client)) {
    const seen = new Set<string>();
    for await (const keys of scanKeys(node, { prefix, signal })) {
      const fresh = keys.map((key) => key.slice(prefix.length)).filter((name) => !seen.has(name));
      if (seen.size < MOST_REMEMBERED) for (const name of fresh) seen.add(name);
      const found = await store.describe([...new Set(fresh)].filter(isHandle));
      const users = fresh.filter((name) => name.startsWith(USER)).length;
      yield { node, sessions: found.filter((one) => one !== undefined), users };
    }
  }
}
