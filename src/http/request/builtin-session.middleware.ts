import { useDictionaryMode } from './dictionary-mode.js';
import { ExpressStoreFacade } from '../../express-session/express-store-facade.js';
import { addVary, isResponse } from '../response/response-headers.js';
import { BufferedResponse, type ResponseHooks, type ReplacementResponse } from '../response/buffered-response.js';
import { errorResponseOf, notStoredResponse, INTERNAL_ERROR, renderErrorResponse } from '../response/error-response.js';
import { commitLate, commitSession, type CookieNews } from './session-commit.js';
import { Passage } from './passage.js';
import { hasSession, type SessionRequest } from './request-properties.js';
import { SessionExchange } from './session-exchange.js';
import type { SessionHandler } from './session-handler.js';
import type { SessionRuntime } from './session-runtime.js';

/**
 * Our own session middleware. The session is stored before the first byte of the response leaves; when it cannot be, something else is
 * answered. A session that did not change costs its response nothing but a check.
 */
export function builtinSessionMiddleware(runtime: SessionRuntime): SessionHandler {
  const { sessionStore = new ExpressStoreFacade(runtime) } = runtime;
  const late = (error: unknown) => runtime.logError(error);
  return (request: SessionRequest, response, next) => {
    const { attempt, go } = new Passage(next, late);
    attempt(() => {
      // Nest may mount a middleware on overlapping paths.
      if (hasSession(request)) return go();
      const exchange = new SessionExchange(runtime, request, response, sessionStore);
      if (!exchange.isInPath) return go();
      runtime.checkProxy(request);
      useDictionaryMode(request);
      if (isResponse(response)) {
        useDictionaryMode(response);
        exchange.watch = new BufferedResponse(response, new SessionHooks(exchange));
      }
      const serve = () => {
        exchange.install();
        go();
      };
      exchange.load(runtime.cookie.read(request), (error) =>
        attempt(() => {
          if (error !== undefined) exchange.fail(error);
          exchange.renewSecret(() => attempt(serve));
        }),
      );
    });
  };
}

class SessionHooks implements ResponseHooks {
  #news: CookieNews = 'none';
  #isHeadOut: boolean;
  #lateFailure: string | undefined;

  constructor(private readonly exchange: SessionExchange) {
    this.#isHeadOut = exchange.response.headersSent;
  }

  commit(): void | Promise<void> {
    const news = commitSession(this.exchange);
    if (typeof news === 'string') this.#news = news;
    else
      return news.then((told) => {
        this.#news = told;
      });
  }

  addHeaders(): void {
    this.#isHeadOut = true;
    const { runtime, request, response, dropped } = this.exchange;
    const current = this.#news === 'set' ? this.exchange.current : undefined;
    if (current === undefined && dropped !== undefined) runtime.cookie.clear(response, dropped);
    const isTold =
      current === undefined ? dropped !== undefined : runtime.cookie.set(request, response, current.active.sid, current.cookie);
    if (isTold && runtime.settings.noStore) response.setHeader('Cache-Control', 'no-store');
    if (this.exchange.isAsked) addVary(response, 'Cookie');
  }

  /** The head is out, so the client can be told nothing any more. What can be stored is; what cannot is logged. */
  commitLate(): void | Promise<void> {
    const failed = (error: unknown) => this.#logLate(error);
    try {
      return commitLate(this.exchange, this.#isHeadOut)?.then(() => undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** A client that leaves, and then the end of the answer that it has left, would tell of the same twice. */
  #logLate(error: unknown): void {
    const failure = String(error);
    if (failure !== this.#lateFailure) this.exchange.runtime.logError(error);
    this.#lateFailure = failure;
  }

  replacementFor(error: unknown): ReplacementResponse {
    this.exchange.runtime.logError(error);
    return renderErrorResponse(errorResponseOf(error) ?? notStoredResponse(error), this.exchange.request.headers.accept);
  }

  replacementForRefused(error: unknown): ReplacementResponse {
    this.exchange.runtime.logError(error);
    return renderErrorResponse(INTERNAL_ERROR, this.exchange.request.headers.accept);
  }
}
