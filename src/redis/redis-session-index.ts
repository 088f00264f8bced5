import {
  SessionIndex,
  type Confirmation,
  type Fence,
  type FenceOptions,
  type IndexedAt,
  type IndexedSession,
  type IndexPage,
  type IndexRange,
  type Reservation,
} from '../session/session-index.js';
import type { EndedSession } from '../session/session-record.js';
import type { Handle } from '../session/sid.js';
import type { RedisKeys } from './redis-keys.js';
import { STATUS, type ScriptName } from './redis-scripts.js';
import type { RedisWriter, ScriptReply } from './redis-writer.js';

/** The fraction of the score of an entry that is only reserved. `lua/_index.lua` writes it. */
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

  async reserve(
    userId: string,
    handle: Handle,
    { ms, replaces, limit = 0, uncounted = [] }: Reservation,
  ): Promise<number | 'full' | EndedSession> {
    const { status, values } = await this.#run('reserve', userId, [handle, Math.ceil(ms), limit, ...argsOf(replaces), ...uncounted]);
    if (status === STATUS.full) return 'full';
    return status === STATUS.gone ? endedBy(values) : Number(values[0]);
  }

  async confirm(userId: string, handle: Handle, { indexedAt, endsAt, replaces }: Confirmation): Promise<number | 'lapsed' | EndedSession> {
    const { status, values } = await this.#run('confirm', userId, [handle, indexedAt, Math.ceil(endsAt), ...argsOf(replaces)]);
    if (status === STATUS.noEntry) return 'lapsed';
    return status === STATUS.gone ? endedBy(values) : Number(values[0]);
  }

  async refresh(userId: string, session: IndexedAt, endsAt: number): Promise<EndedSession | undefined> {
    const { status, values } = await this.#run('refresh', userId, [...argsOf(session), Math.ceil(endsAt)]);
    return status === STATUS.gone ? endedBy(values) : undefined;
  }

  async remove(userId: string, handles: readonly Handle[]): Promise<void> {
    if (handles.length > 0) await this.#run('forget', userId, ['', ...handles]);
  }

  async leave(userId: string, { handle, indexedAt = 0 }: IndexedAt): Promise<boolean> {
    const { status } = await this.#run('forget', userId, [indexedAt, handle]);
    return status !== STATUS.gone;
  }

  async fence(userId: string, { ms, reason, except }: FenceOptions): Promise<Fence | undefined> {
    const { status, values } = await this.#run('fence', userId, [...argsOf(except), Math.ceil(ms), reason]);
    return status === STATUS.gone ? undefined : { indexedUpTo: Number(values[0]), lastScore: Number(values[1]), reason };
  }

  async page(userId: string, { limit, after }: IndexRange): Promise<IndexPage> {
    const { values } = await this.#run('page', userId, [after?.handle ?? '', after?.score ?? 0, limit]);
    const [lastScore = '', indexedUpTo = '', reason = '', ...pairs] = values;
    const sessions = sessionsOf(pairs);
    return lastScore === ''
      ? { sessions }
      : { sessions, fence: { indexedUpTo: Number(indexedUpTo), lastScore: Number(lastScore), reason } };
  }

  async nearest(userId: string, { limit, after, fence }: IndexRange & { fence?: Fence | undefined }): Promise<readonly IndexedSession[]> {
    const args = [after?.handle ?? '', after?.score ?? 0, limit, fence?.lastScore ?? ''];
    const { values } = await this.#run('nearest', userId, args);
    return sessionsOf(values);
  }

  /** What lies at the key and is no index of ours cannot be mended from here: it is as if the store could not answer. */
  #run(script: ScriptName, userId: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    return this.#writer.run(script, this.#keys.user(userId), args);
  }
}

function argsOf(session: IndexedAt | undefined): [handle: string, indexedAt: number] {
  return [session?.handle ?? '', session?.indexedAt ?? 0];
}

function endedBy([endedReason = '']: readonly string[]): EndedSession {
  return { endedReason };
}

/** Handles and scores in pairs. */
function sessionsOf(pairs: readonly string[]): IndexedSession[] {
  const sessions: IndexedSession[] = [];
  for (let index = 0; index < pairs.length; index += 2) {
    const score = Number(pairs[index + 1]);
    sessions.push({ handle: pairs[index] as Handle, score, isReserved: score % 1 === RESERVED });
  }
  return sessions;
}
