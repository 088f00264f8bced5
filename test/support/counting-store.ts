import type { SessionStore } from '../../src/session/store/session-store.js';
import { wrapStore } from './wrapping-store.js';

/** The same store, and how often each of its calls, and of its index, was made: as metrics would have it. */
export function countingStore(store: SessionStore): { readonly store: SessionStore; readonly counts: ReadonlyMap<string, number> } {
  const counts = new Map<string, number>();
  const counting = wrapStore(store, (name, run) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return run();
  });
  return { store: counting, counts };
}
