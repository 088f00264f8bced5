import { STATUS_CODES } from 'node:http';
import {
  CrossOriginError,
  RedisSessionError,
  SessionGoneError,
  SessionRefusedError,
  SessionStoreUnavailableError,
} from '../../redis-session.errors.js';
import { prefersHtml } from './accept.js';
import type { ReplacementResponse } from './buffered-response.js';

/** The response that a client gets when its session prevents the application's. */
export interface ErrorResponse {
  readonly statusCode: number;
  readonly message: string;
  /** A `RedisSessionErrorCode`, or one of the guard's. */
  readonly code: string | undefined;
  /** Stable, to switch on among responses of the same `code`. */
  readonly reason?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** The response for an error. `undefined` for a fault of the application, about which the client learns nothing. */
export function errorResponseOf(error: unknown): ErrorResponse | undefined {
  if (error instanceof SessionStoreUnavailableError) {
    const { statusCode, code, headers } = error;
    // Without the error's own message, which is for the people who run the application.
    return { statusCode, message: 'The session store is unavailable. Try again.', code, headers };
  }
  const hasResponse = error instanceof SessionGoneError || error instanceof SessionRefusedError || error instanceof CrossOriginError;
  if (!hasResponse) return undefined;
  const { statusCode, message, code } = error;
  return { statusCode, message, code, reason: error instanceof CrossOriginError ? error.reason : undefined, headers: {} };
}

/** The body of an error response. */
export function errorBodyOf({ statusCode, message, code, reason }: Omit<ErrorResponse, 'headers'>) {
  return { statusCode, error: STATUS_CODES[statusCode], message, code, ...(reason === undefined ? {} : { reason }) };
}

/** For a response that Node refused to send. The reason goes to the log. */
export const INTERNAL_ERROR: ErrorResponse = { statusCode: 500, message: 'Internal server error', code: undefined, headers: {} };

/** For a session that cannot be stored because of what the application put into it. */
export function notStoredResponse(error: unknown): ErrorResponse {
  const code = error instanceof RedisSessionError ? error.code : undefined;
  return { statusCode: 500, message: 'The session could not be stored.', code, headers: {} };
}

/** An error response as it is sent: a page when `Accept` prefers one, else JSON. */
export function renderErrorResponse(response: ErrorResponse, accept: string | undefined): ReplacementResponse {
  const isPage = prefersHtml(accept);
  const type = isPage ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  return {
    statusCode: response.statusCode,
    headers: { 'Content-Type': type, Vary: 'Accept', ...response.headers },
    body: isPage ? pageOf(response) : JSON.stringify(errorBodyOf(response)),
  };
}

/** Contains nothing of the request. */
function pageOf({ statusCode, message }: ErrorResponse): string {
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
