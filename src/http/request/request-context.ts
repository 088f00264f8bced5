import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { SessionMisuseError } from '../../redis-session.errors.js';
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

/** Why somebody else has ended the session that the request came with; also `undefined` where no session middleware ran. */
export function endedReasonOf(context: ExecutionContext): string | undefined {
  return find(context)?.endedReason;
}

/** What the requests of the module share whose session middleware ran; `undefined` where none did. */
export function runtimeOf(context: ExecutionContext): object | undefined {
  return find(context)?.runtime;
}

/** See {@link RequestContext.peeked}. */
export function peekedOf(context: ExecutionContext): object | undefined {
  return find(context)?.peeked;
}

/** See {@link RequestContext.confirm}. Where no session middleware ran there is nothing to confirm: somebody else says who it is. */
export function confirmIdentity(context: ExecutionContext): boolean | Promise<boolean> {
  return find(context)?.confirm() ?? true;
}

export function setContext(request: IncomingMessage, context: RequestContext): void {
  (stateOf(request) as State<RequestContext>)[REQUEST_CONTEXT] = context;
}

/** What {@link setContext} was given for the request, as whoever asks knows it: all of it, or the part that concerns them. */
export function contextOf<Context>(request: IncomingMessage): Context | undefined {
  return (stateOf(request) as State<Context>)[REQUEST_CONTEXT];
}

function find<Who extends Identity>(context: ExecutionContext): RequestContext<Who> | undefined {
  // In the place of the request, other contexts have what they like: in GraphQL, nothing at all.
  const request = context.switchToHttp().getRequest<IncomingMessage | null | undefined>();
  return request === null || request === undefined ? undefined : contextOf(request);
}

/** Of the request that Nest is handling. */
export function requestContextOf<Who extends Identity = Identity>(context: ExecutionContext): RequestContext<Who> {
  const found = find<Who>(context);
  if (found === undefined) throw new SessionMisuseError(reasonOfNone(context.getType()));
  return found;
}

function reasonOfNone(type: string): string {
  return type === 'http'
    ? 'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.'
    : `There is no session in a context of type "${type}": sessions are those of HTTP requests. Keep SessionGuard, @Session() and @Identity() to controllers; where the guard is global, open this handler with @Public(), and guard it in another way.`;
}
