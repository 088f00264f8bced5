import type { ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { RedisSessionError } from '../redis-session.errors.js';
import { giveWhenRefused } from './refusal-headers.js';
import { answerOf, bodyOf } from './session-answer.js';

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
    super(bodyOf({ statusCode, message, code }), statusCode, cause === undefined ? {} : { cause });
  }
}

/** The codes of the guard's answers. */
export const GUARD_CODES = { signedOut: 'SESSION_REQUIRED' } as const;

/** Errors that are answers to the client become exceptions of Nest; others are faults of the application and stay what they are. */
export function toHttpException(error: RedisSessionError, response: ServerResponse): Error {
  const answer = answerOf(error);
  if (answer === undefined) return error;
  // Not by a filter, so that they are there with the application's own filters too.
  giveWhenRefused(response, answer.headers);
  return new SessionHttpException(answer.statusCode, answer.message, error.code, error);
}
