import { SessionMisuseError } from '../../redis-session.errors.js';
import type { SaveOptions } from '../../session/active-session.js';
import { decideCookie, type CookieAction } from './cookie-decision.js';
import { RequestCookieFacts } from './cookie-facts.js';
import { timeLeft } from './load-session.js';
import { checkPassive } from './passive-request.js';
import { getOrCreateSession, statusOf, existingSession } from './session-access.js';
import type { RequestState } from './request-state.js';
import { destroySession } from './session-calls.js';

/**
 * Stores what the request has changed, before its response leaves. Answers with what that is to do to the cookie, at once when there is nothing to wait
 * for. Throws, or rejects, when the session cannot be stored.
 */
export function commitSession(state: RequestState): CookieAction | Promise<CookieAction> {
  const { current } = state;
  // The handler did not wait for that call, so nobody else would answer that it failed.
  if (current?.active.isBusy === true) return current.active.idle().then(() => commitSession(state));
  const status = statusOf(state);
  const write = status === 'unset' ? endUnset(state) : status === 'open' ? saveChanges(state) : undefined;
  return write === undefined ? commitUnchanged(state) : write.then(() => decideCookie(new RequestCookieFacts(state, false)));
}

/**
 * Stores what has changed since the head of the response left, or when the client has gone. Throws, or rejects, for a new session whose cookie can no
 * longer be sent: nobody could ever use it.
 */
export function commitLate(state: RequestState): Promise<void> | undefined {
  const { current } = state;
  const again = () => commitLate(state);
  if (current?.active.isBusy === true) return current.active.idle().then(again, again);
  if (statusOf(state) === 'unset') return endUnset(state);
  const used = existingSession(state);
  if (used === undefined) return undefined;
  const { record } = used.active;
  if (state.transport.isHeadOut && record === undefined) {
    if (used.active.isChanged) throw bornTooLate();
    return undefined;
  }
  checkPassive(state, used);
  return used.active.saveChanges(saveOptions(state, true));
}

/** `undefined` when there is nothing to store: nothing that was not put into a session is worth it (G4). */
function saveChanges(state: RequestState): Promise<void> | undefined {
  const { transport, loaded, current, isPassive } = state;
  const saveUninitialized = transport.runtime.settings.saveUninitialized && !isPassive;
  if (current === undefined && (!saveUninitialized || loaded !== undefined)) return undefined;
  const session = current ?? getOrCreateSession(state);
  const { active } = session;
  if (isPassive) checkPassive(state, session);
  const options = saveOptions(state, false);
  return active.record === undefined && saveUninitialized ? active.save(options) : active.saveChanges(options);
}

/** @param isLate whether the response has its cookie already */
function saveOptions(state: RequestState, isLate: boolean): SaveOptions {
  return { ms: timeLeft(state), takesNewSid: () => state.transport.takesNewSid(isLate) };
}

/** Ends the session that the application has unset, where `session.unset` says so. `undefined` when there is nothing to end. */
function endUnset(state: RequestState): Promise<void> | undefined {
  const { transport, loaded, current } = state;
  const isStored = loaded !== undefined || current?.active.record !== undefined;
  if (transport.runtime.settings.unset === 'keep' || !isStored || current?.active.isDestroyed === true) return undefined;
  return destroySession(getOrCreateSession(state), { ms: timeLeft(state) });
}

/** Starts the idle timeout of an unchanged session anew when that is due. Nobody waits for it, unless the cookie is set with it. */
function commitUnchanged(state: RequestState): CookieAction | Promise<CookieAction> {
  const facts = new RequestCookieFacts(state, isTouchDue(state));
  const action = decideCookie(facts);
  if (action === 'set' && !isStoredHere(state)) return touchAndDecide(state, facts);
  if (facts.willTouch) void touch(state);
  return action;
}

/** Whether this request has stored the session under a handle of its own: nobody else knows it. */
function isStoredHere({ current, loaded }: RequestState): boolean {
  return current !== undefined && current.active.handle !== loaded?.record.handle;
}

/** A cookie is never set by what was known when the session was loaded, or rotated. */
async function touchAndDecide(state: RequestState, facts: RequestCookieFacts): Promise<CookieAction> {
  const hasAnswered = await touch(state);
  // When the store does not answer, the secret that this request has made is sent all the same: the one before it may be dead.
  return hasAnswered || facts.isSidNew ? decideCookie(facts) : 'nothing';
}

/** Whether the end of a request starts the idle timeout of its unchanged session anew: with `session.resave` always, else when it is due. */
export function isTouchDue(state: RequestState): boolean {
  const { transport, loaded, current, isPassive } = state;
  if (isPassive) return false;
  const record = current === undefined ? loaded?.record : current.active.record;
  if (record === undefined || current?.active.isLost === true || statusOf(state) !== 'open') return false;
  return transport.runtime.settings.resave || transport.runtime.sessions.isTouchDue(record);
}

/** False when the store did not answer. */
async function touch(state: RequestState): Promise<boolean> {
  try {
    await getOrCreateSession(state).active.touch({ ms: timeLeft(state) });
    return true;
  } catch (error) {
    state.transport.runtime.logError(error);
    return false;
  }
}

function bornTooLate(): SessionMisuseError {
  return new SessionMisuseError(
    'A session was begun after the head of the response had left, so its cookie cannot be sent any more and it was not stored. Write to the session before the response.',
  );
}
