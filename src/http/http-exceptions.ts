import { STATUS_CODES, type ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import { SessionGoneError, SessionStoreUnavailableError, type RedisSessionError } from '../redis-session.errors.js';

/**
 * An answer about the session, as Nest's exception filters know it. The body is `{ statusCode, error, message, code, reason? }`.
 *
 * @publicApi
 */
export class SessionHttpException extends HttpException {
  constructor(
    statusCode: number,
    message: string,
    /** Stable, to switch on: a `RedisSessionErrorCode`, or one of the guard's. */
    readonly code: string,
    cause?: Error,
  ) {
    super({ statusCode, error: STATUS_CODES[statusCode], message, code }, statusCode, cause === undefined ? {} : { cause });
  }
}

/** The codes of the guard's answers. */
export const GUARD_CODES = { signedOut: 'SESSION_REQUIRED' } as const;

/** Errors that are answers to the client become exceptions of Nest; others are faults of the application and stay what they are. */
export function toHttpException(error: RedisSessionError, response: ServerResponse): Error {
  if (error instanceof SessionStoreUnavailableError) {
    // Set here rather than in a filter, so that it is there with the application's own filters too.
    if (!response.headersSent) for (const [name, value] of Object.entries(error.headers)) response.setHeader(name, value);
    return new SessionHttpException(error.statusCode, 'The session store is unavailable. Try again.', error.code, error);
  }
  if (error instanceof SessionGoneError) return new SessionHttpException(error.statusCode, error.message, error.code, error);
  return error;
}
