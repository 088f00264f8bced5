import { STATUS_CODES } from 'node:http';
import { SessionGoneError, SessionStoreUnavailableError } from '../redis-session.errors.js';

/** What a client is told in the place of an answer that its session has prevented. */
export interface SessionAnswer {
  readonly statusCode: number;
  readonly message: string;
  /** A `RedisSessionErrorCode`, or one of the guard's. */
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** The answer that an error stands for. `undefined` for a fault of the application, of which a client is told nothing. */
export function answerOf(error: unknown): SessionAnswer | undefined {
  if (error instanceof SessionStoreUnavailableError) {
    const { statusCode, code, headers } = error;
    // Without the reason, which is for those who run the application.
    return { statusCode, message: 'The session store is unavailable. Try again.', code, headers };
  }
  if (error instanceof SessionGoneError) return { statusCode: error.statusCode, message: error.message, code: error.code, headers: {} };
  return undefined;
}

/** The body of an answer. */
export function bodyOf({ statusCode, message, code }: Pick<SessionAnswer, 'statusCode' | 'message' | 'code'>) {
  return { statusCode, error: STATUS_CODES[statusCode], message, code };
}
