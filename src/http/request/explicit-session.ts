import type { ServerResponse } from 'node:http';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { canBeAnswered, isClientGone, isHeadSent, takesHeaders } from '../response/response-headers.js';
import { commitLate, commitSession } from './commit-session.js';
import { decideCookie, type CookieAction } from './cookie-decision.js';
import { RequestCookieFacts } from './cookie-facts.js';
import { hasSession, RequestTransport, signedInTooLate, type SessionRequest } from './http-transport.js';
import { isAsLoaded, loadSession, rotateWhenDue } from './load-session.js';
import { keepState, RequestState, stateOf } from './request-state.js';
import { existingSession, statusOf } from './session-access.js';
import { putSessionHeaders, readSids } from './session-headers.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Loads the session of a request that {@link commitExplicitly} is called for. Nothing is patched: what is not committed is not stored, unless a call of
 * the session stores it. Does nothing where the request has a session already.
 *
 * @param sessionStore what `req.sessionStore` is
 */
export async function loadExplicitly(runtime: SessionRuntime, request: SessionRequest, sessionStore: object): Promise<void> {
  if (hasSession(request)) return;
  const transport = new ExplicitTransport(runtime, request, sessionStore);
  const { state } = transport;
  if (!transport.isInPath) throw outsideOfPath();
  runtime.warnOfUntrustedProxy(request);
  readSids(state);
  keepState(request, state);
  await new Promise<void>((done) => loadSession(state, done));
  transport.expose();
}

/**
 * Stores what the request has changed, and puts the cookie on its response. Rejects when the session cannot be stored; the response is then as it was.
 * Once the head of the response is out, or a commit has said what it is to say, stores what no cookie is needed for.
 */
export async function commitExplicitly(request: SessionRequest, response: ServerResponse): Promise<void> {
  const transport = stateOf(request)?.transport;
  if (transport === undefined) return;
  if (!(transport instanceof ExplicitTransport)) throw committedByMiddleware();
  await transport.commit(response);
}

class ExplicitTransport extends RequestTransport {
  readonly state = new RequestState(this);
  #response: ServerResponse | undefined;
  #isCommitted = false;

  async commit(response: ServerResponse): Promise<void> {
    this.#response = response;
    if (this.isHeadOut) return commitLate(this.state);
    await this.#rotateWhenDue(response);
    const decided = await commitSession(this.state);
    if (!isHeadSent(response)) this.#putHeaders(decided, response);
    this.#isCommitted = true;
  }

  #putHeaders(decided: CookieAction, response: ServerResponse): void {
    const { state } = this;
    // The session may have been destroyed since the commit began.
    const action = statusOf(state) === 'open' ? decided : decideCookie(new RequestCookieFacts(state, false));
    putSessionHeaders(state, action, response);
  }

  /** Here, since at the load nobody knows whether there is a response that can tell the new secret: a WebSocket's handshake has none. */
  async #rotateWhenDue(response: ServerResponse): Promise<void> {
    const { state } = this;
    const isLost = existingSession(state)?.active.isLost === true;
    if (statusOf(state) !== 'open' || !isAsLoaded(state) || isLost || !takesHeaders(response) || isClientGone(this.request, response))
      return;
    const failure = await new Promise<unknown>((done) => rotateWhenDue(state, done));
    if (failure !== undefined) throw failure as Error; // whatever the store has rejected with
  }

  get isHeadOut(): boolean {
    return this.#isCommitted || (this.#response !== undefined && isHeadSent(this.#response));
  }

  get hasResponseBegun(): boolean {
    return this.isHeadOut;
  }

  get hasEnded(): boolean {
    return this.#isCommitted;
  }

  get canBeginSession(): boolean {
    return !this.isHeadOut;
  }

  get canBeAnswered(): boolean {
    return this.#response === undefined || canBeAnswered(this.request, this.#response);
  }

  takesNewSid(isLate: boolean): boolean {
    if (isLate || (this.#response !== undefined && isClientGone(this.request, this.#response))) throw signedInTooLate();
    return true;
  }

  watchClient(): void {
    // The application commits, whether its client has gone or not.
  }

  protected translate(error: unknown): unknown {
    return error;
  }
}

function outsideOfPath(): SessionMisuseError {
  return new SessionMisuseError(
    'The path of the cookie does not cover this request, which can have no session. Call loadSession() below that path only, or leave out "cookie.path".',
  );
}

function committedByMiddleware(): SessionMisuseError {
  return new SessionMisuseError(
    'commitSession() is for a session that loadSession() has loaded, and sessionMiddleware() commits this one. Use the middleware or the two functions.',
  );
}
