import type { FastifyRequest, preHandlerAsyncHookHandler } from 'fastify';
import { RedisSessionConfigError } from '../redis-session.errors.js';
import { hasRole } from '../session/identity.js';
import { isPositive, kindOf } from '../session/option-checks.js';
import { requireState, type RequestState } from '../http/request/request-state.js';
import { confirmSession, endedReasonIn, identityIn, isFreshLogin } from '../http/request/session-access.js';
import { errorBodyOf, errorResponseOf, type ErrorResponse } from '../http/response/error-response.js';
import { GUARD_ANSWERS, NOT_FRESH } from '../http/response/guard-answers.js';

/**
 * Whom `requireSession()` lets pass.
 *
 * @publicApi
 */
export interface RequireSessionOptions {
  /** Users whose identity has one of these in its `roles`, an array of strings. Others get 403. @default every user */
  roles?: readonly string[] | undefined;
  /** For so many seconds after a sign-in, or `reauthenticate()`. Then the answer is 401. @default for ever @unit seconds */
  freshLogin?: number | undefined;
}

/**
 * A `preHandler` hook that lets signed-in users pass, and gives everybody else the answers of `SessionGuard`: 401, with a `reason` if
 * somebody else has ended their session; 403 without the role; 503 with `Retry-After` if the session couldn't be read.
 *
 * ```ts
 * app.get('/orders', { preHandler: requireSession({ roles: ['admin'] }) }, handler);
 * ```
 *
 * With an error handler of your own (`setErrorHandler`), it throws instead: an error with `statusCode`, `code` and `reason`.
 *
 * Throws `RedisSessionConfigError` when the options are wrong.
 *
 * @publicApi
 */
export function requireSession(options: RequireSessionOptions = {}): preHandlerAsyncHookHandler {
  checkOptions(options);
  return async (request, reply) => {
    const isStandard = hasStandardHandler(request);
    const answer = await refusalOf(requireState(request), options).catch((error: unknown) => responseTo(error, isStandard));
    if (answer === undefined) return undefined;
    if (!isStandard) throw asError(answer);
    // Fastify's own handler would leave out the reason.
    return reply.code(answer.statusCode).headers(answer.headers).send(errorBodyOf(answer));
  };
}

/** Why the request may not pass; `undefined` when it may. */
async function refusalOf(state: RequestState, { roles: wanted, freshLogin }: RequireSessionOptions): Promise<ErrorResponse | undefined> {
  const identity = identityIn(state);
  if (identity === undefined || !(await confirmSession(state))) return answerOf(GUARD_ANSWERS.signedOut, endedReasonIn(state));
  if (wanted !== undefined && !hasRole(identity, wanted)) return answerOf(GUARD_ANSWERS.withoutRole);
  const isFresh = freshLogin === undefined || (await isFreshLogin(state, freshLogin));
  return isFresh ? undefined : answerOf(GUARD_ANSWERS.notFresh, NOT_FRESH);
}

function answerOf([statusCode, message, code]: readonly [number, string, string], reason?: string): ErrorResponse {
  return { statusCode, message, code, reason, headers: {} };
}

/** Of a session that could not be read. An application's own error handler gets the error as it is, and so do faults of the application. */
function responseTo(error: unknown, isStandard: boolean): ErrorResponse {
  const answer = isStandard ? errorResponseOf(error) : undefined;
  if (answer === undefined) throw error;
  return answer;
}

/** With what the errors of the package http-errors have too, by which Nest's own handler knows them. */
function asError({ statusCode, message, code, reason }: ErrorResponse): Error {
  const known = { statusCode, status: statusCode, expose: true };
  return Object.assign(new Error(message), known, { code, ...(reason === undefined ? {} : { reason }) });
}

/** Whether errors are answered by Fastify itself. */
function hasStandardHandler({ server }: FastifyRequest): boolean {
  return server.errorHandler.name === 'defaultErrorHandler';
}

function checkOptions({ roles, freshLogin }: RequireSessionOptions): void {
  const problems: string[] = [];
  if (roles !== undefined && !(Array.isArray(roles) && roles.length > 0 && roles.every((role) => typeof role === 'string')))
    problems.push(
      `"roles" of requireSession() must be a list of names (['admin']), received ${kindOf(roles)}. Leave it out to let every user pass.`,
    );
  if (freshLogin !== undefined && !isPositive(freshLogin))
    problems.push(
      `"freshLogin" of requireSession() must be a positive finite number of seconds, received ${kindOf(freshLogin)}. Leave it out for any sign-in.`,
    );
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
}
