import { STATUS_CODES, type ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import { CrossOriginError, SessionGoneError, SessionStoreUnavailableError, type RedisSessionError } from '../redis-session.errors.js';

/**
 * What an answer about the session may have besides.
 *
 * @publicApi
 */
export interface SessionHttpExceptionDetails {
  /** Stable, to switch on among answers of the same `code`. In the body. */
  readonly reason?: string | undefined;
  /** For logs. Not in the body. */
  readonly cause?: Error | undefined;
}

/**
 * An answer about the session, as Nest's exception filters know it. The body is `{ statusCode, error, message, code, reason? }`.
 *
 * @publicApi
 */
export class SessionHttpException extends HttpException {
  /** Stable, to switch on among answers of the same `code`. */
  readonly reason: string | undefined;

  constructor(
    statusCode: number,
    message: string,
    /** Stable, to switch on: a `RedisSessionErrorCode`, or one of the guard's. */
    readonly code: string,
    { reason, cause }: SessionHttpExceptionDetails = {},
  ) {
    super(
      { statusCode, error: STATUS_CODES[statusCode], message, code, ...(reason === undefined ? {} : { reason }) },
      statusCode,
      cause === undefined ? {} : { cause },
    );
    this.reason = reason;
  }
}

/** The codes of the guard's answers. */
export const GUARD_CODES = { signedOut: 'SESSION_REQUIRED' } as const;

/** Errors that are answers to the client become exceptions of Nest; others are faults of the application and stay what they are. */
export function toHttpException(error: RedisSessionError, response: ServerResponse): Error {
  if (error instanceof SessionStoreUnavailableError) {
    // Set here rather than in a filter, so that it is there with the application's own filters too.
    if (!response.headersSent) for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    return new SessionHttpException(error.statusCode, 'The session store is unavailable. Try again.', error.code, { cause: error });
  }
  return error instanceof SessionGoneError ? asHttpException(error) : error;
}

/** An error that is an answer as it stands. */
export function asHttpException(error: SessionGoneError | CrossOriginError): SessionHttpException {
  const reason = error instanceof CrossOriginError ? error.reason : undefined;
  return new SessionHttpException(error.statusCode, error.message, error.code, { reason, cause: error });
}
