import { SessionGoneError, SessionRefusedError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import type { Deadline } from './deadline.js';
import { CHUNK, endOne, indexOf, present } from './indexed-sessions.js';
import type { IndexedSession, Reservation } from './store/session-index.js';
import { latestEnd, type EndedSession, type SessionFacts, type SessionRecord } from './session-record.js';
import type { Sessions } from './sessions.js';
import type { Handle } from './sid.js';

/** A sign-in that takes longer than this many deadlines has long been given up. */
const DEADLINES = 3;
/** Up to that many sessions of a user, the policy of `maxSessionsPerUser` is followed exactly. */
const EXACT = 1_000;
/** How often a sign-in looks again after another one has changed what it has seen. */
const LOOKS = 3;

type ReserveTerms = Pick<Reservation, 'ms' | 'since'> & { readonly replaces?: SessionRecord | undefined };

/** What a sign-in does besides storing its session, so that the user's sessions can be found, and are not too many. */
export class SignIns {
  constructor(private readonly sessions: Sessions) {}

  /**
   * Call before the session becomes the user's; answers with when it is indexed. Rejects with `SessionRefusedError` when the user has too many, and
   * with `SessionGoneError` when the session that it replaces is over.
   */
  async begin(userId: string, handle: Handle, replaces: SessionRecord | undefined): Promise<number | undefined> {
    if (this.sessions.index === undefined) return undefined;
    const answer = await this.#reserve(userId, handle, { ms: DEADLINES * this.sessions.settings.deadline, replaces });
    if (typeof answer !== 'number') throw await this.#over(replaces);
    return answer;
  }

  /**
   * The same for a session that is made from a credential, by which the user had signed in `since` then. Others may use it from the moment it is stored, also
   * if this process dies before it confirms: so the entry is kept for as long as the session can live. An `EndedSession` when the user was revoked since.
   */
  beginAdopted(userId: string, handle: Handle, terms: { readonly since: number; readonly ms: number }): Promise<number | EndedSession> {
    return this.#reserve(userId, handle, terms);
  }

  async #reserve(userId: string, handle: Handle, terms: ReserveTerms): Promise<number | EndedSession> {
    const { replaces } = terms;
    const { limit = Infinity, policy } = this.sessions.settings.maxSessionsPerUser ?? {};
    let uncounted: readonly Handle[] = [];
    for (let look = 1; ; look++) {
      const reservation = { ...terms, limit: policy === 'reject' ? limit : undefined, uncounted };
      const answer = await indexOf(this.sessions).reserve(userId, handle, reservation);
      if (answer !== 'full') return answer;
      const room = look > LOOKS ? undefined : await this.#roomBeside(userId, limit, [handle, replaces?.handle]);
      if (room === undefined) throw new SessionRefusedError();
      uncounted = room;
    }
  }

  /**
   * Call when the session is the user's, and before the one that it replaces ends: nobody refuses the sign-in after that. Answers with how many
   * sessions have to be evicted for it, at most. Rejects with `SessionGoneError` when all sessions of the user have been ended meanwhile.
   */
  async confirm(userId: string, record: SessionRecord, replaces: SessionRecord | undefined): Promise<number> {
    if (this.sessions.index === undefined) return 0;
    const excess = await this.#confirm(userId, record, replaces);
    if (typeof excess !== 'number') throw await this.#over(replaces);
    return excess;
  }

  /** The same for a session that is made from a credential. An `EndedSession` when all sessions of the user have been ended meanwhile. */
  confirmAdopted(userId: string, record: SessionRecord): Promise<number | EndedSession> {
    return this.#confirm(userId, record, undefined);
  }

  async #confirm(userId: string, record: SessionRecord, replaces: SessionRecord | undefined): Promise<number | EndedSession> {
    const { handle, indexedAt = 0 } = record;
    const count = await indexOf(this.sessions).confirm(userId, handle, { indexedAt, endsAt: latestEnd(record), replaces });
    // The process was suspended for so long that the entry has run out.
    if (count === 'lapsed') throw new SessionStoreUnavailableError('timeout');
    if (typeof count !== 'number') return count;
    const { limit = Infinity, policy } = this.sessions.settings.maxSessionsPerUser ?? {};
    return policy === 'reject' ? 0 : Math.max(0, count - limit);
  }

  /** Call when the sign-in is done, with what `confirm` has answered: ends what is too many. */
  async evict(userId: string, excess: number, record: SessionRecord): Promise<void> {
    const { limit = Infinity, policy } = this.sessions.settings.maxSessionsPerUser ?? {};
    if (excess === 0) return;
    if (limit + excess > EXACT) await this.#evictNearest(userId, excess, record.handle);
    else await this.#evictByPolicy(userId, limit, policy === 'evict-least-recent' ? bySight(record.lastSeenAt) : byAge);
  }

  /**
   * Call when the session has gone: the index names it no longer. True when all sessions of the user were ended meanwhile, this one too. When it
   * fails nothing is wrong: whoever reads the name finds the session gone.
   */
  async leave(record: SessionRecord | undefined, deadline: Deadline): Promise<boolean> {
    const { index, settings } = this.sessions;
    if (record?.userId === undefined || index === undefined) return false;
    try {
      return !(await deadline.wait(index.leave(record.userId, record)));
    } catch (error) {
      settings.logError(error instanceof Error ? error : new Error('A session that has gone is still named.'));
      return false;
    }
  }

  /** An entry that was reserved and will not be confirmed must not count against the next sign-in. Nobody waits for it: its end comes by itself. */
  cancel(userId: string, handle: Handle): void {
    this.sessions.index?.remove(userId, [handle]).catch(this.sessions.settings.logError);
  }

  /** The session has gone, so its name goes too. Nobody waits for it. */
  removeName({ userId, handle }: SessionRecord): void {
    if (userId !== undefined) this.cancel(userId, handle);
  }

  /**
   * A name that was lost, with a node of Redis or by a process that died, comes back; and a session that is over, though whoever was to end it died
   * before, ends. Nobody waits for it.
   */
  refresh(record: SessionRecord): void {
    this.#refreshOrEnd(record).catch(this.sessions.settings.logError);
  }

  async #refreshOrEnd(record: SessionRecord): Promise<void> {
    const { userId } = record;
    const { index } = this.sessions;
    if (userId === undefined || index === undefined) return;
    const ended = await index.refresh(userId, record, latestEnd(record));
    if (ended !== undefined) await endOne(this.sessions, userId, record, ended.endedReason);
  }

  /** Which of the two sessions is over is not known here. The one before may have been spared, or be left by whoever was to end it. */
  async #over(replaces: SessionRecord | undefined): Promise<SessionGoneError> {
    if (replaces !== undefined) await this.#refreshOrEnd(replaces);
    return new SessionGoneError();
  }

  /**
   * Drops the names of sessions that have gone. Answers with those that do not count, since the session that replaces them is there too;
   * `undefined` when there is no room all the same.
   */
  async #roomBeside(userId: string, limit: number, own: readonly (Handle | undefined)[]): Promise<readonly Handle[] | undefined> {
    const { named, sessions } = await this.#look(userId);
    const replaced = replacedAmong(sessions);
    const others = named.filter(({ handle }) => !own.includes(handle) && !replaced.has(handle));
    return others.length < limit ? [...replaced] : undefined;
  }

  /** Of two sign-ins at once, each ends only what the other would end too, and the later one sees both. */
  async #evictByPolicy(userId: string, limit: number, order: (a: SessionFacts, b: SessionFacts) => number): Promise<void> {
    for (let look = 1; look <= LOOKS; look++) {
      const { sessions } = await this.#look(userId);
      const replaced = replacedAmong(sessions);
      const counted = sessions.filter(({ handle }) => !replaced.has(handle)).toSorted(order);
      const excess = counted.slice(0, Math.max(0, counted.length - limit));
      const victims = excess.flatMap((one) => withReplaced(one, sessions)).slice(0, CHUNK);
      // One that had gone already was perhaps seen before it was replaced, and what replaces it was not.
      if (await this.#evictAll(userId, victims)) return;
    }
  }

  /** Too many to look at all of them: each sign-in ends some, those that would end first by themselves. */
  async #evictNearest(userId: string, excess: number, own: Handle): Promise<void> {
    const named = await this.#nearest(userId);
    const first = named.filter(({ handle, isReserved }) => !isReserved && handle !== own).slice(0, CHUNK);
    const { sessions, gone } = await present(this.sessions, userId, { sessions: first });
    const victims = sessions.slice(0, Math.max(0, excess - gone.length));
    await this.#evictAll(
      userId,
      victims.map(({ handle }) => handle),
    );
  }

  /** Sessions of a user, and the names that are left when those of dead sessions are dropped. */
  async #look(userId: string) {
    const all = await this.#nearest(userId);
    const sessions: SessionFacts[] = [];
    const gone = new Set<Handle>();
    for (let start = 0; start < all.length; start += CHUNK) {
      const part = await present(this.sessions, userId, { sessions: all.slice(start, start + CHUNK) });
      sessions.push(...part.sessions);
      for (const handle of part.gone) gone.add(handle);
    }
    return { named: all.filter(({ handle }) => !gone.has(handle)), sessions };
  }

  #nearest(userId: string): Promise<readonly IndexedSession[]> {
    return indexOf(this.sessions).nearest(userId, { limit: EXACT });
  }

  /** False when one of them had gone already. */
  async #evictAll(userId: string, handles: readonly Handle[]): Promise<boolean> {
    if (handles.length === 0) return true;
    const { sessions } = this;
    const ended = await Promise.all(handles.map((handle) => sessions.revoke(handle, { userId, reason: 'evicted' }, 'evicted')));
    // Now that they are dead, a name that stays is pruned by whoever reads it.
    await indexOf(sessions).remove(userId, handles).catch(sessions.settings.logError);
    return ended.every(Boolean);
  }
}

/** Those that are there beside the session that replaces them: the two count as one. */
function replacedAmong(sessions: readonly SessionFacts[]): ReadonlySet<Handle> {
  const handles = new Set(sessions.map(({ handle }) => handle));
  return new Set(sessions.flatMap(({ from }) => (from !== undefined && handles.has(from) ? [from] : [])));
}

/** A session and those that it replaces, which go first. */
function withReplaced({ handle, from }: SessionFacts, sessions: readonly SessionFacts[]): Handle[] {
  const replaced = from === undefined ? undefined : sessions.find((one) => one.handle === from);
  if (replaced === undefined) return [handle];
  const others = sessions.filter((one) => one.handle !== handle);
  return [...withReplaced(replaced, others), handle];
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
