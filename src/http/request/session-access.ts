import type { Identity } from '../../nest/identity.decorator.js';
import { answerWithin } from '../../session/deadline.js';
import { Entries } from '../../session/entries.js';
import { lookAgain } from '../../session/look-again.js';
import type { SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import { RequestSession } from './request-session.js';
import { replaceSession, type RequestState, type RequestStatus } from './request-state.js';
import { expressSessionOf, httpSessionOf } from './session-proxy.js';

/** In ms. How old a loaded session may be before the guard asks the store again. */
const SECOND = 1_000;
const STALE_AFTER = 1_000;
const NO_SIDS: readonly Sid[] = [];

/** What the application has made of the session by now. */
export function statusOf(state: RequestState): RequestStatus {
  if (state.status === 'open' && state.transport.isTakenOff) state.status = 'unset';
  return state.status;
}

/** The request's session, also after it was destroyed or unset. Made when first asked for, since most requests of visitors never ask. */
export function getOrCreateSession(state: RequestState): RequestSession {
  if (state.current === undefined) {
    state.current = createSession(state);
    // A new one has nothing to store until an entry is assigned or a method called, which watch then: most visitors pay for neither.
    if (state.loaded !== undefined) state.transport.watchClient();
  }
  return state.current;
}

/** The request's session; `undefined` after it was destroyed or unset. */
export function currentSession(state: RequestState): RequestSession | undefined {
  return statusOf(state) === 'open' ? getOrCreateSession(state) : undefined;
}

/** The same, but `undefined` when nobody has asked for it yet. */
export function existingSession(state: RequestState): RequestSession | undefined {
  return statusOf(state) === 'open' ? state.current : undefined;
}

/** Puts a new, empty session on a request whose own was destroyed or unset. */
export function startSession(state: RequestState): void {
  replaceSession(state, getOrCreateSession(state).createNext());
}

function createSession({ transport, loaded, sids }: RequestState): RequestSession {
  if (loaded === undefined) return new RequestSession(transport, expressSessionOf, { sid: firstSid(transport), sidsBeside: NO_SIDS });
  const { sid, record, at } = loaded;
  const sidsBeside = sids.length === 1 ? NO_SIDS : sids.filter((other) => other !== sid);
  return new RequestSession(transport, expressSessionOf, { sid, record, at, sidsBeside });
}

/** What fails in the application's own way to make a sid fails whoever asks for the session; ours does not, so it can wait. */
function firstSid({ runtime, request }: RequestState['transport']): Sid | undefined {
  return runtime.settings.genid === undefined ? undefined : runtime.generateSid(request);
}

// What handlers, guards and decorators ask. What gives the session throws the 503 error when it could not be loaded.

/** What `req.session` is: `null` after `req.session = null`, `undefined` after it was destroyed. */
export function expressSessionIn(state: RequestState): ExpressSession | null | undefined {
  return sessionViewIn(state, expressSessionOf);
}

/** The same, as another framework has it. */
export function sessionViewIn<View>(state: RequestState, viewOf: (session: RequestSession) => View): View | null | undefined {
  state.isAsked = true;
  const status = statusOf(state);
  if (status === 'failed') throw state.transport.errorFor(state.failure);
  if (status === 'unset') return null;
  return status === 'open' ? viewOf(getOrCreateSession(state)) : undefined;
}

/** What `sessionOf()` and `@Session()` give: the session, also when this request has ended it; `undefined` before it is loaded. */
export function httpSessionIn(state: RequestState): HttpSession | undefined {
  if (state.status === 'pending') return undefined;
  state.isAsked = true;
  if (state.status === 'failed') throw state.transport.errorFor(state.failure);
  return httpSessionOf(getOrCreateSession(state));
}

/** The same, for those who only look; `undefined` where that throws. */
export function peekedSessionIn(state: RequestState): HttpSession | undefined {
  try {
    if (state.status !== 'failed') return httpSessionIn(state);
    state.isAsked = true;
    return undefined; // Who needs the session is told why there is none.
  } catch {
    return undefined;
  }
}

/** What `req.sessionID` is: also after the session was destroyed or unset. */
export function sidIn(state: RequestState): Sid | undefined {
  if (state.status === 'failed') return undefined;
  state.isAsked = true;
  return (currentSession(state) ?? state.current)?.active.sid ?? state.loaded?.sid;
}

/** Who is signed in. */
export function identityIn(state: RequestState): Identity | undefined {
  if (state.status === 'pending') return undefined;
  state.isAsked = true;
  if (state.status === 'failed') throw state.transport.errorFor(state.failure);
  const session = state.isGone ? undefined : currentSession(state);
  return session?.identityOf(session.active.entries);
}

/** Whether whoever is signed in has proved who they are within so many seconds. Rejects with the 503 error when the time cannot be learnt. */
export async function isFreshLogin(state: RequestState, seconds: number): Promise<boolean> {
  const authenticatedAt = currentSession(state)?.active.record?.authenticatedAt;
  return authenticatedAt !== undefined && (await storeTime(state)) - authenticatedAt <= seconds * SECOND;
}

/** Why somebody else has ended the session that the request came with, or its credential is refused; `undefined` otherwise. */
export function endedReasonIn({ loaded, isGone, endedReason, refusedReason }: RequestState): string | undefined {
  return loaded === undefined || isGone ? (endedReason ?? refusedReason) : undefined;
}

/**
 * Whether the session is still there and its user's, where what is known of that is older than a second; no promise where it is younger. Rejects with the
 * 503 error when it cannot be learnt.
 */
export function confirmSession(state: RequestState): boolean | Promise<boolean> {
  const active = existingSession(state)?.active;
  if (state.isGone) return false;
  // A call under way that this request began says more than the store.
  const isFresh = active?.isBusy === true || state.transport.runtime.clock.now() - state.askedAt <= STALE_AFTER;
  return active?.record === undefined || isFresh || confirm(state, active.sid, active.record);
}

async function confirm(state: RequestState, sid: Sid, record: SessionRecord): Promise<boolean> {
  const { runtime } = state.transport;
  const askedAt = runtime.clock.now();
  const isSameUser = (found: SessionRecord) => userIn(state, found) === userIn(state, record);
  const found = await answerOrError(state, lookAgain(runtime.sessions, sid, record, isSameUser));
  state.askedAt = askedAt;
  if (found === true) return true;
  state.isGone = true;
  state.endedReason = found.endedReason;
  return false;
}

/** Whose session it is, as the application says. */
export function userIn({ transport: { runtime } }: RequestState, { entries: encoded }: SessionRecord): string | undefined {
  const entries = new Entries(encoded, runtime.sessions.settings.serializer, () => undefined);
  const identity = runtime.identityOf(entries, () => entries.values());
  return identity && String(identity.id);
}

/** The time by the store's clock. Rejects with the 503 error when it cannot be learnt. */
function storeTime(state: RequestState): Promise<number> {
  return answerOrError(state, state.transport.runtime.sessions.now());
}

async function answerOrError<T>({ transport }: RequestState, answer: Promise<T>): Promise<T> {
  return answerWithin(transport.runtime.sessions.settings.deadline, answer).catch((error: unknown) => {
    throw transport.errorFor(error);
  });
}
