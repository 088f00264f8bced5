import { SessionUnsupportedError } from '../redis-session.errors.js';
import { answerWithin } from './deadline.js';
import type { Fence, IndexedAt, IndexedSession, IndexPage, SessionIndex } from './store/session-index.js';
import { expiresAt, type SessionFacts } from './session-record.js';
import type { Sessions } from './sessions.js';
import type { Handle } from './sid.js';

/** How many sessions one command names. */
export const PAGE = 500;
/** How many sessions are looked at, or ended, at once. More of them would keep everything else in the process waiting. */
export const CHUNK = 100;

/**
 * What the index names of a user, page by page and each once. Between two pages, one in use may move up to where nobody looks again: so several
 * pages are gone through until none has a new name.
 */
export async function* allNamed(sessions: Sessions, userId: string): AsyncGenerator<IndexPage> {
  const seen = new Set<Handle>();
  for (;;) {
    const before = seen.size;
    let pages = 0;
    for await (const { sessions: named, fence } of pagesOf(sessions, userId)) {
      const unseen = named.filter(({ handle }) => !seen.has(handle));
      for (const { handle } of unseen) seen.add(handle);
      if (unseen.length > 0) yield { sessions: unseen, fence };
      pages++;
    }
    if (pages <= 1 || seen.size === before) return;
  }
}

async function* pagesOf(sessions: Sessions, userId: string): AsyncGenerator<IndexPage> {
  const index = indexOf(sessions);
  let after: IndexedSession | undefined;
  do {
    const page = await answerWithin(sessions.settings.deadline, index.page(userId, { limit: PAGE, after }));
    yield page;
    after = page.sessions.length === PAGE ? page.sessions.at(-1) : undefined;
  } while (after !== undefined);
}

/**
 * Those of the named sessions that are there, in the same order, and the handles of those that have gone, which the index then forgets. Those that a
 * fence has ended are ended, as whoever put it up may have died.
 */
export async function present(sessions: Sessions, userId: string, { sessions: named, fence }: IndexPage) {
  const { deadline } = sessions.settings;
  const over = fence === undefined ? [] : named.filter(({ score }) => score <= fence.lastScore);
  if (fence !== undefined && over.length > 0) await answerWithin(deadline, endOver(sessions, userId, over, fence));
  const others = named.slice(0, named.length - over.length);
  const [found, now] = await answerWithin(deadline, Promise.all([sessions.describe(others.map(({ handle }) => handle)), sessions.now()]));
  const alive: SessionFacts[] = [];
  const gone: Handle[] = [];
  for (const [position, { handle, isReserved }] of others.entries()) {
    const facts = found[position];
    if (facts !== undefined && facts.userId === userId) {
      // Another node of a Cluster may have told the time. What has ended by that clock is not shown, and not forgotten yet.
      if (expiresAt(facts) > now) alive.push(facts);
    }
    // A sign-in under way may be about to store the session.
    else if (!isReserved) gone.push(handle);
  }
  if (gone.length > 0) await answerWithin(deadline, indexOf(sessions).remove(userId, gone));
  return { sessions: alive, gone };
}

async function endOver(sessions: Sessions, userId: string, over: readonly IndexedSession[], { indexedUpTo, reason }: Fence): Promise<void> {
  for (let start = 0; start < over.length; start += CHUNK)
    await Promise.all(
      over.slice(start, start + CHUNK).map(({ handle }) => endOne(sessions, userId, { handle, indexedAt: indexedUpTo }, reason)),
    );
}

/** Ends a session that is behind a fence, unless it was indexed anew since, and then drops its name. */
export async function endOne(sessions: Sessions, userId: string, { handle, indexedAt = 0 }: IndexedAt, reason: string): Promise<void> {
  await sessions.revoke(handle, { userId, reason, indexedUpTo: indexedAt });
  // Not before it is known to have gone: whoever put up the fence, or does so next, finds it by its name.
  await sessions.index?.remove(userId, [handle]);
}

export function indexOf({ index }: Sessions): SessionIndex {
  if (index === undefined)
    throw new SessionUnsupportedError(
      'This store cannot list the sessions of a user: it keeps each under its sid. Set "store.kind" to "hash".',
    );
  return index;
}
