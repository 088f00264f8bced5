import type { SessionStore } from '../../src/session/store/session-store.js';
import { wrapStore } from './wrapping-store.js';

/** The same store, each of whose answers comes some turns of the event loop later, as over a slow network. */
export function delayingStore(store: SessionStore, turns = 2): SessionStore {
  const underWay = new Set<Promise<unknown>>();
  const delaying = wrapStore(store, async (_name, run) => {
    const answer = run().finally(() => pass(turns));
    underWay.add(answer);
    try {
      return await answer;
    } finally {
      underWay.delete(answer);
    }
  });
  const drain = async () => {
    await Promise.allSettled(underWay);
    await store.drain();
  };
  return Object.assign(delaying, { drain });
}

async function pass(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => void setImmediate(resolve));
}
