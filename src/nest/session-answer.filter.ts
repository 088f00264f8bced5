import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import {
  CrossOriginError,
  SessionGoneError,
  SessionRefusedError,
  SessionStoreUnavailableError,
  type RedisSessionError,
} from '../redis-session.errors.js';
import { errorResponseOf, errorBodyOf } from '../http/response/error-response.js';

/**
 * Answers what nobody has caught of `SessionManager` and stores: those know no response, so their errors are no exceptions of Nest, which would answer
 * without `Retry-After` and log a stack. To be added before the application's own filters, all of which then come first.
 */
@Catch(SessionStoreUnavailableError, SessionGoneError, SessionRefusedError, CrossOriginError)
export class SessionAnswerFilter implements ExceptionFilter<RedisSessionError> {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly logError: (error: Error) => void,
  ) {}

  catch(error: RedisSessionError, host: ArgumentsHost): void {
    if (error instanceof SessionStoreUnavailableError) this.logError(error);
    const answer = errorResponseOf(error);
    if (host.getType() === 'http' && answer !== undefined) return this.#reply(host.getArgByIndex(1), answer);
    // As Nest's own filter there. Elsewhere (GraphQL, microservices) what returns nothing has left the error to Nest.
    if (host.getType() === 'ws')
      host
        .switchToWs()
        .getClient<{ emit?(event: string, value: object): void }>()
        .emit?.('exception', { status: 'error', message: answer?.message });
  }

  #reply(response: unknown, answer: NonNullable<ReturnType<typeof errorResponseOf>>): void {
    const { httpAdapter } = this.adapterHost;
    if (httpAdapter.isHeadersSent(response)) return void httpAdapter.end(response);
    for (const [name, value] of Object.entries(answer.headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, errorBodyOf(answer), answer.statusCode);
  }
}
