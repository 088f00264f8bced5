import type { Handle } from './sid.js';

/** The session it happened to, and its user if that is known. */
export interface SessionEvent {
  readonly handle: Handle;
  readonly userId?: string | undefined;
  /** True if it happened in another process (`store.events: 'cluster'`); absent if it happened here. */
  readonly remote?: true | undefined;
}

/** What happens to sessions, by event name. */
export interface SessionEventMap {
  /** A session was stored for the first time. */
  created: SessionEvent;
  /**
   * Somebody signed in, by `login()` or because the application put their identity into the session (option `identity`). `handle` names the
   * session that is theirs now, `replaced` the one before, if this call has ended it.
   */
  loggedIn: SessionEvent & { readonly userId: string; readonly replaced?: Handle | undefined };
  /** A request without a session brought a credential, and a session was made from it (option `adopt`). You get `created` too, and not `loggedIn`. */
  adopted: SessionEvent & { readonly userId: string };
  /**
   * The application took the identity of `userId` out of a session (option `identity`), or put another one in its place, and the session
   * goes on under its handle. If the session ends with the sign-out, you get `destroyed`.
   */
  loggedOut: SessionEvent & { readonly userId: string };
  /** A session got a new secret. */
  rotated: SessionEvent;
  /** Its own holder ended a session: destroyed, signed out, or replaced by a sign-in or `regenerate`. */
  destroyed: SessionEvent;
  /** Somebody else ended a session. */
  revoked: SessionEvent & { readonly userId: string; readonly reason: string };
  /** A session was ended because its user signed in elsewhere and has too many (`store.maxSessionsPerUser`). */
  evicted: SessionEvent & { readonly userId: string };
  /** A save, touch or rotation came too late: the session had ended meanwhile, and the change was dropped. */
  lost: SessionEvent;
  /** Data in the store is not what this package writes. It is treated as absent and left where it is. */
  rejected: SessionEvent & { readonly what: 'session' | 'entry' };
  /**
   * A well-signed cookie came with a secret that this living session does not have: it was replaced, or never given out. The request is
   * treated as anonymous.
   */
  reused: SessionEvent;
}

/** The name of an event. */
export type SessionEventName = keyof SessionEventMap;
