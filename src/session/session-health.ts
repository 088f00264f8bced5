import { within } from './deadline.js';
import { reasonOf } from './diagnostics.js';
import type { Sessions } from './sessions.js';
import { generateSid } from './sid.js';
import { STORE_PROBLEMS, type StoreProblem } from './store/session-store.js';

/** No session can be read, or none on one node of a Cluster: the store does not answer, or refuses. Public pages work, and what needs a session is 503. */
const UNAVAILABLE = 'unavailable';

/** What can be wrong with sessions, by name. */
export type SessionHealthProblem = typeof UNAVAILABLE | StoreProblem;

export const HEALTH_PROBLEMS: readonly SessionHealthProblem[] = [UNAVAILABLE, ...STORE_PROBLEMS];

/** How sessions are. */
export interface SessionHealth {
  readonly problems: readonly SessionHealthProblem[];
  /** Why they are unavailable, in a word that is safe to log. */
  readonly reason?: string | undefined;
}

/** Looks for a session that nobody has, and asks the store about itself where it can say something. Never rejects, and takes the deadline at most. */
export async function healthOf({ store, settings }: Sessions): Promise<SessionHealth> {
  try {
    const problems = await within(settings.deadline, async (deadline) => {
      await deadline.wait(attempt(() => store.find(generateSid())));
      return deadline.wait(attempt(() => store.inspect?.() ?? []));
    });
    return { problems };
  } catch (error) {
    return { problems: [UNAVAILABLE], reason: reasonOf(error) };
  }
}

/** A store of an application's own may throw where it should reject. */
async function attempt<T>(ask: () => T | Promise<T>): Promise<T> {
  return ask();
}
