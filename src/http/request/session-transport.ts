import type { IncomingMessage } from 'node:http';
import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { tellUnavailable } from '../../session/diagnostics.js';
import type { CookieAttributes } from '../../session/session-record.js';
import { createCookie, type Cookie } from '../cookie/cookie.js';
import type { ConfiguredCookie } from '../cookie/session-cookie.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * How one request with a session reaches its client. Loading and committing a session are the same for all of them; an adapter to a framework says by
 * its transport what can still be sent.
 */
export abstract class SessionTransport {
  /** Whether `req.session` is a property of the request. */
  protected isExposed = false;
  #configuredCookie: ConfiguredCookie | undefined;
  #isOutageTold = false;

  constructor(
    readonly runtime: SessionRuntime,
    /** What carried the cookie. */
    readonly request: IncomingMessage,
  ) {}

  /** Whether there is no response at all, as with a message of a socket: no cookie can ever be sent. */
  readonly isWithoutResponse: boolean = false;

  /** Whether the response has begun, so that its cookie cannot be changed any more. */
  abstract readonly hasResponseBegun: boolean;
  /** Whether the head of the response is out. */
  abstract readonly isHeadOut: boolean;
  /** Whether the application has ended its response, so that only a call stores what it changes now. */
  abstract readonly hasEnded: boolean;
  /** Whether the response can still set the cookie of a session that begins now, or does. */
  abstract readonly canBeginSession: boolean;
  /** Whether the client can still get another response: an error has somewhere to go. */
  abstract readonly canBeAnswered: boolean;

  /**
   * Whether a session that became somebody's by assignment can get a new sid. Where it never can, says so in the log. Throws `SessionMisuseError`
   * where its cookie cannot be sent any more: the change must not be stored then.
   *
   * @param isLate whether the response has its cookie already
   */
  abstract takesNewSid(isLate: boolean): boolean;
  /** Stores what is in the session should the client go before the end. Called when there is something to store. */
  abstract watchClient(): void;
  /** Makes the session `req.session`, also where the application has taken it off. */
  abstract expose(): void;
  /** The error as the application should see it. */
  protected abstract translate(error: unknown): unknown;

  /** The error as the application should see it, who answers with it. */
  errorFor(error: unknown): unknown {
    if (this.canBeAnswered) this.tellOutage(error);
    return this.translate(error);
  }

  /** Tells that the client is to be answered with that error, where that is 503. Once for each request, of however many calls that fail. */
  tellOutage(error: unknown): void {
    if (this.#isOutageTold || !(error instanceof SessionStoreUnavailableError)) return;
    this.#isOutageTold = true;
    tellUnavailable(error);
  }

  /** Called before the session is used by Node's own request, where the framework has another: its response may be written past the framework. */
  useNodeRequest(): void {}

  /** Called when a method of the session has done what it was called for. */
  noteCall(): void {}

  /** Whether the application has taken the session off the request: `delete req.session` means what `req.session = null` does. */
  get isTakenOff(): boolean {
    return this.isExposed && !Object.hasOwn(this.request, 'session');
  }

  /** What the cookie is by configuration. */
  get configuredCookie(): ConfiguredCookie {
    this.#configuredCookie ??= this.runtime.cookie.configured(this.request);
    return this.#configuredCookie;
  }

  /** The cookie by configuration, with what a session has otherwise. `age`: how much of its `maxAge` has passed, in ms. */
  createCookie(changed?: CookieAttributes, age?: number): Cookie {
    return createCookie({ ...this.configuredCookie, ...changed }, age, this.runtime.wallClock);
  }
}
