import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { cookiesIn, withoutCookie } from '../http/cookie/response-cookies.js';
import { BuiltinTransport } from '../http/request/builtin-session.middleware.js';
import { commitSession, isTouchDue } from '../http/request/commit-session.js';
import { decideCookie, type CookieAction } from '../http/request/cookie-decision.js';
import { RequestCookieFacts } from '../http/request/cookie-facts.js';
import { readSession, SESSION_PROPERTY, type SessionProperty, type SessionRequest } from '../http/request/http-transport.js';
import {
  putSessionHeader,
  sessionHeader,
  SET_COOKIE,
  takeOffSessionHeader,
  variesBy,
  type ResponseHeader,
} from '../http/request/session-headers.js';
import { statusOf } from '../http/request/session-access.js';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { onDisconnect } from '../http/response/client-disconnect.js';
import { hasStatusMessage } from '../http/response/headers-sent-override.js';
import { isHeadSent, varyWith } from '../http/response/response-headers.js';
import { dropLaterCookies, takeLaterCookies } from './later-cookies.js';
import { discardPayload, isStreamed, removeTrailers, unwrapResponse } from './payloads.js';

const REFUSED = 400;

/**
 * What stays of the headers of a reply that another takes the place of: what is said of every reply, for caches, other origins, security, rate limits
 * and traces. All others are said of what could not be stored.
 */
const KEPT_HEADERS =
  /^(?:vary|connection|date|server|via|alt-svc|timing-allow-origin|access-control-.+|strict-transport-security|content-security-policy(?:-report-only)?|cross-origin-.+|origin-agent-cluster|permissions-policy|referrer-policy|x-(?:content-type-options|dns-prefetch-control|download-options|frame-options|permitted-cross-domain-policies|xss-protection)|(?:x-)?ratelimit(?:-.+)?|(?:x-)?(?:request|correlation|trace)-id|traceparent)$/;

/** `request.session` of Node's request. Who uses that may write to Node's response too. */
const NODE_SESSION_PROPERTY: SessionProperty = {
  ...SESSION_PROPERTY,
  get() {
    const state = stateOf(this);
    if (state === undefined) return undefined;
    state.transport.useNodeRequest();
    return readSession(state);
  },
};

/** - `open`: the reply has not been sent. - `leaving`: it is committed, or waits for that. - `closed`: the connection has taken its end. */
type ReplyState = 'open' | 'leaving' | 'closed';

/** What a commit has done, and to what. */
interface Committed extends Pick<RequestState, 'current' | 'status'> {
  readonly action: CookieAction;
}

/**
 * One request under Fastify. Its session is committed in `onSend`, and nothing of its response is patched; only where the session is used by Node's
 * own request, whose response may be written past Fastify, the response is buffered as on Express.
 */
export class FastifyTransport extends BuiltinTransport {
  #reply: ReplyState = 'open';
  #committed: Committed | undefined;
  #isHeadDecided = false;
  #isStreamed = false;
  #isWatching = false;
  #refusalHeaders: Readonly<Record<string, string>> = {};

  constructor(runtime: SessionRuntime, request: SessionRequest, response: ServerResponse, sessionStore: object | undefined) {
    super(runtime, request, response, sessionStore, NODE_SESSION_PROPERTY);
  }

  override begin(): void {
    // The response is buffered once somebody needs that.
  }

