import type { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { isRefused, type RedisNode } from '../../redis/inspection/redis-node.js';
import { scanKeys } from '../../redis/inspection/scan-keys.js';
import { NOT_BEFORE, USER } from '../../redis/store/redis-keys.js';
import { decodeMetadata, decodeTombstone, GONE_FIELD, META_FIELD } from '../../session/store/session-fields.js';
import { isHandle } from '../../session/sid.js';

/** How the value of a session of connect-redis begins. */
const CONNECT_REDIS = '{"cookie"';
const NO_TTL = -1;
const EXAMPLES = 5;

/** What was found under the prefix, in a sample of its keys. */
export class Sample {
  keys = 0;
  sessions = 0;
  /** Strings as connect-redis keeps sessions. */
  strings = 0;
  /** Sessions and indexes that never end. */
  readonly endless: string[] = [];
  /** Hashes where sessions lie that are none. */
  readonly unreadable: string[] = [];
  readonly large: string[] = [];
  /** How many other keys there are, by type. Their names may be sids of another package, so nobody is told them. */
  readonly foreign = new Map<string, number>();
  /** The first command that Redis has refused: what that would have told is not known. */
  refusal: SessionStoreUnavailableError | undefined;

  constructor(
    private readonly prefix: string,
    private readonly maxBytes: number,
  ) {}

  /** Looks at keys of a node until the sample holds so many. */
  async take(node: RedisNode, size: number, signal: AbortSignal): Promise<void> {
    for await (const keys of scanKeys(node, { prefix: this.prefix, signal })) {
      const chosen = keys.slice(0, size - this.keys);
      const types = await node.askAll(chosen.map((key) => ['TYPE', key] as const));
      for (const [position, key] of chosen.entries()) await this.#look(node, key, this.#valueOf(types[position]));
      if (this.keys >= size) return;
    }
  }

  async #look(node: RedisNode, key: string, type: unknown): Promise<void> {
    // It has ended meanwhile.
    if (type === 'none' || typeof type !== 'string') return;
    this.keys++;
    const name = key.slice(this.prefix.length);
    const [ttl] = await node.askAll([['PTTL', key]]);
    const isEndless = this.#valueOf(ttl) === NO_TTL;
    const isIndex = name.startsWith(USER) && type === 'zset';
    if (isIndex || (name.startsWith(NOT_BEFORE) && type === 'string')) {
      if (isEndless) this.endless.push(key);
    } else if (type === 'hash' && isHandle(name)) await this.#lookAtHash(node, key, isEndless);
    else if (type === 'string' && (await this.#isOfConnectRedis(node, key))) this.strings++;
    else this.foreign.set(type, (this.foreign.get(type) ?? 0) + 1);
  }

  async #isOfConnectRedis(node: RedisNode, key: string): Promise<boolean> {
    const [beginning] = await node.askAll([['GETRANGE', key, 0, CONNECT_REDIS.length - 1]]);
    return this.#valueOf(beginning) === CONNECT_REDIS;
  }

  /** `undefined` where Redis has refused. */
  #valueOf(result: PromiseSettledResult<unknown> | undefined): unknown {
    if (result?.status !== 'rejected') return result?.value;
    if (!isRefused(result.reason)) throw result.reason as Error;
    this.refusal ??= result.reason;
    return undefined;
  }

  async #lookAtHash(node: RedisNode, key: string, isEndless: boolean): Promise<void> {
    const [meta, gone] = (await node.ask('HMGET', key, META_FIELD, GONE_FIELD)) as (string | null)[];
    const isTombstone = decodeTombstone({ [GONE_FIELD]: gone ?? '' }) !== undefined;
    if (isEndless) this.endless.push(key);
    if (isTombstone) return;
    if (decodeMetadata(meta) === undefined) {
      this.unreadable.push(key);
      return;
    }
    this.sessions++;
    const [size] = await node.askAll([['MEMORY', 'USAGE', key]]);
    if (Number(this.#valueOf(size) ?? 0) > this.maxBytes) this.large.push(key);
  }
}

/** The first of them, for an example. */
export function someOf(keys: readonly string[]): readonly string[] {
  return keys.slice(0, EXAMPLES);
}
