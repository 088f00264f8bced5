import type { Identity } from '../../nest/identity.decorator.js';
import { answerWithin } from '../../session/deadline.js';
import { Entries } from '../../session/entries.js';
import { lookAgain } from '../../session/look-again.js';
import type { SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import type { ExpressSession, HttpSession } from './http-session.js';
import { currentSession, openedSession, statusOf, usedSession } from './open-session.js';
import type { RequestState } from './request-state.js';
import { expressSessionOf, httpSessionOf } from './session-proxy.js';

// What handlers, guards and decorators ask of the session of a request. What gives it throws the 503 error when it could not be loaded.

/** In ms. For so long the guard takes what was loaded for what is. */
const STALE_AFTER = 1_000;

/** What `req.session` is: `null` after `req.session = null`, `undefined` after it was destroyed. */
export function expressSessionIn(state: RequestState): ExpressSession | null | undefined {
  state.isAsked = true;
  const status = statusOf(state);
  if (status === 'failed') throw state.transport.errorFor(state.failure);
  if (status === 'unset') return null;
  const session = currentSession(state);
  return session && expressSessionOf(session);
}

/** What `sessionOf()` and `@Session()` give: the session, also when this request has ended it; `undefined` before it is loaded. */
export function httpSessionIn(state: RequestState): HttpSession | undefined {
  if (state.status === 'pending') return undefined;
  state.isAsked = true;
  if (state.status === 'failed') throw state.transport.errorFor(state.failure);
  return httpSessionOf(openedSession(state));
}

/** The same, for those who only look; `undefined` where that throws. */
export function peekedSessionIn(state: RequestState): HttpSession | undefined {
  try {
    return httpSessionIn(state);
  } catch {
    return undefined; // Whoever needs the session is told why there is none.
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

/** When whoever is signed in last proved who they are, epoch ms by the store's clock. */
export function authenticatedAtIn(state: RequestState): number | undefined {
  return currentSession(state)?.active.record?.authenticatedAt;
}

/** Why somebody else has ended the session that the request came with; `undefined` otherwise. */
export function endedReasonIn({ loaded, isGone, endedReason }: RequestState): string | undefined {
  return loaded === undefined || isGone ? endedReason : undefined;
}

/**
 * Whether the session is still there and its user's, where what is known of that is older than a second; no promise where it is younger. Rejects with the
 * 503 error when it cannot be learnt.
 */
export function confirmSession(state: RequestState): boolean | Promise<boolean> {
  const active = usedSession(state)?.active;
  if (state.isGone) return false;
  // A call under way that this request began says more than the store.
  const isFresh = active?.isBusy === true || state.transport.runtime.clock.now() - state.askedAt <= STALE_AFTER;
  return active?.record === undefined || isFresh || confirm(state, active.sid, active.record);
}

async function confirm(state: RequestState, sid: Sid, record: SessionRecord): Promise<boolean> {
  const { runtime } = state.transport;
  const askedAt = runtime.clock.now();
  const isSameUser = (found: SessionRecord) => userIn(state, found) === userIn(state, record);
  const found = await answerOrError(state, lookAgain(runtime.store, sid, record, isSameUser));
  state.askedAt = askedAt;
  if (found === true) return true;
  state.isGone = true;
  state.endedReason = found.endedReason;
  return false;
}

function userIn({ transport: { runtime } }: RequestState, { entries: encoded }: SessionRecord): string | undefined {
  const entries = new Entries(encoded, runtime.store.settings.serializer, () => undefined);
  const identity = runtime.identityOf(entries, () => entries.values());
  return identity && String(identity.id);
}

/** The time by the store's clock. Rejects with the 503 error when it cannot be learnt. */
export function storeTime(state: RequestState): Promise<number> {
  return answerOrError(state, state.transport.runtime.store.now());
}

async function answerOrError<T>({ transport }: RequestState, answer: Promise<T>): Promise<T> {
  return answerWithin(transport.runtime.store.settings.deadline, answer).catch((error: unknown) => {
    throw transport.errorFor(error);
  });
}
