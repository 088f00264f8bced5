import { SessionGoneError } from '../../redis-session.errors.js';
import { askWithin, leftOf } from '../../session/deadline.js';
import { diagnostics, reasonOf, type LoadDiagnostics } from '../../session/diagnostics.js';
import type { Adoption } from '../../session/adoption.js';
import { isEnded, type EndedSession, type SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import type { Seen, Sessions } from '../../session/sessions.js';
import { adoptForRequest } from './adopt-session.js';
import type { Adopter } from './adopter.js';
import { isPassiveByOption } from './passive-request.js';
import { getOrCreateSession } from './session-access.js';
import type { RequestState } from './request-state.js';

/**
 * Loads the first session there is of the request's sids, or else the one of its credential (option `adopt`), within one deadline for all. When the store does
 * not answer, the state is `failed`: the request may not need its session, so it goes on.
 *
 * Calls `done` once, outside of any promise that somebody waits for.
 */
export function loadSession(state: RequestState, done: () => void): void {
  const { sids } = state;
  const [first] = sids;
  const { sessions, clock, adopt } = state.transport.runtime;
  try {
    state.isPassive = isPassiveByOption(state);
  } catch (error) {
    failLoad(state, error);
    return done();
  }
  if (first === undefined && adopt === undefined) {
    state.status = 'open';
    return done();
  }
  const at = clock.now();
  state.askedAt = at;
  const onError = (error: unknown) => {
    if (diagnostics.load.hasSubscribers)
      diagnostics.load.publish({ result: 'failed', duration: clock.now() - at, reason: reasonOf(error) });
    state.transport.runtime.logError(error);
    failLoad(state, error);
    done();
  };
  const onLoaded = () => {
    const duration = clock.now() - at;
    state.waited += duration;
    sessions.settings.failures.worked();
    if (diagnostics.load.hasSubscribers) diagnostics.load.publish({ result: resultOf(state), duration });
    state.status = 'open';
    done();
  };
  const onAnswer = (seen: Seen, sid: Sid | undefined) => {
    // Somebody whose session has expired may come back by a credential, and nobody whose session was ended.
    if (seen === undefined && adopt !== undefined) return askForCredential(state, adopt, onLoaded, onError);
    if (seen !== undefined && seen !== 'left') takeFound(state, seen, sid);
    else if (seen === undefined && sid !== undefined) state.transport.runtime.warnOfForgottenMove(sid);
    onLoaded();
  };
  if (first === undefined) onAnswer(undefined, undefined);
  // One session is what nearly every request has, and is spared the promises that several take.
  else if (sids.length === 1) sessions.lookWithin(first, { onAnswer: (seen) => onAnswer(seen, first), onError });
  else
    askWithin(sessions.settings.deadline, () => lookFirst(sessions, sids), { onAnswer: ({ seen, sid }) => onAnswer(seen, sid), onError });
}

function takeFound(state: RequestState, found: SessionRecord | EndedSession, sid: Sid | undefined): void {
  if (isEnded(found)) state.endedReason = found.endedReason;
  else if (sid !== undefined) state.loaded = { sid, record: found, at: state.askedAt };
}

function askForCredential(state: RequestState, adopt: Adopter, done: () => void, onError: (error: unknown) => void): void {
  const { sessions, clock } = state.transport.runtime;
  const ms = leftOf(sessions.settings.deadline, clock.now() - state.askedAt);
  const onAnswer = (adoption: Adoption | undefined) => {
    if (adoption !== undefined) takeAdoption(state, adoption);
    done();
  };
  adoptForRequest(state, adopt, ms, { onAnswer, onError });
}

function takeAdoption(state: RequestState, adoption: Adoption): void {
  if ('refusedReason' in adoption) {
    state.refusedReason = adoption.refusedReason;
    return;
  }
  const { sid, record, isNew } = adoption;
  state.loaded = { sid, record, at: state.askedAt };
  state.adopted = isNew ? 'made' : 'found';
}

function resultOf({ loaded, endedReason }: RequestState): LoadDiagnostics['result'] {
  if (loaded !== undefined) return 'found';
  return endedReason === undefined ? 'none' : 'ended';
}

/** Whoever asks for the session gets that error. */
export function failLoad(state: RequestState, error: unknown): void {
  state.status = 'failed';
  state.failure = error;
}

/** The first of several sessions that there is, else the first that has been ended. */
async function lookFirst(sessions: Sessions, sids: readonly Sid[]): Promise<{ sid: Sid | undefined; seen: Seen }> {
  let ended: Seen;
  for (const sid of sids) {
    const seen = await sessions.look(sid);
    if (seen !== undefined && seen !== 'left' && !isEnded(seen)) return { sid, seen };
    if (ended === undefined || ended === 'left') ended = seen ?? ended;
  }
  return { sid: undefined, seen: ended };
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

function isRotationDue({ transport, loaded, isPassive, adopted }: RequestState): boolean {
  const { sessions } = transport.runtime;
  // By a credential, one comes without the secret that others have by now.
  const isReplaced = adopted === 'found' && loaded?.record.secret === 'previous';
  return (
    !isPassive &&
    !isReplaced &&
    loaded !== undefined &&
    sessions.canRotate(loaded.sid, loaded.record) &&
    sessions.isRotationDue(loaded.record)
  );
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
