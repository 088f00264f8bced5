import { RedisSessionConfigError } from '../redis-session.errors.js';
import { errorLog } from './error-log.js';
import { LONGEST_TIME } from './lifetime.js';
import { isPositive, kindOf, unknownNames } from './option-checks.js';

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
   * Seconds for which the secret before a rotation stays good once the new one was presented: for requests already on their way.
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
  renewAfter?: number | undefined;

  /**
   * How many sessions a user may have, and what a sign-in beyond that does: it ends the one that signed in first (`'evict-oldest'`) or was
   * seen least recently (`'evict-least-recent'`), or is refused with `SessionRefusedError` (`'reject'`). A number alone evicts the oldest.
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
  epochs?: boolean | undefined;

  /**
   * How values become text in the hash.
   *
   * @default JSON
   * @see connect-redis
   */
  serializer?: EntrySerializer | undefined;

  /**
   * Largest session, in bytes of all entry names and encoded values.
   *
   * @default 65536
   */
  maxBytes?: number | undefined;

  /**
   * Largest entry, in bytes of its encoded value.
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
   * Longest time in ms that a request waits on the store: for a load, an explicit call, or the save at its end.
   *
   * @default 1000
   */
  deadline?: number | undefined;

  /**
   * Whether failures of the store are logged, or the function that gets them. One that throws harms nobody; the failure is printed then.
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

/** {@link StoreOptions} with every default filled in; all times in whole ms. */
export interface StoreSettings {
  readonly prefix: string;
  readonly idle: number;
  /** `undefined`: no absolute timeout. A session whose own idle timeout is longer than a defaulted one gets that much. */
  readonly absolute: number | undefined;
  readonly absoluteIsDefault: boolean;
  readonly touchAfter: number;
  readonly rotationGrace: number;
  /** `undefined`: never. */
  readonly renewAfter: number | undefined;
  readonly maxSessionsPerUser: { readonly limit: number; readonly policy: NonNullable<SessionsPerUser['policy']> } | undefined;
  readonly track: { readonly ip: boolean; readonly userAgent: boolean };
  readonly epochs: boolean;
  readonly serializer: EntrySerializer;
  readonly maxBytes: number;
  readonly maxFieldBytes: number;
  readonly maxFields: number;
  readonly deadline: number;
  readonly logError: (error: Error) => void;
}

const SECOND = 1_000;

function msOf(seconds: number): number {
  return Math.min(Math.ceil(seconds * SECOND), LONGEST_TIME);
}

export const STORE_DEFAULTS = {
  prefix: 'sess:',
  ttl: 1_800,
  absoluteTtl: 28_800,
  touchAfter: 60,
  rotationGrace: 10,
  renewAfter: undefined,
  maxSessionsPerUser: undefined,
  track: { ip: false, userAgent: false },
  epochs: false,
  serializer: JSON as EntrySerializer,
  maxBytes: 65_536,
  maxFieldBytes: 16_384,
  maxFields: 128,
  deadline: 1_000,
  logErrors: true,
} as const satisfies { [Name in keyof Required<StoreOptions>]: StoreOptions[Name] };

export const STORE_NAMES: readonly string[] = Object.keys(STORE_DEFAULTS);
const ELSEWHERE = new Map([
  ['client', 'redis'],
  ['maxAge', 'session.cookie.maxAge'],
]);

/** Fills in the defaults. Throws one `RedisSessionConfigError` with every problem. */
export function resolveStoreOptions(options: StoreOptions): StoreSettings {
  const problems = storeOptionProblems(options);
  if (problems.length > 0) throw new RedisSessionConfigError(problems);

  const given = withoutUndefined(options);
  const { prefix, ttl, absoluteTtl, touchAfter, rotationGrace, serializer, maxBytes, maxFieldBytes, maxFields, deadline, logErrors } = {
    ...STORE_DEFAULTS,
    ...given,
  };
  const { renewAfter, maxSessionsPerUser, track = {}, epochs = STORE_DEFAULTS.epochs } = given;
  return {
    prefix,
    idle: msOf(ttl),
    absolute: absoluteTtl === false ? undefined : msOf(absoluteTtl),
    absoluteIsDefault: given.absoluteTtl === undefined,
    touchAfter: msOf(touchAfter),
    rotationGrace: msOf(rotationGrace),
    renewAfter: renewAfter === undefined ? undefined : msOf(renewAfter),
    maxSessionsPerUser: sessionsPerUser(maxSessionsPerUser),
    track: { ...STORE_DEFAULTS.track, ...withoutUndefined(track) },
    epochs,
    serializer,
    maxBytes,
    maxFieldBytes,
    maxFields,
    deadline,
    logError: errorLog(logErrors),
  };
}

/**
 * What is wrong with store options, one sentence each: name, rule, cure.
 *
 * @param cookieIdle the idle timeout in seconds that the cookie asks for; it wins over `ttl`
 */
