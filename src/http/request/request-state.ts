import type { IncomingMessage } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import type { SessionRecord } from '../../session/session-record.js';
import type { Sid } from '../../session/sid.js';
import type { RequestSession } from './request-session.js';
import type { SessionTransport } from './session-transport.js';
import { stateHolder, type FrameworkRequest } from './state-holder.js';

/**
 * - `pending`: the session is not loaded, or the cookie's path does not cover the request.
 * - `open`: the request has its session, used or not.
 * - `unset`: the application has said `req.session = null`.
 * - `destroyed`: this request has ended its session.
 * - `failed`: the session could not be loaded.
 */
export type RequestStatus = 'pending' | 'open' | 'unset' | 'destroyed' | 'failed';

/** The session that a request's cookie opened. */
export interface LoadedSession {
  readonly sid: Sid;
  readonly record: SessionRecord;
  /** When the load began, by the clock of the runtime. */
  readonly at: number;
}

const NO_SIDS: readonly Sid[] = [];

/** What is known of one request and its session. */
export class RequestState {
  status: RequestStatus = 'pending';
  /** The session as the request uses it; `undefined` until somebody asks for it. */
  current: RequestSession | undefined;
  /** Why the load failed. */
  failure: unknown;
  /** Why somebody else has ended the session; `undefined` where nobody has, or that is not known. */
  endedReason: string | undefined;
  /** Why the credential of the request is refused; `undefined` where it is not, or that is not known. */
  refusedReason: string | undefined;
  /** Whether the session came by a credential, which its client is to be told instead: made from it now, or by an earlier request. */
  adopted: 'made' | 'found' | undefined;
  /** When the store was last asked, by the clock of the runtime. */
  askedAt = 0;
  /** In ms. How long the request has waited for its session. */
  waited = 0;
  /** Whether the session has been found ended, or another user's, since it was loaded. */
  isGone = false;
  /** The session that this request has ended. */
  destroyed: RequestSession | undefined;
  /** Whether a new session was put in the place of the one that was loaded. */
  isReplaced = false;
  /** Whether it came by the header of clients that are no browsers, and not by a cookie. */
  isByHeader = false;
  /** Whether `SessionGuard` has let the request in, as somebody's. */
  isLetIn = false;
  /** Whether it only looks at its session, which is therefore not touched, rotated or told. */
  isPassive = false;
  /** The rotation that was due, where that is not done at the load. */
  rotation: Promise<unknown> | undefined;
  /** Whether anybody has asked for the session, so that the answer may depend on it. */
  isAsked = false;
  // People log requests and what hangs on them, however deep: what opens sessions is only in private fields.
  #loaded: LoadedSession | undefined;
  #sids = NO_SIDS;

  constructor(readonly transport: SessionTransport) {}

  get loaded(): LoadedSession | undefined {
    return this.#loaded;
  }

  set loaded(loaded: LoadedSession | undefined) {
    this.#loaded = loaded;
  }

  /** Of the request's cookies, or its header. */
  get sids(): readonly Sid[] {
    return this.#sids;
  }

  set sids(sids: readonly Sid[]) {
    this.#sids = sids;
  }
}

/** Puts a session in the place of the one that the request has. */
export function replaceSession(state: RequestState, next: RequestSession): void {
  state.isReplaced = state.loaded !== undefined;
  state.current = next;
  state.status = 'open';
  state.transport.expose();
}

const REQUEST_STATE = Symbol('session of a request');

interface WithState {
  [REQUEST_STATE]?: RequestState;
}

/** Makes it the state of that request. */
export function keepState(request: IncomingMessage, state: RequestState): void {
  (stateHolder(request) as WithState)[REQUEST_STATE] = state;
}

/** `undefined` when no session middleware ran for the request. */
export function stateOf(request: IncomingMessage | FrameworkRequest): RequestState | undefined {
  return (stateHolder(request) as WithState)[REQUEST_STATE];
}

export function requireState(request: IncomingMessage | FrameworkRequest): RequestState {
  const state = stateOf(request);
  if (state === undefined) throw noSession();
  return state;
}

export function noSession(): SessionMisuseError {
  return new SessionMisuseError(
    'This request has no session. Mount sessionMiddleware() before the handler that calls sessionOf(), or await loadSession().',
  );
}
