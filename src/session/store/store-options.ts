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
   * What every Redis key begins with. Applications that share a Redis need one each. May not hold `*`, `?`, `[`, `]`, `{` or `}`.
   *
   * @default 'sess:'
   * @see connect-redis
   */
  prefix?: string | undefined;

  /**
   * Idle timeout in seconds: a session ends after that long without a request. `cookie.maxAge` wins where it is set.
   *
   * @default 1800
   * @see OWASP Session Management Cheat Sheet, "Session Expiration"; the name is connect-redis'
   */
  ttl?: number | undefined;

  /**
   * Absolute timeout in seconds: a session ends that long after it began, whatever happens. `false`: never.
   *
   * @default max(28800, idle timeout)
   * @see OWASP ASVS 5.0, 7.3.2
   */
  absoluteTtl?: number | false | undefined;

  /**
   * Seconds after which a request makes the idle timeout start anew; requests in between cost no write. At most a tenth of the idle timeout.
   *
   * @default 60
   */
  touchAfter?: number | undefined;

  /**
   * Seconds for which the secret before a rotation stays good once a newer one was presented: for requests already on their way. Until then it is
   * good in any case, since the answer with the new one may get lost.
   *
   * @default 10
   * @see OWASP Session Management Cheat Sheet, "Renewal Timeout"
   */
  rotationGrace?: number | undefined;

  /**
   * Seconds after which a session in use gets a new secret by itself, and its browser a new cookie. Needs a `rotationGrace` above 0. Nothing happens to
   * sids of a custom `genid`.
   *
   * @default never
   * @see OWASP Session Management Cheat Sheet, "Renewal Timeout"
   */
  rotateAfter?: number | undefined;

  /**
   * How many sessions a user may have, and what a sign-in beyond that does: it ends the one that signed in first (`'evict-oldest'`) or was
   * seen least recently (`'evict-least-recent'`), or is refused with `SessionRefusedError` (`'reject'`). A number alone evicts the oldest.
   *
   * A sign-in ends at most 100 sessions, so after you have set or lowered the limit it can take several of them until a user is within it. Up to 1,000
   * sessions of one user the policy is followed exactly. Beyond that, a sign-in first ends the sessions whose latest possible end is nearest.
   * If a session that is too many can't be ended, because Redis fails at that moment, a later sign-in ends it.
   *
   * @default any number
   * @see OWASP ASVS 5.0, 7.1.2
   */
  maxSessionsPerUser?: number | SessionsPerUser | undefined;

  /**
   * What is kept of the device that a session was last written from: the address, as Express' "trust proxy" has it, and the header
   * `User-Agent`, at most 256 bytes each.
   *
   * @default { ip: false, userAgent: false }
   */
  track?: TrackOptions | undefined;

  /**
   * Whether `SessionManager.revokeBefore()` can be used. Each request with a session then costs a second command.
   *
   * @default false
   */
  revokeBefore?: boolean | undefined;

  /**
   * How values become text in the hash.
   *
   * @default JSON
   * @see connect-redis
   */
  serializer?: EntrySerializer | undefined;

  /**
   * Largest session, in bytes of all entry names and encoded values. What is found in Redis and is ten times as large, or has ten times as many
   * entries as `maxFields`, is no session.
   *
   * @default 65536
   */
  maxBytes?: number | undefined;

  /**
   * Largest entry, in bytes of its name and its encoded value.
   *
   * @default 16384
   */
  maxFieldBytes?: number | undefined;

  /**
   * Most entries of one session.
   *
   * @default 128
   */
  maxFields?: number | undefined;

  /**
   * Longest time in ms that a request waits on the store: for its load and the save at its end together, and for each explicit call besides.
   *
   * @default 1000
   */
  deadline?: number | undefined;

  /**
   * Whether failures of the store are logged (a line when an outage begins, and one when it ends), or the function that gets each of them. One that
   * throws harms nobody; the failure is printed then.
   *
   * @default true
   * @see connect-redis 6
   */
  logErrors?: boolean | ((error: Error) => void) | undefined;
}

/** See {@link StoreOptions.maxSessionsPerUser}. */
export interface SessionsPerUser {
  /** The most sessions of one user. */
  limit: number;
  /** What a sign-in beyond that does. @default 'evict-oldest' */
  policy?: 'evict-oldest' | 'evict-least-recent' | 'reject' | undefined;
}

/** See {@link StoreOptions.track}. */
export interface TrackOptions {
  /** The address of the client. @default false */
  ip?: boolean | undefined;
  /** The header `User-Agent`. @default false */
  userAgent?: boolean | undefined;
}

export const STORE_DEFAULTS = {
  prefix: 'sess:',
  ttl: 1_800,
  absoluteTtl: 28_800,
  touchAfter: 60,
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
