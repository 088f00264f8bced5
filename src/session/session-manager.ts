import { types } from 'node:util';
import { SessionGoneError, SessionMisuseError, SessionUnsupportedError } from '../redis-session.errors.js';
import { ACTIVE_SESSION, type ActiveSession } from './active-session.js';
import { answerWithin } from './deadline.js';
import { IDENTITY_ENTRY, isIdentity, type Identity } from './identity.js';
import { allNamed, CHUNK, indexOf, PAGE, present } from './indexed-sessions.js';
import { credentialLife, longestLife } from './lifetime.js';
import { checkLimits } from './store/session-limits.js';
import type { IndexedAt, IndexedSession } from './store/session-index.js';
import { expiresAt, isUnderSid, type SessionFacts } from './session-record.js';
import { DEFAULT_REASON, type Revocation, type SessionStore } from './store/session-store.js';
import { Sessions } from './sessions.js';
import type { SessionMigration } from './session-migration.js';
import { isHandle, type Handle } from './sid.js';
import { emitWarning, warnOnce } from './warn-once.js';

/** One session of a user, as you may show it to them. Nothing in it opens the session. */
export interface SessionInfo {
  /** Its public name, for {@link SessionManager.revoke}. */
  readonly handle: Handle;
  /** Whose it is. */
  readonly userId: string;
  readonly createdAt: Date;
  /** When its idle timeout last restarted. */
  readonly lastSeenAt: Date;
  /** When it ends if no other request comes. */
  readonly expiresAt: Date;
  /** The address that last wrote to it; only with `store.track.ip`. */
  readonly ip?: string | undefined;
  /** The browser that last wrote to it; only with `store.track.userAgent`. */
  readonly userAgent?: string | undefined;
  /** True for the session that you gave to `list` as `current`. */
  readonly current?: true;
}

/** Which of a user's sessions to list. */
export interface ListOptions {
  /** The `cursor` of the page before. @default the first page */
  cursor?: string | undefined;
  /** The most sessions of a page, 1 to 500. @default 50 */
  limit?: number | undefined;
  /** The session to mark: the session of the request, or its handle. */
  current?: { readonly handle: Handle } | Handle | undefined;
}

/** What a manager must know of the processes that serve requests. */
export interface ManagerOptions {
  /**
   * The option `adopt` of these processes, or `{ until }` of it: for so long, the manager has to remember whom it has signed out. @default that of the
   * middleware over the same store in this process
   */
  adopt?: { readonly until?: Date | undefined } | undefined;
}

/** A page of a user's sessions. */
export interface SessionPage {
  readonly sessions: readonly SessionInfo[];
  /** For the next page; `undefined` when there is none. */
  readonly cursor?: string | undefined;
}

/** What is said once in the phase `'prepare'`. */
export const UNSEEN_STRINGS =
  'With "store.migrate" "prepare", new sessions are strings of connect-redis, and SessionManager cannot see those: list(), get(), count(), revoke(), updateIdentity() and limits work on hashes only. revokeAll() ends strings too, with the next request that an instance of this package gets. Set "store.migrate" to "convert" once all instances run with "prepare".';
const DEFAULT_LIMIT = 50;
/** In ms. What is later than that by the store's clock was not meant as now. */
const MOST_AHEAD = 3_600_000;
const CURSOR = /^(\d{1,16}(?:\.\d{1,2})?)\.([A-Za-z0-9_-]{22,43})$/;
const REASON = /^[a-z0-9][a-z0-9_.-]{0,63}$/i;

/**
 * Lists, ends and changes the sessions of users, from a request, a job or an admin command.
 *
 * Every call waits at most `store.deadline` for each answer of Redis, and rejects with `SessionStoreUnavailableError` if none comes. A call
 * that ends several sessions may then have ended some; repeat it. Stores made for express-session can't do any of this
 * (`SessionUnsupportedError`).
 *
 * @publicApi
 */
