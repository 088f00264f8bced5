import { SessionIndex, type Claim, type IndexedSession, type Reservation } from '../session/session-index.js';
import type { Handle } from '../session/sid.js';
import type { RedisKeys } from './redis-keys.js';
import { STATUS, type ScriptName } from './redis-scripts.js';
import type { RedisWriter, ScriptReply } from './redis-writer.js';

/** The fraction of the score of a place that is reserved. `lua/_index.lua` writes it. */
const RESERVED = 0.5;

/** Names the sessions of each user in a sorted set; `docs/storage-format.md` shows one. */
export class RedisSessionIndex extends SessionIndex {
  readonly #keys: RedisKeys;
  readonly #writer: RedisWriter;

  constructor(keys: RedisKeys, writer: RedisWriter) {
    super();
    this.#keys = keys;
    this.#writer = writer;
  }

  async reserve(userId: string, handle: Handle, { ms, replaces = '' as Handle, limit = 0 }: Reservation) {
    const { status } = await this.#run('reserve', userId, [handle, Math.ceil(ms), replaces, limit]);
    if (status === STATUS.full) return 'full';
    return status === STATUS.gone ? 'ended' : 'reserved';
  }

  async settle(userId: string, handle: Handle, endsAt: number, replaced = '' as Handle): Promise<number | undefined> {
    const { status, values } = await this.#run('settle', userId, [handle, Math.ceil(endsAt), replaced]);
    return status === STATUS.gone ? undefined : Number(values[0]);
  }

  async renew(userId: string, handle: Handle, endsAt: number): Promise<void> {
    await this.#run('renew', userId, [handle, Math.ceil(endsAt)]);
  }

  async remove(userId: string, handles: readonly Handle[]): Promise<boolean> {
    if (handles.length === 0) return false;
    const { values } = await this.#run('forget', userId, handles);
    return values[0] !== '0';
  }

  async claim(
    userId: string,
    { skip, size, except = '' as Handle }: { skip: number; size: number; except?: Handle | undefined },
  ): Promise<Claim> {
    const { values } = await this.#run('claim', userId, [except, skip, size]);
    const [claimed, looked, ...handles] = values;
    return { claimed: Number(claimed), hasMore: Number(looked) === size, handles: handles as Handle[] };
  }

  async page(
    userId: string,
    { limit, after }: { limit: number; after?: Pick<IndexedSession, 'handle' | 'score'> | undefined },
  ): Promise<IndexedSession[]> {
    const { values } = await this.#run('page', userId, [after?.handle ?? '', after?.score ?? 0, limit]);
    const sessions: IndexedSession[] = [];
    for (let index = 0; index < values.length; index += 2) {
      const score = Number(values[index + 1]);
      sessions.push({ handle: values[index] as Handle, score, isReserved: score % 1 === RESERVED });
    }
    return sessions;
  }

  /** What lies at the key and is no index of ours cannot be mended from here: it is as if the store could not answer. */
  #run(script: ScriptName, userId: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    return this.#writer.run(script, this.#keys.user(userId), args);
  }
}
