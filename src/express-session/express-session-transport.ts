import type { ServerResponse } from 'node:http';
import { setsCookie } from '../http/cookie/response-cookies.js';
import { HttpTransport, readSession, SESSION_PROPERTY, type SessionProperty, type SessionRequest } from '../http/request/http-transport.js';
import { existingSession } from '../http/request/session-access.js';
import { keepState, RequestState, stateOf } from '../http/request/request-state.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { changeProbeOf } from './change-probe.js';
import type { ExpressStoreFacade } from './express-store-facade.js';

/** `req.session`: the change probe while express-session looks, else what it is with our own middleware. */
const PROBED_SESSION: SessionProperty = {
  ...SESSION_PROPERTY,
  get() {
    const state = stateOf(this);
    if (state === undefined) return undefined;
    const session = (state.transport as ExpressSessionTransport).isLooking ? existingSession(state) : undefined;
    return session === undefined ? readSession(state) : changeProbeOf(session);
  },
};

/** One request that express-session serves. */
export class ExpressSessionTransport extends HttpTransport {
  readonly state = new RequestState(this);
  #isLooking = false;
  #wasAsked = false;
  /** Whether the request starts the idle timeout anew. */
  isTouched = false;

  constructor(runtime: SessionRuntime, request: SessionRequest, response: ServerResponse, store: ExpressStoreFacade) {
    super(runtime, request, response, store, PROBED_SESSION);
    keepState(request, this.state);
  }

  /** Whether express-session is looking at the session, which does not mean that the answer depends on it. */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  set isLooking(isLooking: boolean) {
    if (isLooking === this.#isLooking) return;
    this.#isLooking = isLooking;
    if (isLooking) this.#wasAsked = this.state.isAsked;
    else this.state.isAsked = this.#wasAsked;
  }

  get wasAsked(): boolean {
    return this.#isLooking ? this.#wasAsked : this.state.isAsked;
  }

  get hasResponseBegun(): boolean {
    return this.response.headersSent;
  }

  get isHeadOut(): boolean {
    return this.response.headersSent;
  }

  get hasEnded(): boolean {
    return this.response.writableEnded;
  }

  /** It sets the cookie of a new session in the head, and stores the session at the end. */
  get canBeginSession(): boolean {
    return !this.hasResponseBegun || setsCookie(this.response, this.runtime.cookie.name);
  }

  takesNewSid(): boolean {
    this.runtime.warnOfKeptSid();
    return false;
  }

  watchClient(): void {
    // It saves at the end of a response, whether its client has gone or not.
  }
}
