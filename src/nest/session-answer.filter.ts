import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import {
  CrossOriginError,
  SessionGoneError,
  SessionRefusedError,
  SessionStoreUnavailableError,
  type RedisSessionError,
} from '../redis-session.errors.js';
import { tellUnavailable } from '../session/diagnostics.js';
import { errorResponseOf, errorBodyOf } from '../http/response/error-response.js';
import { isOperation } from './execution-context.js';
import { SessionHttpException } from './http-exceptions.js';
import { errorIn } from './operation-errors.js';

/** Errors that are answers to the client, wherever they are thrown. */
export const ANSWERED_ERRORS = [
  SessionStoreUnavailableError,
  SessionGoneError,
  SessionRefusedError,
  CrossOriginError,
  SessionHttpException,
] as const;

/**
 * Answers what nobody has caught of `SessionManager` and stores: those know no response, so their errors are no exceptions of Nest, which would answer
 * without `Retry-After` and log a stack. And what the methods of a session throw in a GraphQL resolver, which knows no exceptions of HTTP. To be added
 * before the application's own filters, all of which then come first.
 */
@Catch(...ANSWERED_ERRORS)
export class SessionAnswerFilter implements ExceptionFilter<RedisSessionError | SessionHttpException> {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly logError: (error: Error) => void,
  ) {}

  catch(error: RedisSessionError | SessionHttpException, host: ArgumentsHost): void {
    if (error instanceof SessionStoreUnavailableError) {
      this.logError(error);
      tellUnavailable(error);
    }
    if (isOperation(host)) throw errorIn(host, error);
    const answer = answerOf(error);
    // Elsewhere (microservices) what returns nothing has left the error to Nest.
    if (host.getType() === 'http' && answer !== undefined) this.#reply(host.getArgByIndex(1), answer);
  }

  #reply(response: unknown, { statusCode, headers, body }: Answer): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, body, statusCode);
  }
}

interface Answer {
  readonly statusCode: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

function answerOf(error: RedisSessionError | SessionHttpException): Answer | undefined {
  // Its headers are promised to the response already.
  if (error instanceof SessionHttpException)
    return { statusCode: error.getStatus(), message: error.message, headers: {}, body: error.getResponse() };
  const response = errorResponseOf(error);
  return response && { ...response, body: errorBodyOf(response) };
}
