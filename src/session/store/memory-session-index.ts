import type { Clock } from '../clock.js';
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
} from './session-index.js';
import type { EndedSession } from '../session-record.js';
import type { Handle } from '../sid.js';

interface Entry {
  readonly endsAt: number;
  readonly isReserved: boolean;
}

interface StandingFence extends Fence {
  readonly except: Handle | undefined;
  readonly endsAt: number;
}

/** The sessions of one user. */
interface Indexed {
  readonly entries: Map<Handle, Entry>;
  fence: StandingFence | undefined;
}

/** Names the sessions that a `MemorySessionStore` keeps. */
export class MemorySessionIndex implements SessionIndex {
  readonly #users = new Map<string, Indexed>();

  constructor(private readonly clock: Clock) {}

  async reserve(
    userId: string,
    handle: Handle,
    { ms, replaces, limit = Infinity, since, uncounted = [] }: Reservation,
  ): Promise<number | 'full' | EndedSession> {
    const now = this.clock.now();
    const user = this.#userOf(userId, now);
    const ended = endOf(user, replaces) ?? (since === undefined ? undefined : endOf(user, { handle, indexedAt: since }));
    if (ended !== undefined) return ended;
    if (countWithout(user, [handle, replaces?.handle, ...uncounted]) >= limit) return 'full';
    const entry = user.entries.get(handle);
    if (entry === undefined || entry.isReserved || isBehind(user, entry))
      this.#name(userId, user, handle, { endsAt: now + Math.ceil(ms), isReserved: true });
    if (since !== undefined) return since;
    // The clock may have been set back since.
    return user.fence === undefined ? now : Math.max(now, user.fence.indexedUpTo + 1);
  }

  async confirm(userId: string, handle: Handle, { indexedAt, endsAt, replaces }: Confirmation): Promise<number | 'lapsed' | EndedSession> {
    const user = this.#userOf(userId, this.clock.now());
    const ended = endOf(user, { handle, indexedAt }) ?? endOf(user, replaces);
    if (ended !== undefined) return ended;
    if (!user.entries.has(handle)) return 'lapsed';
    this.#name(userId, user, handle, { endsAt: Math.ceil(endsAt), isReserved: false });
    return countWithout(user, [replaces?.handle]);
  }

  async refresh(userId: string, session: IndexedAt, endsAt: number): Promise<EndedSession | undefined> {
    const user = this.#userOf(userId, this.clock.now());
    const ended = endOf(user, session);
    if (ended !== undefined) return ended;
    this.#name(userId, user, session.handle, { endsAt: Math.ceil(endsAt), isReserved: false });
    return undefined;
  }

  async remove(userId: string, handles: readonly Handle[]): Promise<void> {
    this.#remove(userId, this.#userOf(userId, this.clock.now()), handles);
  }

  async leave(userId: string, session: IndexedAt): Promise<boolean> {
    const user = this.#userOf(userId, this.clock.now());
    this.#remove(userId, user, [session.handle]);
    return endOf(user, session) === undefined;
  }

  async fence(userId: string, { ms, reason, except }: FenceOptions): Promise<Fence | undefined> {
    const now = this.clock.now();
    const user = this.#userOf(userId, now);
    if (endOf(user, except) !== undefined) return undefined;
    const { fence: before } = user;
    let lastScore = before?.lastScore ?? 0;
    for (const entry of user.entries.values()) lastScore = Math.max(lastScore, scoreOf(entry));
    user.fence = {
      indexedUpTo: Math.max(now, (before?.indexedUpTo ?? 0) + 1),
      lastScore,
      reason,
      except: except?.handle,
      endsAt: Math.max(now + ms, lastScore, before?.endsAt ?? 0),
    };
    this.#users.set(userId, user);
    if (except !== undefined && user.entries.has(except.handle)) this.#name(userId, user, except.handle, { endsAt: 0, isReserved: false });
    return publicOf(user.fence);
  }