  override useNodeRequest(): void {
    if (this.buffered !== undefined || this.#reply !== 'open' || isHeadSent(this.response)) return;
    this.bufferResponse();
    if (this.#isWatching) this.watchClient();
  }

  /** A response that leaves past `onSend` has a touch that is due too. */
  override expose(): void {
    super.expose();
    if (isTouchDue(this.state)) this.#watch();
  }

  /**
   * Stores the session, and adds its headers to the reply. What cannot be stored is answered in the place of the payload. Called again when a hook that
   * comes later has failed, with the payload of that error.
   *
   * @returns the payload to send
   */
  send(reply: FastifyReply, payload: unknown): unknown {
    // Somebody has written to Node's response already, which waits for a commit.
    if (this.buffered?.hasBegun === true || isHeadSent(this.response)) return payload;
    this.#reply = 'leaving';
    this.#isHeadDecided = false;
    takeLaterCookies(reply);
    try {
      const action = this.#commit();
      if (typeof action === 'string') return this.#addHeaders(reply, payload, action);
      return action
        .then((decided) => this.#addHeaders(reply, payload, decided))
        .catch((error: unknown) => this.#replace(reply, payload, error));
    } catch (error) {
      return this.#replace(reply, payload, error);
    }
  }

  /** Once, unless an error handler has changed something since. */
  #commit(): CookieAction | Promise<CookieAction> {
    const { state } = this;
    const { current } = state;
    const committed = this.#committed;
    const isSame = committed !== undefined && committed.current === current && committed.status === statusOf(state);
    if (isSame && current?.active.isChanged !== true) return committed.action;
    this.#committed = undefined;
    const action = commitSession(state);
    return typeof action === 'string' ? this.#noteCommitted(action) : action.then((decided) => this.#noteCommitted(decided));
  }

  #noteCommitted(action: CookieAction): CookieAction {
    this.#committed = { action, current: this.state.current, status: statusOf(this.state) };
    return action;
  }

  #addHeaders(reply: FastifyReply, payload: unknown, committed: CookieAction): unknown {
    const { state, runtime } = this;
    // The session may have been destroyed since the commit began.
    const action = statusOf(state) === 'open' ? committed : decideCookie(new RequestCookieFacts(state, false));
    const header = sessionHeader(state, action);
    const changes = header !== undefined || state.isAsked;
    // The headers of a web Response would come over ours.
    const sent = changes ? unwrapResponse(reply, payload) : payload;
    this.#putSession(reply, header);
    if (header !== undefined && runtime.settings.noStore) reply.header('cache-control', 'no-store');
    if (state.isAsked) this.#addVary(reply);
    if (reply.statusCode >= REFUSED) this.#addRefusalHeaders(reply);
    this.#leave(sent);
    return sent;
  }

  #addVary(reply: FastifyReply): void {
    for (const name of variesBy(this.state)) {
      const vary = varyWith(reply.getHeader('vary'), name);
      if (vary !== undefined) reply.header('vary', vary);
    }
  }

  #addRefusalHeaders(reply: FastifyReply): void {
    for (const [name, value] of Object.entries(this.#refusalHeaders)) if (!reply.hasHeader(name)) reply.header(name, value);
  }

  #putSession(reply: FastifyReply, header: ResponseHeader | undefined): void {
    const isCookie = header?.name === SET_COOKIE;
    this.#putCookie(reply, isCookie ? header.value : undefined);
    const { header: other } = this.runtime;
    // A call may have put it on Node's response.
    if (other !== undefined) this.response.removeHeader(other.name);
    if (header !== undefined && !isCookie) reply.header(header.name, header.value);
  }

