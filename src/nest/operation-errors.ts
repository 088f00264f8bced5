import { STATUS_CODES } from 'node:http';
import { IntrinsicException, type ArgumentsHost } from '@nestjs/common';
import { errorResponseOf } from '../http/response/error-response.js';
import { stateOf } from '../http/request/request-state.js';
import { isMessage, isOperation, requestIn } from './execution-context.js';
import { SessionHttpException } from './http-exceptions.js';

const UNAUTHORIZED = 401;
/** By convention of Apollo Server; the others are called as HTTP calls them. */
const UNAUTHENTICATED = 'UNAUTHENTICATED';

/** What a GraphQL client gets beside the message. */
interface Extensions {
  /** A conventional code: `UNAUTHENTICATED`, `FORBIDDEN`, `CONFLICT` or `SERVICE_UNAVAILABLE`. */
  readonly code: string;
  /** That of the response which an HTTP client would get. */
  readonly reason?: string;
}

/**
 * An error response as GraphQL servers understand it. It is no `HttpException`: of one, Apollo Server makes an internal error where the
 * status is 503, and mercurius leaves only the message. As an intrinsic exception Nest doesn't log it.
 */
class OperationError extends IntrinsicException {
  readonly extensions: Extensions;

  constructor(statusCode: number, message: string, reason: string | undefined, cause: unknown) {
    super(message, { cause });
    this.name = new.target.name;
    this.extensions = { code: codeOf(statusCode), ...(reason === undefined ? {} : { reason }) };
  }
}

function codeOf(statusCode: number): string {
  if (statusCode === UNAUTHORIZED) return UNAUTHENTICATED;
  return (STATUS_CODES[statusCode] ?? 'Internal Server Error').toUpperCase().replaceAll(/[^A-Z]+/g, '_');
}

/** The error as a client of that context understands it. A fault of the application stays what it is. */
export function errorIn(host: ArgumentsHost, error: unknown): unknown {
  if (isMessage(host)) return errorOfMessage(host, error);
  if (!isOperation(host)) return error;
  if (error instanceof SessionHttpException) return new OperationError(error.getStatus(), error.message, error.reason, error);
  const response = errorResponseOf(error);
  return response === undefined ? error : new OperationError(response.statusCode, response.message, response.reason, error);
}

/** What carries the message knows what its client understands. */
function errorOfMessage(host: ArgumentsHost, error: unknown): unknown {
  const request = requestIn(host);
  return (request && stateOf(request)?.transport.errorFor(error)) ?? error;
}

/** Does it, and lets it fail in a way that the client of that context understands. */
export function answeringIn<T>(context: ArgumentsHost, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw errorIn(context, error);
  }
}
