import type { IncomingMessage } from 'node:http';
import type { Identity } from '../../session/identity.js';
import { stateOf } from './message-state.js';

const REQUEST_CONTEXT = Symbol('session of a request');

interface State<Context> {
  [REQUEST_CONTEXT]?: Context;
}

/**
 * What decorators and the guard ask of a request. `httpSession` and `identity` throw the 503 error when the session could not be loaded. `Who`: the identity with what
 * the application has declared of it, for those who may import that.
 */
export interface RequestContext<Who extends Identity = Identity> {
  /** What the requests of its module share. */
  readonly runtime: object;
  /** The session, also when this request has ended it; `undefined` before it is loaded. */
  readonly httpSession: object | undefined;
  /** As `httpSession`, for those who only look; `undefined` where that throws. */
  readonly peeked: object | undefined;
  /** Who is signed in. */
  readonly identity: Who | undefined;
  /** Why somebody else has ended the session that the request came with; `undefined` otherwise. */
  readonly endedReason: string | undefined;
  /** When whoever is signed in last proved who they are, epoch ms by the store's clock. */
  readonly authenticatedAt: number | undefined;
  /**
   * Whether the session is still there and its user's, where what is known of that is older than a second; no promise where it is younger. Rejects
   * with the 503 error when it cannot be learnt.
   */
  confirm(): boolean | Promise<boolean>;
  /** The time by the store's clock. Rejects with the 503 error when that cannot be learnt. */
  now(): Promise<number>;
}

export function setContext(request: IncomingMessage, context: RequestContext): void {
  (stateOf(request) as State<RequestContext>)[REQUEST_CONTEXT] = context;
}

/** What {@link setContext} was given for the request, as whoever asks knows it: all of it, or the part that concerns them. */
export function contextOf<Context>(request: IncomingMessage): Context | undefined {
  return (stateOf(request) as State<Context>)[REQUEST_CONTEXT];
}
