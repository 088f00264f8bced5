import { STATUS_CODES } from 'node:http';
import { CrossOriginError, SessionGoneError, SessionRefusedError, SessionStoreUnavailableError } from '../redis-session.errors.js';

/** What a client is told in the place of an answer that its session has prevented. */
export interface SessionAnswer {
  readonly statusCode: number;
  readonly message: string;
  /** A `RedisSessionErrorCode`, or one of the guard's. */
  readonly code: string | undefined;
  /** Stable, to switch on among answers of the same `code`. */
  readonly reason?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** The answer that an error stands for. `undefined` for a fault of the application, of which a client is told nothing. */
export function answerOf(error: unknown): SessionAnswer | undefined {
  if (error instanceof SessionStoreUnavailableError) {
    const { statusCode, code, headers } = error;
    // Without the reason, which is for those who run the application.
    return { statusCode, message: 'The session store is unavailable. Try again.', code, headers };
  }
  const isAnswer = error instanceof SessionGoneError || error instanceof SessionRefusedError || error instanceof CrossOriginError;
  if (!isAnswer) return undefined;
  const { statusCode, message, code } = error;
  return { statusCode, message, code, reason: error instanceof CrossOriginError ? error.reason : undefined, headers: {} };
}

/** The body of an answer. */
export function bodyOf({ statusCode, message, code, reason }: Omit<SessionAnswer, 'headers'>) {
  return { statusCode, error: STATUS_CODES[statusCode], message, code, ...(reason === undefined ? {} : { reason }) };
}