export class SessionManager {
  readonly #sessions: Sessions;

  /** @param options for a process without a middleware over the same store */
  constructor(store: SessionStore, { adopt }: ManagerOptions = {}) {
    this.#sessions = Sessions.of(store);
    if (adopt !== undefined) this.#sessions.adoptFor(credentialLife(adopt));
    if (store.migration?.phase === 'prepare') warnOnce(emitWarning, UNSEEN_STRINGS);
  }

  /**
   * The move from connect-redis: how many sessions are left, and how to convert them without waiting for their visitors. Throws `SessionUnsupportedError` without
   * `store.migrate`.
   */
  migration(): SessionMigration {
    const { migration } = this.#sessions.store;
    if (migration !== undefined) return migration;
    throw new SessionUnsupportedError('SessionManager.migration() needs a move from connect-redis. Set "store.migrate".');
  }

  /** The living sessions of a user, page by page: pages with the latest possible end first, the newest session first within a page. */
  async list(userId: string | number, { cursor, limit = DEFAULT_LIMIT, current }: ListOptions = {}): Promise<SessionPage> {
    const user = userOf(userId);
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > PAGE)
      throw new SessionMisuseError(`SessionManager.list() needs a "limit" from 1 to ${PAGE}.`);
    const currentHandle = typeof current === 'object' ? handleIn(current, 'list') : current;
    let after = cursor === undefined ? undefined : positionOf(cursor);
    for (;;) {
      const page = await this.#answer(indexOf(this.#sessions).page(user, { limit, after }));
      const { sessions } = await present(this.#sessions, user, page);
      after = page.sessions.length === limit ? page.sessions.at(-1) : undefined;
      if (sessions.length > 0 || after === undefined)
        return {
          sessions: sessions.toSorted((a, b) => b.createdAt - a.createdAt).map((facts) => infoOf(facts, user, currentHandle)),
          ...(after === undefined ? {} : { cursor: `${after.score}.${after.handle}` }),
        };
    }
  }

  /** One session of a user. `undefined` if that user has no such session (any more), even if another user has it. */
  async get(userId: string | number, handle: string): Promise<SessionInfo | undefined> {
    const user = userOf(userId);
    const facts = await this.#factsOf(handle);
    return facts?.userId === user ? infoOf(facts, user) : undefined;
  }

