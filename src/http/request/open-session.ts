import type { Sid } from '../../session/sid.js';
import { RequestSession } from './request-session.js';
import { replaceSession, type RequestState, type RequestStatus } from './request-state.js';
import { expressSessionOf } from './session-proxy.js';

const NO_SIDS: readonly Sid[] = [];

/** What the application has made of the session by now. */
export function statusOf(state: RequestState): RequestStatus {
  if (state.status === 'open' && state.transport.isTakenOff) state.status = 'unset';
  return state.status;
}

/** The request's session, also after it was destroyed or unset. It is made when first asked for: most requests of visitors never do. */
export function openedSession(state: RequestState): RequestSession {
  if (state.current === undefined) {
    state.current = createSession(state);
    state.transport.watchClient();
  }
  return state.current;
}

/** The request's session; `undefined` after it was destroyed or unset. */
export function currentSession(state: RequestState): RequestSession | undefined {
  return statusOf(state) === 'open' ? openedSession(state) : undefined;
}

/** The same, but `undefined` when nobody has asked for it yet. */
export function usedSession(state: RequestState): RequestSession | undefined {
  return statusOf(state) === 'open' ? state.current : undefined;
}

/** Puts a new, empty session on a request whose own was destroyed or unset. */
export function startSession(state: RequestState): void {
  replaceSession(state, openedSession(state).createNext());
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
