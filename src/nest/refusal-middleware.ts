import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionHttpException } from './http-exceptions.js';
import type { Next } from '../http/request/session-handler.js';

/**
 * The last error handler in a Nest application: answers the refusals that no filter has answered. A filter that asks for the session in an
 * outage throws the 503 itself, Nest calls it once more, and Express would then answer with a page of its own, with the stack in it.
 */
export function refusalMiddleware(error: unknown, _request: IncomingMessage, response: ServerResponse, next: Next): void {
  if (!(error instanceof SessionHttpException) || response.headersSent) return next(error);
  response.statusCode = error.getStatus();
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(error.getResponse()));
}
