import { SessionStoreUnavailableError } from '../../redis-session.errors.js';

/** What ioredis calls the errors that Redis answers with, and what node-redis calls them. */
const REPLY_CLASSES: ReadonlySet<string> = new Set(['ReplyError', 'ErrorReply', 'SimpleError', 'BlobError']);
/** What node-redis calls a command that nobody has taken in time; ioredis says it in words only. */
const TIMEOUT_CLASSES: ReadonlySet<string> = new Set(['TimeoutError', 'CommandTimeoutDuringMaintenanceError']);
const PREFIX = /^[A-Z]+(?= |$)/;
/** What a user may not do inside a script has no prefix of its own, in Redis 7.0 and in later ones. */
const DENIED = /^(?:ERR )?(?:The user executing the script can't|ACL failure in script)/;

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
  return message === 'Command timed out' || isTimeoutError(error) ? 'timeout' : 'connection';
}

function isTimeoutError(error: unknown): boolean {
  return error instanceof Error && (TIMEOUT_CLASSES.has(error.name) || TIMEOUT_CLASSES.has(error.constructor.name));
}

/**
 * Whether that is an error that Redis has answered with. By the names of the classes, of which an application may hold several copies; and since
 * bundlers rename classes, also by the text, in an error of some class of its own.
 */
function isReplyError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (REPLY_CLASSES.has(error.name) || REPLY_CLASSES.has(error.constructor.name)) return true;
  return (
    Object.getPrototypeOf(error) !== Error.prototype && !('code' in error) && (PREFIX.test(error.message) || DENIED.test(error.message))
  );
}

function replyPrefixOf(error: unknown): string | undefined {
  const { message } = (error ?? {}) as Partial<Error>;
  if (!isReplyError(error) || typeof message !== 'string') return undefined;
  if (DENIED.test(message)) return 'NOPERM';
  // Before Redis 7, an error inside a script came wrapped: "ERR Error running script (call to f_…): @user_script:1: -OOM command not …".
  const wrapped = /^ERR Error running script .*@user_script: ?\d+: -?([A-Z]+) /s.exec(message);
  return wrapped?.[1] ?? PREFIX.exec(message)?.[0];
}
