/** Turns an entry's value into text and back. Both are called synchronously. What `stringify` answers with `undefined` is not stored. */
export interface EntrySerializer {
  stringify(value: unknown): string | undefined;
  parse(text: string): unknown;
}

/**
 * How a store keeps sessions. Names and units that express-session or connect-redis users know are theirs.
 *
 * @publicApi
 */
export interface StoreOptions {
  /**
   * What every Redis key begins with. Give each application that shares a Redis a prefix of its own. It may not contain `*`, `?`, `[`, `]`, `{` or `}`, nor
   * end with `user:` or `not-before:`.
   *
   * @daily
   * @default 'sess:'
   * @see connect-redis
   */
  prefix?: string | undefined;

  /**
   * Idle timeout: a session ends after this long without a request. `cookie.maxAge` wins where you set it.
   *
   * @daily
   * @unit seconds
   * @default 1800
   * @see OWASP Session Management Cheat Sheet, "Session Expiration"; the name is connect-redis'
   */
  ttl?: number | undefined;

  /**
   * Absolute timeout: a session ends this long after it began, however busy it is. `false`: never. If you leave it out, a longer idle timeout stretches it.
   *
   * @daily
   * @unit seconds
   * @default max(28800, idle timeout)
   * @see OWASP ASVS 5.0, 7.3.2
   */
  absoluteTtl?: number | false | undefined;

  /**
   * How often a request restarts the idle timeout. Requests in between cost no write. At most a tenth of the idle timeout.
   *
   * @unit seconds
   * @default 60
   */
  touchAfter?: number | undefined;

  /**
   * How long a WebSocket or an `@Sse()` stream may outlive its session where nothing else tells of the end, and how old what a message sees of its session
   * may be. 0: each message asks Redis, and sockets are looked at as by default.
   *
   * @unit seconds
   * @default 15
   */
  recheckAfter?: number | undefined;

  /**
   * How long the previous secret stays valid after the browser has presented the new one, for requests already on their way. Until then it is valid in
   * any case, since the response with the new one may get lost.
   *
   * @unit seconds
   * @default 10
   * @see OWASP Session Management Cheat Sheet, "Renewal Timeout"
   */
  rotationGrace?: number | undefined;

  /**
   * How often a session in use gets a new secret by itself, and its browser a new cookie. Needs a `rotationGrace` above 0. Ignored for ids made by a custom
   * `genid`.
   *
   * @unit seconds
   * @default never
   * @see OWASP Session Management Cheat Sheet, "Renewal Timeout"
   */
  rotateAfter?: number | undefined;

  /**
   * How many sessions a user may have, and what happens when they sign in once more. A number alone evicts the oldest.
   *
   * A sign-in ends at most 100 sessions, so after you set or lower the limit, a user with many sessions gets within it over several sign-ins. For users with up
   * to 1,000 sessions the policy is followed exactly. Beyond that, a sign-in first ends the sessions whose latest possible end is nearest. If Redis fails
   * while a session is being ended, a later sign-in ends it.
   *
   * @daily
   * @unit sessions
   * @default any number
   * @see OWASP ASVS 5.0, 7.1.2
   */
  maxSessionsPerUser?: number | SessionsPerUser | undefined;

  /**
   * What to keep about the device that last wrote to a session: the client's address (as the trusted proxy reports it) and the `User-Agent` header, at most
   * 256 bytes each.
   *
   * @daily
   * @default { ip: false, userAgent: false }
   */
  track?: TrackOptions | undefined;

  /**
   * Enables `SessionManager.revokeBefore()`. Each request with a session then costs a second Redis command.
   *
   * @default false
   */
  revokeBefore?: boolean | undefined;

  /**
   * Turns an entry into text and back. Both functions are synchronous.
   *
   * @default JSON
   * @see connect-redis
   */
  serializer?: EntrySerializer | undefined;

  /**
   * Largest session: all entry names and encoded values together. What is found in Redis and is ten times as large, or has ten times as many
   * entries as `maxFields`, is treated as no session.
   *
   * @unit bytes
   * @default 65536
   */
  maxBytes?: number | undefined;

  /**
   * Largest entry: its name and its encoded value together.
   *
   * @unit bytes
   * @default 16384
   */
  maxFieldBytes?: number | undefined;

  /**
   * Most entries of one session.
   *
   * @unit entries
   * @default 128
   */
  maxFields?: number | undefined;

  /**
   * Longest time that a request waits for Redis, for its load and its save together. Each call that you make yourself, such as `login()`, may take as long
   * again.
   *
   * @unit ms
   * @default 1000
   */
  deadline?: number | undefined;

  /**
   * Whether outages are logged (one line when an outage begins, one when it ends), or a function that receives every failure. If the function throws, the
   * failure is printed and nothing else happens.
   *
   * @default true
   * @see connect-redis 6
   */
  logErrors?: boolean | ((error: Error) => void) | undefined;
}

/** See {@link StoreOptions.maxSessionsPerUser}. */
export interface SessionsPerUser {
  /**
   * The most sessions of one user.
   *
   * @daily
   * @unit sessions
   * @default required
   */
  limit: number;
  /**
   * What a sign-in beyond the limit does: end the session that signed in first (`'evict-oldest'`) or was seen least recently (`'evict-least-recent'`), or
   * fail with 409, `SessionRefusedError` (`'reject'`).
   *
   * @daily
   * @default 'evict-oldest'
   */
  policy?: 'evict-oldest' | 'evict-least-recent' | 'reject' | undefined;
}

/** See {@link StoreOptions.track}. */
export interface TrackOptions {
  /**
   * Keep the client's address.
   *
   * @daily
   * @default false
   */
  ip?: boolean | undefined;
  /**
   * Keep the `User-Agent` header.
   *
   * @daily
   * @default false
   */
  userAgent?: boolean | undefined;
}

export const STORE_DEFAULTS = {
  prefix: 'sess:',
  ttl: 1_800,
  absoluteTtl: 28_800,
  touchAfter: 60,
  recheckAfter: 15,
  rotationGrace: 10,
  rotateAfter: undefined,
  maxSessionsPerUser: undefined,
  track: { ip: false, userAgent: false },
  revokeBefore: false,
  serializer: JSON as EntrySerializer,
  maxBytes: 65_536,
  maxFieldBytes: 16_384,
  maxFields: 128,
  deadline: 1_000,
  logErrors: true,
} as const satisfies { [Name in keyof Required<StoreOptions>]: StoreOptions[Name] };

export const STORE_NAMES: readonly string[] = Object.keys(STORE_DEFAULTS);
