import type { SecretState } from '../../session/session-record.js';
import type { Cookie } from '../cookie/cookie.js';
import type { CookieAction, CookieFacts } from './cookie-decision.js';
import { currentSession, getOrCreateSession, existingSession } from './session-access.js';
import type { RequestState } from './request-state.js';

/** The facts of a request, each looked up when the decision asks for it: the cookie of most sessions is never made. */
export class RequestCookieFacts implements CookieFacts {
  constructor(
    protected readonly state: RequestState,
    readonly willTouch: boolean,
  ) {}

  get canSetHeaders(): boolean {
    return !this.state.transport.isHeadOut;
  }

  get incoming(): CookieFacts['incoming'] {
    const { status, loaded, endedReason } = this.state;
    if (status === 'failed') return 'unknown';
    if (loaded !== undefined) return 'session';
    return endedReason === undefined ? 'nothing' : 'ended session';
  }

  get outgoing(): CookieFacts['outgoing'] {
    const used = existingSession(this.state);
    if (used === undefined) return this.state.status === 'open' && this.state.loaded !== undefined ? 'stored' : 'nothing';
    if (used.active.isLost) return 'lost';
    return used.active.record === undefined ? 'unstored' : 'stored';
  }

  get isSidNew(): boolean {
    const { current, loaded } = this.state;
    return current !== undefined && current.active.sid !== loaded?.sid;
  }

  get secret(): SecretState | undefined {
    const { current, loaded } = this.state;
    return (current === undefined ? loaded?.record : current.active.record)?.secret;
  }

  get isDestroyed(): boolean {
    return this.state.destroyed !== undefined;
  }

  get isReplaced(): boolean {
    return this.state.isReplaced;
  }

  get isWritten(): boolean {
    return this.state.current?.active.isWritten === true;
  }

  get isCookieChanged(): boolean {
    return this.state.current?.isCookieChanged === true;
  }

  get rolling(): boolean | 'touch' {
    return this.state.transport.runtime.settings.rolling;
  }

  get expiry(): CookieFacts['expiry'] {
    const { expires } = getOrCreateSession(this.state).cookie;
    if (expires === undefined || expires === null) return 'browser';
    return expires instanceof Date ? 'date' : 'taken off';
  }
}

/** The `Set-Cookie` header of an action; `undefined` for `nothing`, and for a cookie that may go over https only when the request came otherwise. */
export function cookieHeader(state: RequestState, action: CookieAction): string | undefined {
  const { runtime, request } = state.transport;
  if (action === 'clear') return runtime.cookie.clearingHeader(clearedCookie(state));
  const session = action === 'set' ? currentSession(state) : undefined;
  return session && runtime.cookie.settingHeader(request, session.active.sid, session.cookie);
}

/** By configuration where somebody else has ended the session: nothing is known of it any more. */
function clearedCookie(state: RequestState): Cookie {
  const session = state.loaded === undefined ? undefined : (existingSession(state) ?? state.destroyed);
  return session?.cookie ?? state.transport.createCookie();
}
