import { SessionUnsupportedError } from '../redis-session.errors.js';
import { answerWithin } from './deadline.js';
import type { IndexedSession, SessionIndex } from './session-index.js';
import { expiresAt, type SessionFacts } from './session-record.js';
import type { SessionStore } from './session-store.js';

/** How many sessions one command names. */
export const PAGE = 500;

/**
 * What the index names of a user, page by page and each once. Between two pages, one in use may move up to where nobody looks again: so several
 * pages are gone through until none has a new name.
 */
export async function* allPlaces(store: SessionStore, userId: string): AsyncGenerator<readonly IndexedSession[]> {
  const seen = new Set<IndexedSession['handle']>();
  for (;;) {
    const before = seen.size;
    let pages = 0;
    for await (const places of pagesOf(store, userId)) {
      const unseen = places.filter(({ handle }) => !seen.has(handle));
      for (const { handle } of unseen) seen.add(handle);
      if (unseen.length > 0) yield unseen;
      pages++;
    }
    if (pages <= 1 || seen.size === before) return;
  }
}

async function* pagesOf(store: SessionStore, userId: string): AsyncGenerator<readonly IndexedSession[]> {
  const index = indexOf(store);
  let after: IndexedSession | undefined;
  do {
    const places = await answerWithin(store.settings.deadline, index.page(userId, { limit: PAGE, after }));
    yield places;
    after = places.length === PAGE ? places.at(-1) : undefined;
  } while (after !== undefined);
}

/** Those of the named sessions that are there, in the same order, and the handles of those that have gone, which the index then forgets. */
export async function present(store: SessionStore, userId: string, places: readonly IndexedSession[]) {
  const { deadline } = store.settings;
  const [found, now] = await answerWithin(deadline, Promise.all([store.describe(places.map(({ handle }) => handle)), store.now()]));
  const sessions: SessionFacts[] = [];
  const gone: IndexedSession['handle'][] = [];
  for (const [position, { handle, isReserved }] of places.entries()) {
    const facts = found[position];
    if (facts !== undefined && facts.userId === userId) {
      // Another node of a Cluster may have told the time. What has ended by that clock is not shown, and not forgotten yet.
      if (expiresAt(facts) > now) sessions.push(facts);
    }
    // A sign-in under way may be about to store the session.
    else if (!isReserved) gone.push(handle);
  }
  if (gone.length > 0) await answerWithin(deadline, indexOf(store).remove(userId, gone));
  return { sessions, gone };
}

export function indexOf({ index }: SessionStore): SessionIndex {
  if (index === undefined)
    throw new SessionUnsupportedError(
      'This store cannot list the sessions of a user: it keeps each under its sid. Set "store.kind" to "hash".',
    );
  return index;
}
