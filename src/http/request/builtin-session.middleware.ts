import type { ServerResponse } from 'node:http';
import { BufferedResponse, type ReplacementResponse, type ResponseHooks } from '../response/buffered-response.js';
import { errorResponseOf, INTERNAL_ERROR, notStoredResponse, renderErrorResponse } from '../response/error-response.js';
import { isClientGone, isHeadSent, isResponse, takesHeaders } from '../response/response-headers.js';
import { commitLate, commitSession } from './commit-session.js';
import { decideCookie, type CookieAction } from './cookie-decision.js';
import { RequestCookieFacts } from './cookie-facts.js';
import { useDictionaryMode } from './dictionary-mode.js';
import {
  continueWithSession,
  hasSession,
  HttpTransport,
  signedInTooLate,
  type SessionProperty,
  type SessionRequest,
} from './http-transport.js';
import { loadSession, rotateWhenDue } from './load-session.js';
import { statusOf } from './session-access.js';
import { keepState, RequestState } from './request-state.js';
import { putSessionHeaders, readSids } from './session-headers.js';
import type { SessionHandler } from './session-handler.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Our own session middleware. The session is stored before the first byte of the response leaves; when it cannot be, something else is
 * answered. A session that did not change costs its response nothing but a check.
 *
 * @param sessionStore what `req.sessionStore` is, for code that works on express-session's
 * @param Transport how the response leaves: by default, buffered
 */
export function builtinSessionMiddleware(
  runtime: SessionRuntime,
  sessionStore?: object,
  Transport: typeof BuiltinTransport = BuiltinTransport,
): SessionHandler {
  return (request: SessionRequest, response, next) => {
    let transport: BuiltinTransport | undefined;
    try {
      transport = hasSession(request) ? undefined : begin(new Transport(runtime, request, response, sessionStore));
    } catch (error) {
      return next(error);
    }
    if (transport === undefined) return next();
    const { state } = transport;
    const goOn = (error?: unknown) => continueWithSession(transport, next, error);
    loadSession(state, () => (takesHeaders(response) ? rotateWhenDue(state, goOn) : goOn()));
    // From here on the buffered response calls commit() and addHeaders() of the transport before its first byte leaves.
  };
}

/** `undefined` when the cookie is not for the request. Nothing at all begins when it has a session, as when Nest mounts a middleware on overlapping paths. */
function begin(transport: BuiltinTransport): BuiltinTransport | undefined {
  const { runtime, request } = transport;
  if (!transport.isInPath) return undefined;
  runtime.warnOfUntrustedProxy(request);
  readSids(transport.state);
  keepState(request, transport.state);
  transport.begin();
  return transport;
}

/** One request under this middleware, and what has to happen before its response leaves: the commit, and the cookie. */
export class BuiltinTransport extends HttpTransport implements ResponseHooks {
  readonly state = new RequestState(this);
  /** `undefined` for the handshake of a WebSocket, which has no response. */
  #buffered: BufferedResponse | undefined;
  #action: CookieAction = 'nothing';
  #isHeadOut: boolean;
  #lateFailure: string | undefined;

  constructor(
    runtime: SessionRuntime,
    request: SessionRequest,
    response: ServerResponse,
    sessionStore: object | undefined,
    property?: SessionProperty,
  ) {
    super(runtime, request, response, sessionStore, property);
    this.#isHeadOut = isHeadSent(response);
  }

  /** Called when the request has its state, before its session is loaded. */
  begin(): void {
    this.bufferResponse();
  }

  protected bufferResponse(): void {
    const { request, response } = this;
    useDictionaryMode(request);
    if (!isResponse(response)) return;
    useDictionaryMode(response);
    this.#buffered = new BufferedResponse(response, this);
  }

  protected get hasResponse(): boolean {
    return this.#buffered !== undefined;
  }

  protected get buffered(): BufferedResponse | undefined {
    return this.#buffered;
  }

  commit(): void | Promise<void> {
    const action = commitSession(this.state);
    if (typeof action === 'string') this.#action = action;
    else return action.then((decided) => void (this.#action = decided));
  }

  addHeaders(): void {
    const { state, response } = this;
    // The session may have been destroyed since the commit began.
    if (!this.#isHeadOut && statusOf(state) !== 'open') this.#action = decideCookie(new RequestCookieFacts(state, false));
    this.#isHeadOut = true;
    putSessionHeaders(state, this.#action, response);
  }

  /** The head is out, so no error can be answered any more. What can be stored is; what cannot is logged. */
  commitLate(): void | Promise<void> {
    const failed = (error: unknown) => this.logLate(error);
    try {
      return commitLate(this.state)?.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** A client that leaves, and then the end of the response that it has left, would log the same twice. */
  protected logLate(error: unknown): void {
    const failure = String(error);
    if (failure !== this.#lateFailure) this.runtime.logError(error);
    this.#lateFailure = failure;
  }

  replacementFor(error: unknown): ReplacementResponse {
    this.runtime.logError(error);
    this.tellOutage(error);
    return renderErrorResponse(errorResponseOf(error) ?? notStoredResponse(error), this.request.headers.accept);
  }

  replacementForRefused(error: unknown): ReplacementResponse {
    this.runtime.logError(error);
    return renderErrorResponse(INTERNAL_ERROR, this.request.headers.accept);
  }

  get hasResponseBegun(): boolean {
    return this.#buffered?.hasBegun === true;
  }

  get isHeadOut(): boolean {
    return this.#isHeadOut;
  }

  get hasEnded(): boolean {
    return this.#buffered?.hasEnded === true;
  }

  get canBeginSession(): boolean {
    return !this.hasResponseBegun;
  }

  takesNewSid(isLate: boolean): boolean {
    if (isLate || !this.hasResponse || isClientGone(this.request, this.response)) throw signedInTooLate();
    return true;
  }

  watchClient(): void {
    this.#buffered?.watchClient();
  }
}
