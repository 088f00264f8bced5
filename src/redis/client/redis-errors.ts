import { ReplyError } from 'ioredis';
import { SessionStoreUnavailableError } from '../../redis-session.errors.js';

/** The reasons of errors that Redis has had no part in. */
const WITHOUT_REPLY = ['timeout', 'connection', 'outage'];

/**
 * What a failed Redis call becomes for everybody outside this folder. Nothing of the original is kept but a word about its kind: the
 * errors of ioredis carry the arguments of the command, which are a session's key and data, and some texts repeat them.
 */
export function toStoreError(error: unknown, command?: string): SessionStoreUnavailableError {
  return error instanceof SessionStoreUnavailableError
    ? error
    : new SessionStoreUnavailableError(reasonOf(error), refusedOf(error, command));
}

/** The command that Redis has refused, if it was one. Redis 7.2 and later say which one of a script it was. */
function refusedOf(error: unknown, command: string | undefined): string | undefined {
  const { message } = (error ?? {}) as Partial<Error>;
  if (!isReplyError(error) || typeof message !== 'string' || command === undefined) return undefined;
  const inner = /no permissions to run the '([a-z]+)(?:\|[a-z]+)?' command/.exec(message)?.[1]?.toUpperCase();
  return inner === undefined || command.startsWith(inner) ? command : `${inner} in ${command}`;
}

/**
 * For an answer that is none, such as the `QUEUED` of a `MULTI` that the application has begun on the same connection: what was asked for is
 * done later or never.
 */
export function noReply(): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError('reply');
}

/** Nobody has answered in time. Also of a store error. */
export function isTimeout(error: unknown): boolean {
  return toStoreError(error).reason === 'timeout';
}

/** Redis has answered, and be it to refuse. Also of a store error. */
export function isReply(error: unknown): boolean {
  return !WITHOUT_REPLY.includes(toStoreError(error).reason);
}

/** The key holds another type than the command or script expects. Also of a store error. */
export function isWrongType(error: unknown): boolean {
  return (error instanceof SessionStoreUnavailableError ? error.reason : replyPrefixOf(error)) === 'WRONGTYPE';
}

/** Redis has not (or no longer) seen the script; nothing was executed. */
export function isNoScript(error: unknown): boolean {
  return replyPrefixOf(error) === 'NOSCRIPT';
}

/** We write to a replica: the master moved. */
export function isReadOnly(error: unknown): boolean {
  return replyPrefixOf(error) === 'READONLY';
}

/**
 * Names the kind of an error in a word that is safe to log: the prefix of Redis' own error, a code such as `ECONNREFUSED`, or `undefined`
 * where there is neither.
 */
export function safeCodeOf(error: unknown): string | undefined {
  const prefix = replyPrefixOf(error);
  if (prefix !== undefined) return prefix;
  // A Cluster client says only that every node failed; the last node says why.
  const { code, lastNodeError } = (error ?? {}) as { code?: unknown; lastNodeError?: unknown };
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)) return code;
  return lastNodeError === undefined ? undefined : safeCodeOf(lastNodeError);
}

function reasonOf(error: unknown): string {
  const { message } = (error ?? {}) as Partial<Error>;
  if (isReplyError(error)) return replyPrefixOf(error) ?? 'reply';
  return message === 'Command timed out' ? 'timeout' : 'connection';
}

/** By name too: an application may hold a second copy of ioredis with classes of its own. By name only would not do: bundlers rename classes. */
function isReplyError(error: unknown): boolean {
  return error instanceof ReplyError || (error as Partial<Error> | null | undefined)?.name === 'ReplyError';
}

function replyPrefixOf(error: unknown): string | undefined {
  const { message } = (error ?? {}) as Partial<Error>;
  if (!isReplyError(error) || typeof message !== 'string') return undefined;
  // What a user may not do inside a script has no prefix of its own, in Redis 7.0 and in later ones.
  if (/^(?:ERR )?(?:The user executing the script can't|ACL failure in script)/.test(message)) return 'NOPERM';
  // Before Redis 7, an error inside a script came wrapped: "ERR Error running script (call to f_…): @user_script:1: -OOM command not …".
  const wrapped = /^ERR Error running script .*@user_script: ?\d+: -?([A-Z]+) /s.exec(message);
  return wrapped?.[1] ?? /^[A-Z]+(?= |$)/.exec(message)?.[0];
}
