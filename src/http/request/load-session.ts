import { SessionGoneError } from '../../redis-session.errors.js';
import { askWithin, leftOf } from '../../session/deadline.js';
import { diagnostics, reasonOf, type LoadDiagnostics } from '../../session/diagnostics.js';
import { isEnded, type EndedSession, type SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import type { Sessions } from '../../session/sessions.js';
import { isPassiveByOption } from './passive-request.js';
import { getOrCreateSession } from './session-access.js';
import type { RequestState } from './request-state.js';

type Found = SessionRecord | EndedSession | undefined;

/**
 * Loads the first session there is of the request's sids, within one deadline for all. When the store does not answer, the state is `failed`: the request may
 * not need its session, so it goes on.
 *
 * Calls `done` once, outside of any promise that somebody waits for.
 */
export function loadSession(state: RequestState, done: () => void): void {
  const { sids } = state;
  const [first] = sids;
  try {
    state.isPassive = isPassiveByOption(state);
  } catch (error) {
    failLoad(state, error);
    return done();
  }
  if (first === undefined) {
    state.status = 'open';
    return done();
  }
  const { sessions, clock } = state.transport.runtime;
  const at = clock.now();
  state.askedAt = at;
  const onError = (error: unknown) => {
    if (diagnostics.load.hasSubscribers)
      diagnostics.load.publish({ result: 'failed', duration: clock.now() - at, reason: reasonOf(error) });
    state.transport.runtime.logError(error);
    failLoad(state, error);
    done();
  };
  const onAnswer = (found: Found, sid: Sid | undefined) => {
    const duration = clock.now() - at;
    state.waited += duration;
    sessions.settings.failures.worked();
    if (diagnostics.load.hasSubscribers) diagnostics.load.publish({ result: resultOf(found), duration });
    if (isEnded(found)) state.endedReason = found.endedReason;
    else if (sid !== undefined && found !== undefined) state.loaded = { sid, record: found, at };
    state.status = 'open';
    done();
  };
  // One session is what nearly every request has, and is spared the promises that several take.
  if (sids.length === 1) sessions.findWithin(first, { onAnswer: (found) => onAnswer(found, first), onError });
  else
    askWithin(sessions.settings.deadline, () => findFirst(sessions, sids), { onAnswer: ({ found, sid }) => onAnswer(found, sid), onError });
}

function resultOf(found: Found): LoadDiagnostics['result'] {
  if (found === undefined) return 'none';
  return isEnded(found) ? 'ended' : 'found';
}

/** Whoever asks for the session gets that error. */
export function failLoad(state: RequestState, error: unknown): void {
  state.status = 'failed';
  state.failure = error;
}

/** The first of several sessions that there is, else the first that somebody has ended. */
async function findFirst(sessions: Sessions, sids: readonly Sid[]): Promise<{ sid: Sid | undefined; found: Found }> {
  let ended: EndedSession | undefined;
  for (const sid of sids) {
    const found = await sessions.find(sid);
    if (found !== undefined && !isEnded(found)) return { sid, found };
    ended ??= found;
  }
  return { sid: undefined, found: ended };
}

/**
 * Gives a session that has had its secret for long (`store.rotateAfter`) a new one, before anybody uses it. For a response that can still set its cookie. Not where
 * the sid is of a custom `genid`: that session would have to move, away from under the other requests of its browser.
 *
 * Calls `done` once, with an error that is the store's own and no outage.
 */
export function rotateWhenDue(state: RequestState, done: (error?: unknown) => void): void {
  let isDue = false;
  try {
    isDue = state.transport.runtime.rotatesAtLoad && isRotationDue(state);
  } catch (error) {
    return done(error);
  }
  if (isDue) void rotate(state, done);
  else done();
}

/**
 * The same once it is known what the request leads to: where a handler may be passive, the load comes too early. Resolves when the session has its new
 * secret, or needs none.
 */
export function rotateBeforeUse(state: RequestState): Promise<unknown> | undefined {
  const { runtime, canBeAnswered, isWithoutResponse } = state.transport;
  if (runtime.rotatesAtLoad || !canBeAnswered || isWithoutResponse || !isAsLoaded(state)) return undefined;
  if (isRotationDue(state)) state.rotation ??= new Promise<void>((done) => void rotate(state, done));
  return state.rotation;
}

/** Whether the request still has the session that it came with, under the sid that it came with. */
export function isAsLoaded({ status, current, loaded }: RequestState): boolean {
  return status === 'open' && (current === undefined || current.active.sid === loaded?.sid);
}

function isRotationDue({ transport, loaded, isPassive }: RequestState): boolean {
  const { sessions } = transport.runtime;
  return !isPassive && loaded !== undefined && sessions.canRotate(loaded.sid, loaded.record) && sessions.isRotationDue(loaded.record);
}

async function rotate(state: RequestState, done: () => void): Promise<void> {
  const { clock } = state.transport.runtime;
  const at = clock.now();
  try {
    await getOrCreateSession(state).active.rotate({ ms: timeLeft(state) });
  } catch (error) {
    // It has ended since it was loaded, so nobody is to be served as its user.
    if (error instanceof SessionGoneError) state.current = state.loaded = undefined;
    else state.transport.runtime.logError(error);
  }
  state.waited += clock.now() - at;
  done();
}

/** In ms. How long the request may still wait for the store: load and commit share one deadline. */
export function timeLeft({ transport, waited }: RequestState): number {
  return leftOf(transport.runtime.sessions.settings.deadline, waited);
}
