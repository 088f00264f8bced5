import { LONGEST_STRETCH } from '../../session/lifetime.js';
import type { EndedSession } from '../../session/session-record.js';
import type { Handle } from '../../session/sid.js';
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
import type { RedisSessionIndex } from '../store/redis-session-index.js';

/**
 * The index of a user's sessions while some of these are strings. It never names a string: whoever read the name would find no session. A sign-in that makes
 * one is dated all the same, and refused when it comes out of a session that is over.
 */
export class MigratingIndex implements SessionIndex {
  /** @param isHash whether a session of that handle is one that the index names, or is going to be */
  constructor(
    private readonly index: RedisSessionIndex,
    private readonly isHash: (handle: Handle) => Promise<boolean>,
  ) {}

  async reserve(userId: string, handle: Handle, reservation: Reservation): Promise<number | 'full' | EndedSession> {
    const counts = await this.isHash(handle);
    return this.index.reserve(userId, handle, counts ? reservation : { ...reservation, limit: undefined });
  }

  async confirm(userId: string, handle: Handle, confirmation: Confirmation): Promise<number | 'lapsed' | EndedSession> {
    if (await this.isHash(handle)) return this.index.confirm(userId, handle, confirmation);
    const answer = await this.index.confirm(userId, handle, { ...confirmation, endsAt: confirmation.indexedAt + 1 });
    return typeof answer === 'number' ? 0 : answer;
  }

  /** A string may come with a cookie for as long as browsers keep one, and the index knows of none that would keep the fence. */
  fence(userId: string, options: FenceOptions): Promise<Fence | undefined> {
    return this.index.fence(userId, { ...options, ms: Math.max(options.ms, LONGEST_STRETCH) });
  }

  refresh(userId: string, session: IndexedAt, endsAt: number): Promise<EndedSession | undefined> {
    return this.index.refresh(userId, session, endsAt);
  }

  remove(userId: string, handles: readonly Handle[]): Promise<void> {
    return this.index.remove(userId, handles);
  }

  leave(userId: string, session: IndexedAt): Promise<boolean> {
    return this.index.leave(userId, session);
  }

  page(userId: string, range: IndexRange): Promise<IndexPage> {
    return this.index.page(userId, range);
  }

  nearest(userId: string, range: IndexRange & { readonly fence?: Fence | undefined }): Promise<readonly IndexedSession[]> {
    return this.index.nearest(userId, range);
  }
}
