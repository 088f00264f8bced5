/**
 * What all errors of this package have in common: a stable `code` to switch on.
 *
 * Check errors by code, not by class or message: `if (error.code === 'SESSION_STORE_UNAVAILABLE')`. Inside Nest, errors that are answers to
 * the client reach your filters as an `HttpException` with the same `code`. Errors of `SessionManager` reach your filters as they are; if
 * you have no filter for them, the client gets the same answer. Without Nest, they have the `statusCode`, `status` and `expose` that
 * Express reads.
 *
 * No message, property or cause of these errors holds a session id, secret, cookie value, Redis password, Redis key or session data.
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
 * What the `code` of an error of this package can be.
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
 * Why a request was refused. Its page is of another site (`cross-site`) or of another origin of this site, such as a subdomain
 * (`same-site`); its `Origin` is not the host that was asked (`cross-origin`), or is that host over http although https was asked
 * (`insecure-origin`); or the request doesn't say where it comes from, and `strict` is set (`no-origin`).
 *
 * @publicApi
 */
export type CrossOriginReason = 'cross-site' | 'same-site' | 'cross-origin' | 'insecure-origin' | 'no-origin';

/**
 * The options are wrong. You get it once, at start, with every problem found.
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
 * Redis is unreachable, too slow, or refuses. The outcome of a write is then unknown: it may still happen. The client gets 503 with
 * `Retry-After`.
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
   * @param reason what went wrong, in words that are safe to log: an error prefix of Redis (`OOM`, `READONLY` …), `timeout`, `connection`,
   *   or `outage` if Redis was not asked because it does not answer
   * @param command the command that Redis refused; for one inside a script, with what ran the script (`HSET in EVALSHA save`). Never its
   *   arguments
   */
  constructor(
    readonly reason: string,
    readonly command?: string,
  ) {
    super(`The session store is unavailable (${command === undefined ? reason : `${reason}: ${command}`}). Try again.`);
  }
}

/**
 * The session of a signed-in user ended while the request was under way (by logout elsewhere, revocation or expiry), so nothing can be
 * built on it any more. The client gets 401.
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
 * The user has as many sessions as `store.maxSessionsPerUser` allows, and its policy is `'reject'`. Nobody was signed in. The client gets
 * 409.
 *
 * @publicApi
 */
export class SessionRefusedError extends RedisSessionError {
  readonly code = 'SESSION_REFUSED';
  readonly statusCode = 409;
  readonly status = 409;
  readonly expose = true;

  constructor() {
    super('This user has too many sessions already. Sign out on another device first.');
  }
}

/**
 * A page of another site may have sent the request (`session.csrf`, `CsrfGuard`). The client gets 403.
 *
 * @publicApi
 */
export class CrossOriginError extends RedisSessionError {
  readonly code = 'SESSION_CROSS_ORIGIN';
  readonly statusCode = 403;
  readonly status = 403;
  readonly expose = true;

  constructor(readonly reason: CrossOriginReason) {
    super('The request was refused: it may come from a page of another site.');
  }
}

/**
 * The session would become larger than `maxBytes`, `maxFieldBytes` or `maxFields` allow. Nothing was stored.
 *
 * @publicApi
 */
export class SessionLimitError extends RedisSessionError {
  readonly code = 'SESSION_LIMIT_EXCEEDED';
}

/**
 * An entry can't be stored as it is (a circular structure, a BigInt, a reserved name …). Nothing was stored.
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
 * You used the session in a way that can't work: you wrote to it after its end, assigned a reserved property, or read it where no
 * middleware ran. The message names the cure.
 *
 * @publicApi
 */
export class SessionMisuseError extends RedisSessionError {
  readonly code = 'SESSION_MISUSE';
}
