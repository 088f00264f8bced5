/**
 * What every error of this package has in common: a stable `code` to switch on.
 *
 * Check errors by code, not by class or message: `if (error.code === 'SESSION_STORE_UNAVAILABLE')`. Inside Nest, an error that is an
 * answer to the client reaches filters as an `HttpException` with the same `code`; those of `SessionManager` reach them as they are, and are answered in the same
 * way where the application has no filter for them. Without Nest, they have the `statusCode`, `status` and `expose` by which Express knows what to answer.
 *
 * No message, property or cause of these errors holds a sid, secret, cookie value, Redis password, Redis key or session data.
 *
 * @publicApi
 */
export abstract class RedisSessionError extends Error {
  abstract readonly code: RedisSessionErrorCode;

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/**
 * What `code` of an error of this package can be.
 *
 * @publicApi
 */
export type RedisSessionErrorCode =
  | 'SESSION_CONFIG_INVALID'
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_GONE'
  | 'SESSION_REFUSED'
  | 'SESSION_LIMIT_EXCEEDED'
  | 'SESSION_NOT_SERIALIZABLE'
  | 'SESSION_CONFLICT'
  | 'SESSION_UNSUPPORTED'
  | 'SESSION_MISUSE'
  | 'SESSION_CROSS_ORIGIN';

/**
 * Why a request was refused: its page is of another site (`cross-site`), of another origin of this site, like a subdomain (`same-site`),
 * its `Origin` is not the host that was asked (`cross-origin`) or is that host over http where https was asked (`insecure-origin`), or it
 * says nothing, and that is not enough (`no-origin`).
 *
 * @publicApi
 */
export type CrossOriginReason = 'cross-site' | 'same-site' | 'cross-origin' | 'insecure-origin' | 'no-origin';

/**
 * The options are wrong. Thrown once, at start, with every problem found.
 *
 * @publicApi
 */
export class RedisSessionConfigError extends RedisSessionError {
  readonly code = 'SESSION_CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(`Sessions cannot start with these options:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}

/**
 * The store did not do what was asked: Redis is unreachable, too slow, or refuses. The outcome of a write is then unknown: it may
 * still happen. Answered to a client as 503 with `Retry-After`.
 *
 * @publicApi
 */
export class SessionStoreUnavailableError extends RedisSessionError {
  readonly code = 'SESSION_STORE_UNAVAILABLE';
  readonly statusCode = 503;
  readonly status = 503;
  readonly expose = true;
  readonly headers = { 'Retry-After': '1' } as const;

  /**
   * @param reason what went wrong, in words that are safe to log: an error prefix of Redis (`OOM`, `READONLY` …), `timeout`, `connection`, or `outage`
   * where Redis was not asked, since it has not answered others
   * @param command what Redis has refused: the command, of one inside a script with what ran the script (`HSET in EVALSHA save`). Never its arguments
   */
  constructor(
    readonly reason: string,
    readonly command?: string,
  ) {
    super(`The session store is unavailable (${command === undefined ? reason : `${reason}: ${command}`}). Try again.`);
  }
}

/**
 * The session of a signed-in requester ended (by logout elsewhere, revocation or expiry) while the request was under way, so
 * nothing can be built on it any more. Answered to a client as 401.
 *
 * @publicApi
 */
export class SessionGoneError extends RedisSessionError {
  readonly code = 'SESSION_GONE';
  readonly statusCode = 401;
  readonly status = 401;
  readonly expose = true;

  constructor() {
    super('The session has ended. Sign in again.');
  }
}

/**
 * The user has as many sessions as `store.maxSessionsPerUser` allows, and its policy is to refuse a further one. Nobody was signed in.
 * Answered to a client as 409.
 *
 * @publicApi
 */
export class SessionRefusedError extends RedisSessionError {
  readonly code = 'SESSION_REFUSED';
  readonly statusCode = 409;
  readonly status = 409;
  readonly expose = true;

  constructor() {
    super('There are too many sessions of this user already. Sign out elsewhere first.');
  }
}

/**
 * The request may have been sent by a page of another site (`session.csrf`, `CsrfGuard`). Answered to a client as 403.
 *
 * @publicApi
 */
export class CrossOriginError extends RedisSessionError {
  readonly code = 'SESSION_CROSS_ORIGIN';
  readonly statusCode = 403;
  readonly status = 403;
  readonly expose = true;

  constructor(readonly reason: CrossOriginReason) {
    super('The request was refused: it is not known to come from a page of this site.');
  }
}

/**
 * A session would become larger than `maxBytes`, `maxFieldBytes` or `maxFields` allow. Nothing was stored.
 *
 * @publicApi
 */
export class SessionLimitError extends RedisSessionError {
  readonly code = 'SESSION_LIMIT_EXCEEDED';
}

/**
 * An entry cannot be stored as it is (a circular structure, a BigInt, a reserved name …). Nothing was stored.
 *
 * @publicApi
 */
export class SessionSerializationError extends RedisSessionError {
  readonly code = 'SESSION_NOT_SERIALIZABLE';
}

/**
 * A new session was given an id that another session already has. Only a `genid` that repeats itself can cause this.
 *
 * @publicApi
 */
export class SessionConflictError extends RedisSessionError {
  readonly code = 'SESSION_CONFLICT';

  constructor() {
    super('A new session got an id that is already in use. "session.genid" must return an unguessable id that is new on every call.');
  }
}

/**
 * The store in use cannot do this.
 *
 * @publicApi
 */
export class SessionUnsupportedError extends RedisSessionError {
  readonly code = 'SESSION_UNSUPPORTED';
}

/**
 * The session was used in a way that cannot work: written after its end, a reserved property assigned, read where no middleware ran.
 * The message names the cure.
 *
 * @publicApi
 */
export class SessionMisuseError extends RedisSessionError {
  readonly code = 'SESSION_MISUSE';
}
