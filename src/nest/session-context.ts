import { Injectable } from '@nestjs/common';
import type { HttpSession } from '../http/request/http-session.js';
import { requestUnderWay } from '../http/request/request-context.js';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import { httpSessionIn, identityIn, peekedSessionIn } from '../http/request/session-access.js';
import { SessionRuntime } from '../http/request/session-runtime.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { Identity } from './identity.decorator.js';

/**
 * The session of the request under way, in any service: inject it, and no method has to hand the session on. Needs the option
 * `context: true`.
 *
 * It works in everything that a request leads to after the session middleware: guards, interceptors, pipes, handlers, exception filters,
 * request-scoped providers, and whatever they await or put off (`setImmediate`, timers). By `AsyncLocalStorage`, so no provider becomes
 * request-scoped for it.
 *
 * @publicApi
 */
@Injectable()
export class SessionContext {
  readonly #runtime: SessionRuntime;

  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime;
  }

  /**
   * What `@Session()` gives. Throws `SessionMisuseError` where no request with a session is under way (a job, a route that the module
   * excludes), and if `context` is off; throws the 503 error if the session couldn't be loaded.
   */
  get session(): HttpSession {
    const session = httpSessionIn(this.#state());
    if (session === undefined) throw noRequest();
    return session;
  }

  /**
   * What `@Identity()` gives: who is signed in, `undefined` for visitors. Throws what {@link session} throws: code outside of a request
   * must not look like a visitor.
   */
  get identity(): Identity | undefined {
    return identityIn(this.#state());
  }

  /**
   * The session for code that only looks, such as a logger: `undefined` where {@link session} throws. Only if `context` is off, it throws
   * too. Don't decide by it who may do what.
   */
  peek(): HttpSession | undefined {
    const state = this.#find();
    return state && this.#runtime.isSameAs(state.transport.runtime) ? peekedSessionIn(state) : undefined;
  }

  #state(): RequestState {
    const state = this.#find();
    if (state === undefined) throw noRequest();
    this.#runtime.assertSameAs(state.transport.runtime);
    return state;
  }

  #find(): RequestState | undefined {
    if (!this.#runtime.hasContext)
      throw new SessionMisuseError(
        'SessionContext is off, so that no request pays for it. Set the option "context" to true, beside "session".',
      );
    const request = requestUnderWay();
    return request && stateOf(request);
  }
}

function noRequest(): SessionMisuseError {
  return new SessionMisuseError(
    'No request with a session is under way here. Use SessionContext in what a request leads to after the session middleware has run; for code that also runs elsewhere there is peek().',
  );
}
