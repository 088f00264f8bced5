import { Sessions } from '../../src/session/sessions.js';
import type { SessionIndex } from '../../src/session/store/session-index.js';
import type { SessionStore } from '../../src/session/store/session-store.js';

/** The sessions of a store that has an index. */
export type IndexedSessions = Sessions & { readonly index: SessionIndex };

export function sessionsOf(store: SessionStore): IndexedSessions {
  if (store.index === undefined) throw new Error('This store has no index.');
  return Sessions.of(store) as IndexedSessions;
}
