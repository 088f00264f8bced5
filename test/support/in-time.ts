import { expiresAt, type SessionRecord } from '../../src/session/session-record.js';
import type { Sessions } from '../../src/session/sessions.js';

const TRIES = 10;

/** A session had come to its end before this machine used it, which tells nothing of the store. */
class TooLate extends Error {}

/** What the store answers about the session of that record. That it answers with nothing before the session's end is an error. */
export async function inTime<T>(store: Sessions, record: SessionRecord, answer: Promise<T | undefined>): Promise<T> {
  const found = await answer;
  if (found !== undefined) return found;
  if ((await store.now()) < expiresAt(record)) throw new Error('The session has ended before its time.');
  throw new TooLate(`Each of ${TRIES} sessions had come to its end before it was used.`);
}

/** Tries again, for which it needs a new session, when something was not `inTime` on a machine that stalled. */
export async function unlessLate(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TooLate) || tries === TRIES) throw error;
    }
  }
}
