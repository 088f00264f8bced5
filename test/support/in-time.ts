import { expiresAt, type SessionRecord } from '../../src/session/session-record.js';
import type { Sessions } from '../../src/session/sessions.js';

const TRIES = 10;

/** How long a session lives in the first try, in ms. */
const FIRST_LIFE = 150;

/** A time was over before this machine made use of it, which tells nothing of the store. */
export class TooLate extends Error {
  constructor() {
    super(`In each of ${TRIES} tries a time was over before it was used.`);
  }
}

/** What the store answers about the session of that record. That it answers with nothing before the session's end is an error. */
export async function inTime<T>(store: Sessions, record: SessionRecord, answer: Promise<T | undefined>): Promise<T> {
  const found = await answer;
  if (found !== undefined) return found;
  if ((await store.now()) < expiresAt(record)) throw new Error('The session has ended before its time.');
  throw new TooLate();
}

/**
 * Tries again, for which it needs a new session, when something was not `inTime` on a machine that stalled. The session of each try is to live
 * for as many ms as that try is told: twice as long as before, the last one for more than a minute.
 */
export async function unlessLate(attempt: (life: number) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(FIRST_LIFE * 2 ** (tries - 1));
    } catch (error) {
      if (!(error instanceof TooLate) || tries === TRIES) throw error;
    }
  }
}
