import { STATUS_CODES } from 'node:http';
import {
  CrossOriginError,
  RedisSessionError,
  SessionGoneError,
  SessionRefusedError,
  SessionStoreUnavailableError,
} from '../../redis-session.errors.js';
import { prefersHtml } from './accept.js';
import type { Substitute } from './buffered-response.js';

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

/** What a client is told whose answer Node refused to send. Why is for the log. */
export const REFUSED: SessionAnswer = { statusCode: 500, message: 'Internal server error', code: undefined, headers: {} };

/** What it is told whose session cannot be stored for a reason that is the application's. */
export function notStored(error: unknown): SessionAnswer {
  const code = error instanceof RedisSessionError ? error.code : undefined;
  return { statusCode: 500, message: 'The session could not be stored.', code, headers: {} };
}

/** An answer as it is sent: a page for whom `Accept` prefers one, else JSON. */
export function renderAnswer(answer: SessionAnswer, accept: string | undefined): Substitute {
  const isPage = prefersHtml(accept);
  const type = isPage ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  return {
    statusCode: answer.statusCode,
    headers: { 'Content-Type': type, Vary: 'Accept', ...answer.headers },
    body: isPage ? pageOf(answer) : JSON.stringify(bodyOf(answer)),
  };
}

/** Nothing of the request is in it. */
function pageOf({ statusCode, message }: SessionAnswer): string {
  const title = STATUS_CODES[statusCode] ?? '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
</head>
<body>
<h1>${title}</h1>
<p>${escapeHtml(message)}</p>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
