import { SessionMisuseError } from '../../redis-session.errors.js';
import { kindOf } from '../../session/option-checks.js';
import type { RequestSession } from './request-session.js';
import type { RequestState } from './request-state.js';

// A passive request only looks at its session: nothing about it keeps the session alive.

/** Asks the option `session.passive`. */
export function isPassiveByOption({ transport: { runtime, request } }: RequestState): boolean {
  const { passive } = runtime.settings;
  if (passive === undefined) return false;
  const answer: unknown = passive(request);
  // A promise would make every request passive.
  if (typeof answer !== 'boolean') throw new SessionMisuseError(`"session.passive" must return true or false, received ${kindOf(answer)}.`);
  return answer;
}

/** Throws when {@link refusesChange}. */
export function checkPassive(state: RequestState, session: RequestSession): void {
  if (refusesChange(state, session)) throw changedWhileLooking();
}

/**
 * Whether a passive request has changed the session that it came with, or would begin one by a change. To store that would keep the session alive, and to
 * drop it would lose data. What it has begun by a call, as `login()` does, is stored as ever.
 */
export function refusesChange(state: RequestState, session: RequestSession): boolean {
  if (!state.isPassive || state.isReplaced || state.current !== session) return false;
  const { record } = session.active;
  const isBegunHere = record !== undefined && record.handle !== state.loaded?.record.handle;
  return !isBegunHere && isChanged(session);
}

function isChanged({ active }: RequestSession): boolean {
  return active.isChanged || (active.record !== undefined && active.areTermsChanged);
}

function changedWhileLooking(): SessionMisuseError {
  return new SessionMisuseError(
    'A passive request has changed its session: @Passive() and "session.passive" are for requests that only look, and a stored change would keep the session alive. Nothing was stored. Remove the change, or make the request an active one.',
  );
}