export function storeOptionProblems(options: StoreOptions, cookieIdle?: number): string[] {
  const given = withoutUndefined(options);
  const problems = unknownNames('store', given, STORE_NAMES, ELSEWHERE);
  const positive = (name: 'ttl' | 'maxBytes' | 'maxFieldBytes' | 'maxFields' | 'deadline' | 'renewAfter') => {
    if (given[name] !== undefined && !isPositive(given[name]))
      problems.push(
        `"store.${name}" must be a positive finite number, received ${kindOf(given[name])}. Leave it out for ${STORE_DEFAULTS[name] ?? 'never'}.`,
      );
  };
  positive('ttl');
  positive('maxBytes');
  positive('maxFieldBytes');
  positive('maxFields');
  positive('deadline');
  positive('renewAfter');
  for (const name of ['touchAfter', 'rotationGrace'] as const) {
    const value: unknown = given[name];
    if (value !== undefined && value !== 0 && !isPositive(value))
      problems.push(
        `"store.${name}" must be 0 or a positive finite number of seconds, received ${kindOf(value)}. Leave it out for ${STORE_DEFAULTS[name]}.`,
      );
  }

  if (given.renewAfter !== undefined && given.rotationGrace === 0)
    problems.push(
      '"store.renewAfter" needs a "store.rotationGrace" above 0: of several requests at once, each would replace the secret that another has just given the browser. Leave "store.rotationGrace" out for 10.',
    );

  const { absoluteTtl, prefix, serializer, logErrors } = given;
  const idle = cookieIdle ?? (isPositive(given.ttl) ? given.ttl : STORE_DEFAULTS.ttl);
  if (absoluteTtl !== undefined && absoluteTtl !== false) {
    if (!isPositive(absoluteTtl))
      problems.push(
        `"store.absoluteTtl" must be a positive finite number of seconds, or false for no absolute timeout, received ${kindOf(absoluteTtl)}.`,
      );
    else if (absoluteTtl < idle)
      problems.push(
        `"store.absoluteTtl" (${absoluteTtl} s) must not be below the idle timeout (${idle} s). Raise it, or lower ${cookieIdle === undefined ? '"store.ttl"' : '"session.cookie.maxAge"'}.`,
      );
  }
  problems.push(...sessionsPerUserProblems(given.maxSessionsPerUser), ...trackProblems(given.track));
  if (given.epochs !== undefined && typeof given.epochs !== 'boolean')
    problems.push(`"store.epochs" must be true or false, received ${kindOf(given.epochs)}.`);
  if (prefix !== undefined && (typeof prefix !== 'string' || prefix === '' || /[*?[\]{}\\\s]/.test(prefix)))
    problems.push(
      '"store.prefix" must be a non-empty string without blanks and without the characters * ? [ ] { } \\ (they are patterns in Redis tools, and braces would put every session on one Cluster node). Use something like "shop:sess:".',
    );
  if (serializer !== undefined && (typeof serializer?.stringify !== 'function' || typeof serializer?.parse !== 'function'))
    problems.push('"store.serializer" must have the functions stringify and parse. Leave it out for JSON.');
  else if (serializer !== undefined && isAsync(serializer))
    problems.push('"store.serializer" must be synchronous: its "stringify" returns a promise. Leave it out for JSON.');
  if (logErrors !== undefined && typeof logErrors !== 'boolean' && typeof logErrors !== 'function')
    problems.push(`"store.logErrors" must be true, false or a function, received ${kindOf(logErrors)}.`);
  return problems;
}

const POLICIES: readonly unknown[] = ['evict-oldest', 'evict-least-recent', 'reject'] satisfies SessionsPerUser['policy'][];

function sessionsPerUser(given: number | SessionsPerUser | undefined): StoreSettings['maxSessionsPerUser'] {
  if (given === undefined) return undefined;
  const { limit, policy = 'evict-oldest' } = typeof given === 'number' ? { limit: given } : given;
  return { limit, policy };
}

function sessionsPerUserProblems(given: unknown): string[] {
  if (given === undefined) return [];
  const { limit, policy, ...others } = (typeof given === 'object' && given !== null ? given : { limit: given }) as Record<string, unknown>;
  const problems = unknownNames('store.maxSessionsPerUser', others, ['limit', 'policy']);
  if (!isPositive(limit) || !Number.isSafeInteger(limit))
    problems.push(
      `"store.maxSessionsPerUser" must be a positive integer, or { limit, policy } with one, received ${kindOf(limit)}. Leave it out for any number.`,
    );
  if (policy !== undefined && !POLICIES.includes(policy))
    problems.push(
      `"store.maxSessionsPerUser.policy" must be "evict-oldest", "evict-least-recent" or "reject", received ${kindOf(policy)}. Leave it out for "evict-oldest".`,
    );
  return problems;
}

function trackProblems(track: unknown): string[] {
  if (track === undefined) return [];
  if (typeof track !== 'object' || track === null)
    return [`"store.track" must be an object such as { ip: true, userAgent: true }, received ${kindOf(track)}.`];
  const problems = unknownNames('store.track', track, Object.keys(STORE_DEFAULTS.track));
  for (const [name, value] of Object.entries(track))
    if (value !== undefined && typeof value !== 'boolean' && name in STORE_DEFAULTS.track)
      problems.push(`"store.track.${name}" must be true or false, received ${kindOf(value)}.`);
  return problems;
}

function isAsync(serializer: EntrySerializer): boolean {
  try {
    return (serializer.stringify({}) as unknown) instanceof Promise;
  } catch {
    return false; // It may have its own idea of what can be stored.
  }
}

function withoutUndefined<Options extends object>(options: Options): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  // `Object.fromEntries` does not know that the names are those that went in.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
