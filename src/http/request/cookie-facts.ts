import type { SecretState } from '../../session/session-record.js';
import type { Cookie } from '../cookie/cookie.js';
import type { CookieFacts } from './cookie-decision.js';
import { getOrCreateSession, existingSession } from './session-access.js';
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
    const { status, loaded, endedReason, isByHeader, sids } = this.state;
    if (status === 'failed') return 'unknown';
    if (loaded !== undefined) return 'session';
    // A client that sends a header is told of time too: nothing drops its value, as a browser drops a cookie. It knows which value it has sent.
    const isEnded = endedReason !== undefined || (isByHeader && sids.length > 0);
    return isEnded ? 'ended session' : 'nothing';
  }

  get outgoing(): CookieFacts['outgoing'] {
    const used = existingSession(this.state);
    if (used === undefined) return this.state.status === 'open' && this.state.loaded !== undefined ? 'stored' : 'nothing';
    if (used.active.isLost) return 'lost';
    return used.active.record === undefined ? 'unstored' : 'stored';
  }

  get isSidNew(): boolean {
    const { current, loaded, adopted, isPassive } = this.state;
    if (current !== undefined && current.active.sid !== loaded?.sid) return true;
    // A request that only looks tells nothing of a session that another has made.
    return adopted === 'made' || (adopted === 'found' && !isPassive);
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
    return !this.state.isByHeader && this.state.current?.isCookieChanged === true;
  }

  /** A value in a header has no expiry that could move, and a passive request moves none. */
  get isPassive(): boolean {
    return this.state.isPassive;
  }

  get rolling(): boolean | 'touch' {
    return this.state.isByHeader || this.state.isPassive ? false : this.state.transport.runtime.settings.rolling;
  }

  get expiry(): CookieFacts['expiry'] {
    if (this.state.isByHeader) return 'browser';
    const { expires } = getOrCreateSession(this.state).cookie;
    if (expires === undefined || expires === null) return 'browser';
    return expires instanceof Date ? 'date' : 'taken off';
  }
}

/** The cookie to clear: by configuration where somebody else has ended the session: nothing is known of it any more. */
export function clearedCookie(state: RequestState): Cookie {
  const session = state.loaded === undefined ? undefined : (existingSession(state) ?? state.destroyed);
  return session?.cookie ?? state.transport.createCookie();
}
