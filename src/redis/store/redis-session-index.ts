import type {
  Confirmation,
  Fence,
  FenceOptions,
  IndexedAt,
  IndexedSession,
  IndexPage,
  IndexRange,
  Reservation,
  SessionIndex,
} from '../../session/store/session-index.js';
import type { EndedSession } from '../../session/session-record.js';
import type { Handle } from '../../session/sid.js';
import { isWrongType } from '../client/redis-errors.js';
import type { RedisKeys } from './redis-keys.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { ScriptName } from '../scripts/redis-scripts.js';
import type { RedisWriter, ScriptReply } from './redis-writer.js';

/** The fraction of the score of an entry that is only reserved. `lua/_index.lua` writes it. */
const RESERVED = 0.5;

/** Names the sessions of each user in a sorted set; `docs/storage-format.md` shows one. */
export class RedisSessionIndex implements SessionIndex {
  readonly #keys: RedisKeys;
  readonly #writer: RedisWriter;
  readonly #logError: (error: Error) => void;

  constructor(keys: RedisKeys, writer: RedisWriter, logError: (error: Error) => void) {
    this.#keys = keys;
    this.#writer = writer;
    this.#logError = logError;
  }

  async reserve(
    userId: string,
    handle: Handle,
    { ms, replaces, limit = 0, since, uncounted = [] }: Reservation,
  ): Promise<number | 'full' | EndedSession> {
    const { status, values } = await this.#run('reserve', userId, [
      handle,
      Math.ceil(ms),
      limit,
      ...argsOf(replaces),
      since ?? '',
      ...uncounted,
    ]);
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

  /** Says that a session is over, as whoever revoked all of the user has said. Changes nothing. */
  async endedBy(userId: string, session: IndexedAt): Promise<EndedSession | undefined> {
    const { status, values } = await this.#run('isOver', userId, argsOf(session));
    return status === STATUS.gone ? endedBy(values) : undefined;
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

  /** What lies at the key and is of another type is no index, and would keep its user from signing in for ever. */
  async #run(script: ScriptName, userId: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    const key = this.#keys.user(userId);
    try {
      return await this.#writer.run(script, key, args);
    } catch (error) {
      if (!isWrongType(error)) throw error;
      const { status } = await this.#writer.run('clear', key, []);
      if (status === STATUS.done) this.#logError(replaced());
      return this.#writer.run(script, key, args);
    }
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

function replaced(): Error {
  return new Error(
    "Redis held data of another type where the index of a user's sessions belongs. It was replaced; sessions are named again when they are next touched.",
  );
}
