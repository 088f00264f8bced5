import type { CookieAction } from './cookie-decision.js';
import { currentSession, usedSession } from './open-session.js';
import type { RequestState } from './request-state.js';

/** The `Set-Cookie` header of an action; `undefined` for `nothing`, and for a cookie that may go over https only when the request came otherwise. */
export function cookieHeader(state: RequestState, action: CookieAction): string | undefined {
  const { runtime, request } = state.transport;
  if (action === 'clear') return runtime.cookie.clearingHeader(clearedCookie(state));
  const session = action === 'set' ? currentSession(state) : undefined;
  return session && runtime.cookie.settingHeader(request, session.active.sid, session.cookie);
}

/** By configuration where somebody else has ended the session: nothing is known of it any more. */
function clearedCookie(state: RequestState) {
  const session = state.loaded === undefined ? undefined : (usedSession(state) ?? state.destroyed);
  return session?.cookie ?? state.transport.createCookie();
}
