import { HttpException } from '@nestjs/common';
import type { RedisSessionError } from '../redis-session.errors.js';
import { errorResponseOf, errorBodyOf } from '../http/response/error-response.js';

/**
 * More about an error response that is about the session.
 *
 * @publicApi
 */
export interface SessionHttpExceptionDetails {
  /** A stable word to switch on, within one `code`. It is in the body. */
  readonly reason?: string | undefined;
  /** The error behind it, for logs. It is not in the body. */
  readonly cause?: Error | undefined;
}

/**
 * An error response that is about the session, as Nest's exception filters receive it. The body is `{ statusCode, error, message, code,
 * reason? }`.
 *
 * @publicApi
 */
export class SessionHttpException extends HttpException {
  /** A stable word to switch on, within one `code`. */
  readonly reason: string | undefined;

  constructor(
    statusCode: number,
    message: string,
    /** A stable word to switch on: a `RedisSessionErrorCode`, or one of the guard's. */
    readonly code: string,
    { reason, cause }: SessionHttpExceptionDetails = {},
  ) {
    super(errorBodyOf({ statusCode, message, code, reason }), statusCode, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** Errors that are answers to the client become exceptions of Nest; others are faults of the application and stay what they are. */
export function toHttpException(error: RedisSessionError): Error {
  const { statusCode, message, reason } = errorResponseOf(error) ?? {};
  if (statusCode === undefined || message === undefined) return error;
  return new SessionHttpException(statusCode, message, error.code, { reason, cause: error });
}