  /** Beside the cookies of the reply, and those that a middleware has set on Node's response, which the reply's would come over. */
  #putCookie(reply: FastifyReply, cookie: string | undefined): void {
    // Node's, where the reply has none.
    const own = reply.getHeader('set-cookie');
    if (own === undefined && cookie === undefined) return;
    const present = [...new Set([...cookiesIn(this.response.getHeader('set-cookie')), ...cookiesIn(own)])];
    const others = withoutCookie(present, this.runtime.cookie.name);
    if (cookie === undefined && others.length === present.length) return;
    reply.removeHeader('set-cookie');
    const cookies = cookie === undefined ? others : [...others, cookie];
    if (cookies.length > 0) reply.header('set-cookie', cookies);
  }

  #leave(payload: unknown): void {
    this.#isHeadDecided = true;
    this.#isStreamed = isStreamed(payload);
    this.buffered?.letThrough();
  }

  #replace(reply: FastifyReply, payload: unknown, error: unknown): unknown {
    const { statusCode, headers, body } = this.replacementFor(error);
    discardPayload(payload);
    this.#removeHeaders(reply);
    for (const [name, value] of Object.entries(headers)) if (name !== 'Vary') reply.header(name, value);
    const vary = [headers['Vary'] ?? []]
      .flat()
      .reduce<string | undefined>((all, name) => varyWith(all, name) ?? all, headerText(reply.getHeader('vary')));
    if (vary !== undefined) reply.header('vary', vary);
    removeTrailers(reply);
    dropLaterCookies(reply);
    reply.code(statusCode);
    if (hasStatusMessage(this.response)) this.response.statusMessage = '';
    this.#leave(body);
    return body;
  }

  /** Those of the reply, and those that a middleware has set on Node's response. */
  #removeHeaders(reply: FastifyReply): void {
    for (const name of Object.keys(reply.getHeaders())) {
      if (KEPT_HEADERS.test(name)) continue;
      reply.removeHeader(name);
      if (!isHeadSent(this.response)) this.response.removeHeader(name);
    }
  }

  override get hasResponseBegun(): boolean {
    return super.hasResponseBegun || this.#reply !== 'open' || isHeadSent(this.response);
  }

  override get isHeadOut(): boolean {
    // What waits for the commit says that its head has been sent.
    return super.isHeadOut || this.#isHeadDecided || (this.buffered?.isHeadOut ?? isHeadSent(this.response));
  }

  /** What a stream does while it is sent is stored at its end. */
  override get hasEnded(): boolean {
    return super.hasEnded || this.#reply === 'closed' || (this.#isHeadDecided && !this.#isStreamed);
  }

  protected override get hasResponse(): boolean {
    return true;
  }

  protected override giveWhenRefused(headers: Readonly<Record<string, string>>): void {
    this.#refusalHeaders = headers;
    if (this.buffered !== undefined) super.giveWhenRefused(headers);
  }

  /**
   * A reply that is hijacked, or written by `reply.raw`, never comes to `onSend`: the cookie of what a call has stored stands on Node's response from
   * then on.
   */
  override noteCall(): void {
    if (this.hasResponseBegun || this.buffered !== undefined) return;
    try {
      this.#putOnNodeResponse();
    } catch (error) {
      this.runtime.logError(error);
    }
  }

  #putOnNodeResponse(): void {
    const { state, response } = this;
    const header = sessionHeader(state, decideCookie(new RequestCookieFacts(state, false)));
    if (header === undefined) takeOffSessionHeader(state, response);
    else putSessionHeader(state, header, response);
  }

  override watchClient(): void {
    if (this.buffered === undefined) this.#watch();
    else this.buffered.watchClient();
  }

  #watch(): void {
    if (this.#isWatching || this.#reply === 'closed') return;
    this.#isWatching = true;
    const stop = onDisconnect(this.response, () => this.#close());
    this.response.once('close', () => {
      stop();
      this.#close();
    });
  }

  /** What a response that has left past `onSend`, or a stream, has changed is stored now. Nobody can be told any more when that fails. */
  #close(): void {
    if (this.#reply === 'closed') return;
    const isDone = this.hasEnded;
    const wasSent = this.#reply !== 'open';
    this.#reply = 'closed';
    if (isDone) return;
    void this.#storeLate(wasSent);
  }

  async #storeLate(wasSent: boolean): Promise<void> {
    await this.commitLate();
    try {
      if (!wasSent && isTouchDue(this.state)) await commitSession(this.state);
    } catch (error) {
      this.logLate(error);
    }
  }
}

function headerText(header: number | string | string[] | undefined): string | undefined {
  return header === undefined ? undefined : [header].flat().join(', ');
}
