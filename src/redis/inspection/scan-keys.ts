import { setTimeout as wait } from 'node:timers/promises';
import type { RedisNode } from './redis-node.js';

/** How many keys Redis looks at in one go: some tenths of a millisecond. */
const COUNT = 500;
/** In ms, between two goes. */
const LONGEST_PAUSE = 100;

/** What may stand in a pattern of `SCAN` for something else than itself. */
const SPECIAL = /[\\*?[\]^]/g;

export interface ScanOptions {
  /** What every key begins with. */
  readonly prefix: string;
  /** Only keys of that type, as `TYPE` has it. @default any */
  readonly type?: string;
  readonly signal?: AbortSignal;
}

/**
 * The keys of a node, part by part, while others use it: between two parts it rests as long as the last one took. A key may come twice, and one that is
 * made or deleted meanwhile may come or not (Redis' documentation of `SCAN`).
 */
export async function* scanKeys(node: RedisNode, { prefix, type, signal }: ScanOptions): AsyncGenerator<string[]> {
  const pattern = `${prefix.replaceAll(SPECIAL, String.raw`\$&`)}*`;
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const begunAt = performance.now();
    const [next, keys] = (await node.ask(
      'SCAN',
      cursor,
      'MATCH',
      pattern,
      'COUNT',
      COUNT,
      ...(type === undefined ? [] : ['TYPE', type]),
    )) as [string, string[]];
    cursor = next;
    const took = performance.now() - begunAt;
    if (keys.length > 0) yield keys;
    if (cursor !== '0') await wait(Math.min(took, LONGEST_PAUSE));
  } while (cursor !== '0');
}
