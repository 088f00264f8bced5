/**
 * What every error of this package has in common: a stable `code` to switch on.
 *
 * Check errors by code, not by class or message: `if (error.code === 'SESSION_STORE_UNAVAILABLE')`. Inside Nest, an error that is an
 * answer to the client reaches filters as an `HttpException` with the same `code`.
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
  | 'SESSION_LIMIT_EXCEEDED'
  | 'SESSION_NOT_SERIALIZABLE'
  | 'SESSION_CONFLICT'
  | 'SESSION_UNSUPPORTED'
  | 'SESSION_MISUSE';

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
  readonly headers = { 'Retry-After': '1' } as const;

  /** @param reason what went wrong, in words that are safe to log: an error prefix of Redis (`OOM`, `READONLY` …), `timeout` or `connection` */
  constructor(readonly reason: string) {
    super(`The session store is unavailable (${reason}). Try again.`);
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

  constructor() {
    super('The session has ended. Sign in again.');
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