  /** How many living sessions a user has. */
  async count(userId: string | number): Promise<number> {
    const user = userOf(userId);
    let count = 0;
    for await (const page of allNamed(this.#sessions, user)) count += (await present(this.#sessions, user, page)).sessions.length;
    return count;
  }

  /**
   * Ends one session of a user. Resolves with false if that user has no such session (any more), even if another user has it.
   *
   * @param reason what its holder learns for five minutes: a word of letters, digits, `.`, `_` and `-`. Default `'revoked'`
   */
  async revoke(userId: string | number, handle: string, reason: string = DEFAULT_REASON): Promise<boolean> {
    const user = userOf(userId);
    checkReason(reason);
    indexOf(this.#sessions);
    return isHandle(handle) && (await this.#endEach(user, [{ handle }], { reason })) === 1;
  }

  /**
   * Ends all sessions of the user but this one, and resolves with how many. After that, none of them answers any more. Rejects with
   * `SessionGoneError` if this session itself has ended, and with `SessionMisuseError` if nobody has signed in.
   *
   * After a change of the password, call `session.reauthenticate()` first: somebody else who has the cookie of this session would stay
   * signed in with it.
   *
   * @param session the session of a request: what `@Session()` or `sessionOf(req)` gives you
   */
  revokeOthers(session: { readonly handle: Handle }, reason?: string): Promise<number>;
  /**
   * The same for a session that you name by user and handle. Rejects with `SessionGoneError` if that user has no such session (any more).
   */
  revokeOthers(userId: string | number, handle: string, reason?: string): Promise<number>;
  async revokeOthers(one: object | string | number, second?: string, third?: string): Promise<number> {
    const isByUser = typeof one !== 'object';
    const reason = (isByUser ? third : second) ?? DEFAULT_REASON;
    checkReason(reason);
    const user = isByUser ? userOf(one) : undefined;
    const facts = await this.#factsOf(isByUser ? String(second) : handleOfRequest(one));
    if (facts === undefined && !isByUser && isStringOf(one)) throw new SessionUnsupportedError(UNSEEN_STRINGS);
    if (facts === undefined || (isByUser && facts.userId !== user)) throw new SessionGoneError();
    if (facts.userId === undefined) throw new SessionMisuseError('SessionManager.revokeOthers() needs the session of a signed-in user.');
    return this.#endAll(facts.userId, { reason, except: facts });
  }

  /**
   * Ends all sessions of a user, and resolves with how many it has ended itself. After that, none of them answers any more, and no sign-in
   * that was under way has made a new one out of them. Sign-ins that begin meanwhile are not ended and don't hold it up. A request may
   * touch one of the sessions at the same moment and end it for the same reason; that one is not counted.
   *
   * If it rejects or its process dies, the sessions that were there when it began are over all the same, once Redis has taken its first
   * command: each ends with the next touch that is due, with a sign-in, when somebody lists it, or when you repeat the call.
   */
  async revokeAll(userId: string | number, reason: string = DEFAULT_REASON): Promise<number> {
    checkReason(reason);
    return this.#endAll(userOf(userId), { reason });
  }

  /**
   * Ends all sessions of a user that began before `time`, or before now, and resolves with how many it knew. It also ends sessions that the
   * index has forgotten (after a failover). Needs `store.revokeBefore`.
   *
   * What counts is when the session began, not when somebody signed in. With the option `identity` over express-session, somebody who signs
   * in later by assigning an identity to a visitor's session from before `time` is signed out at once. `session.login()` and
   * `session.regenerate()` begin a new session, and so does such an assignment over the built-in middleware.
   *
   * @param time leave it out for now, by the clock of Redis. With `new Date()`, a clock of this machine that is behind would spare the
   *   newest session. A time that is ahead by less than an hour counts as now
   */
  async revokeBefore(userId: string | number, time?: Date | number, reason: string = DEFAULT_REASON): Promise<number> {
    const user = userOf(userId);
    checkReason(reason);
    const isTime = types.isDate(time) || typeof time === 'number';
    if (time !== undefined && !(isTime && Number(time) >= 0 && Number(time) <= (await this.#answer(this.#sessions.now())) + MOST_AHEAD))
      throw new SessionMisuseError(
        'SessionManager.revokeBefore() needs a time in the past: a Date, or epoch milliseconds. Leave it out for now.',
      );
    const createdBefore = await this.#answer(this.#sessions.endBefore(user, time === undefined ? undefined : Number(time)));
    let ended = 0;
    for await (const { sessions } of allNamed(this.#sessions, user))
      ended += await this.#endEach(user, sessions, { reason, createdBefore });
    return ended;
  }

  /**
   * Changes the identity of a user in all their sessions, and resolves with how many. They see it on their next request. What is
   * `undefined` in `patch` is removed. Change the user in your database first: a sign-in at the same moment reads it there.
   *
   * Rejects with `SessionMisuseError` if `patch` has an `id`, and with `SessionLimitError` if an identity would become too large. It does
   * not change an identity that you keep elsewhere (the option `identity`).
   */
  async updateIdentity(userId: string | number, patch: Readonly<Record<string, unknown>>): Promise<number> {
    const user = userOf(userId);
    if ('id' in patch)
      throw new SessionMisuseError('SessionManager.updateIdentity() cannot change "id": that is another user, who has to sign in.');
    const seen = new Map<Handle, Update>();
    // One that has gone since it was listed may have moved to a new handle with what it had before, so the list is read again.
    while (await this.#updateNamed(user, patch, seen));
    return [...seen.values()].filter((update) => update === 'changed').length;
  }

  /** Whether one has gone that was a session when it was listed. */
  async #updateNamed(userId: string, patch: Readonly<Record<string, unknown>>, seen: Map<Handle, Update>): Promise<boolean> {
    let isOneGone = false;
    for await (const { sessions } of allNamed(this.#sessions, userId)) {
      const unseen = sessions.filter(({ handle }) => !seen.has(handle));
      const updates = await Promise.all(unseen.map(({ handle }) => this.#updateOne(handle, userId, patch)));
      for (const [position, { handle, isReserved }] of unseen.entries()) {
        const update = updates[position] ?? 'gone';
        // A sign-in under way may store it yet.
        if (update === 'gone' && isReserved) continue;
        seen.set(handle, update);
        isOneGone ||= update === 'gone';
      }
    }
    return isOneGone;
  }

  async #updateOne(handle: Handle, userId: string, patch: Readonly<Record<string, unknown>>): Promise<Update> {
    const { settings } = this.#sessions;
    let isChanged = false;
    const change = (text: string | undefined) => {
      const identity = text === undefined ? undefined : decodeIdentity(text, settings.serializer);
      isChanged = identity !== undefined && String(identity.id) === userId;
      if (text === undefined || !isChanged) return undefined;
      const patched = settings.serializer.stringify({ ...identity, ...patch });
      if (patched === undefined) return undefined;
      checkLimits(settings, new Map([[IDENTITY_ENTRY, text]]), { set: new Map([[IDENTITY_ENTRY, patched]]), removed: [] });
      return patched;
    };
    if (!(await this.#answer(this.#sessions.compareAndSet(handle, userId, IDENTITY_ENTRY, change)))) return 'gone';
    return isChanged ? 'changed' : 'unchanged';
  }

  /** First one command makes them all old, so that nothing can be made out of one while another is being ended; then they end part by part. */
  async #endAll(userId: string, { reason, except }: { readonly reason: string; readonly except?: IndexedAt }): Promise<number> {
    const index = indexOf(this.#sessions);
    const fence = await this.#answer(index.fence(userId, { ms: this.#fenceLife, reason, except }));
    if (fence === undefined) throw new SessionGoneError();
    let count = 0;
    let after: IndexedSession | undefined;
    do {
      const part = await this.#answer(index.nearest(userId, { limit: PAGE, after, fence }));
      count += await this.#endEach(userId, part, { reason, indexedUpTo: fence.indexedUpTo });
      after = part.length === PAGE ? part.at(-1) : undefined;
    } while (after !== undefined);
    return count;
  }

  /** In ms. Nothing that was given out before the fence outlives it: no session, and no credential that a session can be made from. */
  get #fenceLife(): number {
    return Math.max(longestLife(this.#sessions.settings), this.#sessions.credentialLife);
  }

  async #endEach(userId: string, sessions: readonly Ending[], terms: Terms): Promise<number> {
    let count = 0;
    for (let start = 0; start < sessions.length; start += CHUNK) {
      const chunk = sessions.slice(start, start + CHUNK);
      const ended = new Set<Handle>();
      await Promise.all(chunk.map(async (session) => (await this.#end(userId, session, terms)) && ended.add(session.handle)));
      count += ended.size;
      // One that is left since it began later stays named.
      await this.#removeNames(userId, terms.createdBefore === undefined ? chunk.map(({ handle }) => handle) : [...ended]);
    }
    return count;
  }

  #end(userId: string, { handle, isReserved = false }: Ending, terms: Terms): Promise<boolean> {
    // A sign-in under way may store its session later: it must not come to be, not even for the moment until the sign-in finds itself refused.
    const mayComeLater = isReserved && terms.indexedUpTo !== undefined;
    return this.#answer(this.#sessions.revoke(handle, { userId, ...terms, mayComeLater }));
  }

  /** The sessions are dead already, so when this fails nothing is wrong: whoever reads the names finds them gone. */
  async #removeNames(userId: string, handles: readonly Handle[]): Promise<void> {
    await this.#answer(indexOf(this.#sessions).remove(userId, handles)).catch(this.#sessions.settings.logError);
  }

  async #factsOf(handle: string): Promise<SessionFacts | undefined> {
    if (!isHandle(handle)) return undefined;
    const [[facts], now] = await this.#answer(Promise.all([this.#sessions.describe([handle]), this.#sessions.now()]));
    return facts !== undefined && expiresAt(facts) > now ? facts : undefined;
  }

  #answer<T>(answer: Promise<T>): Promise<T> {
    return answerWithin(this.#sessions.settings.deadline, answer);
  }
}

/** Of the session object of a request. What merely has a handle, as a request's body may, is none: knowing the handle opens nothing. */
function handleOfRequest(session: object): Handle {
  const active = (session as { [ACTIVE_SESSION]?: ActiveSession } | null)?.[ACTIVE_SESSION];
  if (active !== undefined) return active.handle;
  throw new SessionMisuseError(
    'SessionManager.revokeOthers() needs the session of a request, or a user id and a handle. Give it what @Session() of this package or sessionOf(req) gives, not req.session or an object with a handle.',
  );
}

/** Whether it is kept under its sid, where nobody finds it by its handle. */
function isStringOf(session: object): boolean {
  const { record } = (session as { [ACTIVE_SESSION]?: ActiveSession })[ACTIVE_SESSION] ?? {};
  return record !== undefined && isUnderSid(record);
}

/** `req.session`, which is express-session's, has none: without this check, it would be no session of anybody's. */
function handleIn(session: { readonly handle: Handle }, method: string): Handle {
  const handle: unknown = session?.handle;
  if (typeof handle === 'string') return session.handle;
  throw new SessionMisuseError(
    `SessionManager.${method}() needs a session that has a "handle". Give it what @Session() of this package or sessionOf(req) gives, not req.session.`,
  );
}

/** What a change of the identity has found. */
type Update = 'changed' | 'unchanged' | 'gone';

/** A session to end; `isReserved` as in {@link IndexedSession}. */
interface Ending {
  readonly handle: Handle;
  readonly isReserved?: boolean;
}

/** Why sessions are ended, and which of those named. */
type Terms = Pick<Revocation, 'reason' | 'createdBefore' | 'indexedUpTo'>;

function infoOf(facts: SessionFacts, userId: string, current?: Handle): SessionInfo {
  const { handle, createdAt, lastSeenAt, device } = facts;
  return {
    handle,
    userId,
    createdAt: new Date(createdAt),
    lastSeenAt: new Date(lastSeenAt),
    expiresAt: new Date(expiresAt(facts)),
    ...device,
    ...(handle === current ? { current: true as const } : {}),
  };
}

function positionOf(cursor: string): { readonly handle: Handle; readonly score: number } {
  const [, score, handle] = CURSOR.exec(cursor) ?? [];
  if (!isHandle(handle)) throw new SessionMisuseError('SessionManager.list() needs a "cursor" that it has returned, or none.');
  return { handle, score: Number(score) };
}

function userOf(userId: string | number): string {
  if (!isIdentity({ id: userId })) throw new SessionMisuseError('SessionManager needs a user id: a non-empty string or a finite number.');
  return String(userId);
}

/** Throws `SessionMisuseError` for what is no reason to end a session. */
export function checkReason(reason: string): void {
  if (!REASON.test(reason))
    throw new SessionMisuseError('A reason for ending sessions must be a word of at most 64 letters, digits, ".", "_" and "-".');
}

function decodeIdentity(text: string, serializer: { parse(text: string): unknown }): Identity | undefined {
  try {
    const value = serializer.parse(text);
    return isIdentity(value) ? value : undefined;
  } catch {
    return undefined; // What cannot be decoded is no identity, as in a request.
  }
}
