import type { SessionStore } from '../../src/session/store/session-store.js';
import { wrapStore } from './wrapping-store.js';

const TURNS = 2;

/** The same store, each of whose answers comes some turns of the event loop later, as over a slow network. */
export function delayingStore(store: SessionStore): SessionStore {
  const underWay = new Set<Promise<unknown>>();
  const delaying = wrapStore(store, async (_name, run) => {
    const answer = late(run());
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

async function late<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } finally {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => void setImmediate(resolve));
  }
}
