import { SessionGoneError, SessionRefusedError } from '../redis-session.errors.js';
import type { Deadline } from './deadline.js';
import { allPlaces, present } from './indexed-sessions.js';
import { latestEnd, type SessionFacts, type SessionRecord } from './session-record.js';
import type { SessionStore } from './session-store.js';
import type { Handle } from './sid.js';

/** A sign-in that takes longer than this many deadlines has long been given up. */
const DEADLINES = 3;

/** What a sign-in does besides storing its session, so that the user's sessions can be found, and are not too many. */
export class SignIns {
  constructor(private readonly store: SessionStore) {}

  /**
   * Call before the session becomes the user's. Rejects with `SessionRefusedError` when the user has too many, and with `SessionGoneError` when
   * the session, or the one that it replaces, is being ended.
   */
  async begin(userId: string, handle: Handle, replaces: Handle | undefined): Promise<void> {
    const { index, settings } = this.store;
    if (index === undefined) return;
    const { limit = Infinity, policy } = settings.maxSessionsPerUser ?? {};
    const reservation = { ms: DEADLINES * settings.deadline, replaces, limit: policy === 'reject' ? limit : undefined };
    for (;;) {
      const answer = await index.reserve(userId, handle, reservation);
      if (answer === 'reserved') return;
      if (answer === 'ended') throw new SessionGoneError();
      if (!(await this.#hasRoom(userId, limit, [handle, replaces]))) throw new SessionRefusedError();
    }
  }

  /** Call when the session is the user's. Rejects with `SessionGoneError` when all sessions of the user have been ended meanwhile. */
  async complete(userId: string, record: SessionRecord, replaced: Handle | undefined): Promise<void> {
    const { index, settings } = this.store;
    if (index === undefined) return;
    const count = await index.settle(userId, record.handle, latestEnd(record), replaced);
    if (count === undefined) throw new SessionGoneError();
    const { limit = Infinity, policy } = settings.maxSessionsPerUser ?? {};
    if (count > limit && policy !== 'reject')
      await this.#evict(userId, limit, policy === 'evict-least-recent' ? bySight(record.lastSeenAt) : byAge);
  }

  /**
   * Call when the session has gone: the index names it no longer. True when somebody else was ending it. When it fails nothing is wrong: whoever
   * reads the name finds the session gone.
   */
  async leave(record: SessionRecord | undefined, deadline: Deadline): Promise<boolean> {
    const { index, settings } = this.store;
    if (record?.userId === undefined || index === undefined) return false;
    try {
      return await deadline.wait(index.remove(record.userId, [record.handle]));
    } catch (error) {
      settings.logError(error instanceof Error ? error : new Error('A session that has gone is still named.'));
      return false;
    }
  }

  /** A place that was reserved and will not be taken must not count against the next sign-in. Nobody waits for it: its end comes by itself. */
  free(userId: string, handle: Handle): void {
    this.store.index?.remove(userId, [handle]).catch(this.store.settings.logError);
  }

  /** A name that was lost, with a node of Redis or by a process that died, comes back. Nobody waits for it. */
  renew(record: SessionRecord): void {
    if (record.userId !== undefined)
      this.store.index?.renew(record.userId, record.handle, latestEnd(record)).catch(this.store.settings.logError);
  }

  /** Drops the names of sessions that have gone. Whether fewer are left: another sign-in may have dropped those that were too many. */
  async #hasRoom(userId: string, limit: number, own: readonly (Handle | undefined)[]): Promise<boolean> {
    let others = 0;
    for await (const places of allPlaces(this.store, userId)) {
      const { gone } = await present(this.store, userId, places);
      const uncounted = new Set([...gone, ...own]);
      others += places.filter(({ handle }) => !uncounted.has(handle)).length;
    }
    return others < limit;
  }

  /** Of two sign-ins at once, each ends only what the other would end too, and the later one sees both. */
  async #evict(userId: string, limit: number, order: (a: SessionFacts, b: SessionFacts) => number): Promise<void> {
    const sessions: SessionFacts[] = [];
    for await (const places of allPlaces(this.store, userId)) sessions.push(...(await present(this.store, userId, places)).sessions);
    const excess = sessions.toSorted(order).slice(0, Math.max(0, sessions.length - limit));
    await Promise.all(excess.map(({ handle }) => this.#evictOne(userId, handle)));
  }

  async #evictOne(userId: string, handle: Handle): Promise<void> {
    const { store } = this;
    if (await store.revoke(handle, { userId, reason: 'evicted' })) store.events.emit('evicted', { handle, userId });
    // Now that it is dead, a name that stays is pruned by whoever reads it.
    await store.index?.remove(userId, [handle]).catch(store.settings.logError);
  }
}

/** By the sign-in: the session of a visitor may have begun long before. */
function byAge(a: SessionFacts, b: SessionFacts): number {
  return (a.authenticatedAt ?? 0) - (b.authenticatedAt ?? 0) || (a.handle < b.handle ? -1 : 1);
}

/** What was seen after the sign-in counts as seen with it: one that is in use must not have the new session ended in its place. */
function bySight(signedInAt: number): (a: SessionFacts, b: SessionFacts) => number {
  const seenAt = ({ lastSeenAt }: SessionFacts) => Math.min(lastSeenAt, signedInAt);
  return (a, b) => seenAt(a) - seenAt(b) || byAge(a, b);
}
