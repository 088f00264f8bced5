import type { SecretState } from '../../session/session-record.js';

/** What a response does to the session's cookie: `set` it with the sid and its expiry, or `clear` it, so that the browser drops it. */
export type CookieAction = 'set' | 'clear' | 'nothing';

/** What is known of a request and its session when its response is about to leave. */
export interface CookieFacts {
  /** Whether the head of the response is still to come. */
  readonly canSetHeaders: boolean;
  /** What the request's cookie opened; `unknown` when the store did not answer. */
  readonly incoming: 'session' | 'ended session' | 'nothing' | 'unknown';
  /** What the request leaves: `lost`, a session that was found ended when it was written; `nothing`, also when it was destroyed or unset. */
  readonly outgoing: 'stored' | 'unstored' | 'lost' | 'nothing';
  /** Whether the session it leaves has another sid than the one it came with. */
  readonly isSidNew: boolean;
  /** Which of the session's secrets that sid has; `undefined` without a stored session. */
  readonly secret: SecretState | undefined;
  /** Whether this request has ended a session. */
  readonly isDestroyed: boolean;
  /** Whether it has put a new session in the place of the one it came with. */
  readonly isReplaced: boolean;
  /** Whether changed entries were stored. */
  readonly isWritten: boolean;
  /** Whether this request has changed the cookie. */
  readonly isCookieChanged: boolean;
  /** Whether its end starts the idle timeout of an unchanged session anew. */
  readonly willTouch: boolean;
  /** Whether the request only looks at its session. */
  readonly isPassive: boolean;
  /** The option `session.rolling`. */
  readonly rolling: boolean | 'touch';
  /** When the cookie ends. `taken off`: the application has set its expiry to `false`. */
  readonly expiry: 'date' | 'browser' | 'taken off';
}

/** What the response to a request does to its session's cookie. Storing comes first: the facts are those after it. */
export function decideCookie(facts: CookieFacts): CookieAction {
  if (!facts.canSetHeaders) return 'nothing';
  if (facts.outgoing === 'stored' && isToBeSet(facts)) return 'set';
  return isOfNoUse(facts) ? 'clear' : 'nothing';
}

function isToBeSet(facts: CookieFacts): boolean {
  // A rotation, or a sign-in, in parallel has replaced the secret, and sets a newer cookie of its own.
  if (facts.secret === 'previous') return false;
  return facts.isSidNew || facts.isCookieChanged || hasNewExpiry(facts);
}

/** Whether the browser learns a new expiry: as `rolling` says, and after a change, as with express-session, where there is one to learn. */
function hasNewExpiry(facts: CookieFacts): boolean {
  if (facts.rolling === true) return true;
  if (facts.isWritten && facts.expiry !== 'browser') return true;
  return facts.rolling === 'touch' && facts.willTouch && facts.expiry === 'date';
}

/** Whether the cookie that the request came with is of no use any more. One that was found ended may have been replaced by a sign-in in parallel. */
function isOfNoUse({ incoming: came, outgoing: left, isDestroyed, isReplaced, isPassive }: CookieFacts): boolean {
  // Whoever comes with the cookie is told why the session has ended: of several tabs that look, each is.
  if (came === 'ended session') return !isPassive;
  return came === 'session' && (isDestroyed || (isReplaced && left === 'unstored'));
}