  async page(userId: string, { limit, after }: IndexRange): Promise<IndexPage> {
    const { entries, fence } = this.#userOf(userId, this.clock.now());
    const sessions = ordered(entries)
      .filter((one) => after === undefined || isBefore(one, after))
      .toReversed()
      .slice(0, limit);
    return { sessions, ...(fence === undefined ? {} : { fence: publicOf(fence) }) };
  }

  async nearest(userId: string, { limit, after, fence }: IndexRange & { fence?: Fence | undefined }): Promise<readonly IndexedSession[]> {
    const user = this.#userOf(userId, this.clock.now());
    const isWanted = ({ score }: IndexedSession) => (fence === undefined ? score > (user.fence?.lastScore ?? 0) : score <= fence.lastScore);
    return ordered(user.entries)
      .filter((one) => isWanted(one) && (after === undefined || isBefore(after, one)))
      .slice(0, limit);
  }

  /** Drops the names of all who have ended. */
  sweep(now: number): void {
    for (const userId of this.#users.keys()) this.#leaveIfEmpty(userId, this.#userOf(userId, now));
  }

  /** Those that can still be alive. */
  #userOf(userId: string, now: number): Indexed {
    const user = this.#users.get(userId) ?? { entries: new Map<Handle, Entry>(), fence: undefined };
    for (const [handle, { endsAt }] of user.entries) if (endsAt <= now) user.entries.delete(handle);
    if (user.fence !== undefined && user.fence.endsAt <= now) user.fence = undefined;
    return user;
  }

  /** Names a session, beyond the fence. */
  #name(userId: string, user: Indexed, handle: Handle, entry: Entry): void {
    const beyond = user.fence === undefined ? entry.endsAt : Math.max(entry.endsAt, Math.floor(user.fence.lastScore) + 1);
    user.entries.set(handle, { ...entry, endsAt: beyond });
    this.#users.set(userId, user);
  }

  #remove(userId: string, user: Indexed, handles: readonly Handle[]): void {
    for (const handle of handles) user.entries.delete(handle);
    this.#leaveIfEmpty(userId, user);
  }

  #leaveIfEmpty(userId: string, { entries, fence }: Indexed): void {
    if (entries.size === 0 && fence === undefined) this.#users.delete(userId);
  }
}

function publicOf({ indexedUpTo, lastScore, reason }: StandingFence): Fence {
  return { indexedUpTo, lastScore, reason };
}

/** When a fence has ended that session. */
function endOf({ fence }: Indexed, session: IndexedAt | undefined): EndedSession | undefined {
  if (fence === undefined || session === undefined) return undefined;
  const { handle, indexedAt = 0 } = session;
  return indexedAt <= fence.indexedUpTo && handle !== fence.except ? { endedReason: fence.reason } : undefined;
}

function isBehind({ fence }: Indexed, entry: Entry): boolean {
  return fence !== undefined && scoreOf(entry) <= fence.lastScore;
}

/** How many sessions are named beyond the fence, without those. */
function countWithout(user: Indexed, handles: readonly (Handle | undefined)[]): number {
  const uncounted = new Set(handles);
  return [...user.entries].filter(([handle, entry]) => !uncounted.has(handle) && !isBehind(user, entry)).length;
}

/** As in Redis, where half a ms more tells that an entry is only reserved. */
function scoreOf({ endsAt, isReserved }: Entry): number {
  return isReserved ? endsAt + 0.5 : endsAt;
}

/** As a sorted set has them: by their end, then by name. */
function ordered(entries: ReadonlyMap<Handle, Entry>): IndexedSession[] {
  return [...entries]
    .map(([handle, entry]) => ({ handle, score: scoreOf(entry), isReserved: entry.isReserved }))
    .toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
}

function isBefore(a: Pick<IndexedSession, 'handle' | 'score'>, b: Pick<IndexedSession, 'handle' | 'score'>): boolean {
  return a.score < b.score || (a.score === b.score && a.handle < b.handle);
}
