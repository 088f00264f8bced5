import { RedisSessionConfigError } from '../../redis-session.errors.js';
import { FailureLog } from '../failure-log.js';
import { LONGEST_TIME } from '../lifetime.js';
import { withoutUndefined } from '../option-checks.js';
import { emitWarning, warnOnce } from '../warn-once.js';
import { storeOptionProblems, suspectTtl } from './store-option-problems.js';
import { STORE_DEFAULTS, type EntrySerializer, type SessionsPerUser, type StoreOptions } from './store-options.js';

/** {@link StoreOptions} with every default filled in; all times in whole ms. */
export interface StoreSettings {
  readonly prefix: string;
  readonly idle: number;
  /** Whether nobody asked for that idle timeout. */
  readonly idleIsDefault: boolean;
  /** `undefined`: no absolute timeout. A session whose own idle timeout is longer than a defaulted one gets that much. */
  readonly absolute: number | undefined;
  readonly absoluteIsDefault: boolean;
  readonly touchAfter: number;
  readonly recheckAfter: number;
  readonly rotationGrace: number;
  /** `undefined`: never. */
  readonly rotateAfter: number | undefined;
  readonly maxSessionsPerUser: { readonly limit: number; readonly policy: NonNullable<SessionsPerUser['policy']> } | undefined;
  readonly track: { readonly ip: boolean; readonly userAgent: boolean };
  readonly revokeBefore: boolean;
  readonly serializer: EntrySerializer;
  readonly maxBytes: number;
  readonly maxFieldBytes: number;
  readonly maxFields: number;
  readonly deadline: number;
  readonly logError: (error: Error) => void;
  /** What `logError` leads to. */
  readonly failures: FailureLog;
}

const SECOND = 1_000;

function msOf(seconds: number): number {
  return Math.min(Math.ceil(seconds * SECOND), LONGEST_TIME);
}

/**
 * What a store goes by that was given these options. Says once in a process what is allowed, and hardly meant. Throws one `RedisSessionConfigError`
 * with every problem.
 *
 * @publicApi
 */
export function storeSettings(options: StoreOptions): StoreSettings {
  const settings = resolveStoreOptions(options);
  const warning = suspectTtl(options);
  if (warning !== undefined) warnOnce(emitWarning, warning);
  return settings;
}

/** Fills in the defaults. Throws one `RedisSessionConfigError` with every problem. */
export function resolveStoreOptions(options: StoreOptions): StoreSettings {
  const problems = storeOptionProblems(options);
  if (problems.length > 0) throw new RedisSessionConfigError(problems);

  const given = withoutUndefined(options);
  const {
    prefix,
    ttl,
    absoluteTtl,
    touchAfter,
    recheckAfter,
    rotationGrace,
    serializer,
    maxBytes,
    maxFieldBytes,
    maxFields,
    deadline,
    logErrors,
  } = {
    ...STORE_DEFAULTS,
    ...given,
  };
  const { rotateAfter, maxSessionsPerUser, track = {}, revokeBefore = STORE_DEFAULTS.revokeBefore } = given;
  const failures = new FailureLog(logErrors);
  return {
    prefix,
    idle: msOf(ttl),
    idleIsDefault: given.ttl === undefined,
    absolute: absoluteTtl === false ? undefined : msOf(absoluteTtl),
    absoluteIsDefault: given.absoluteTtl === undefined,
    touchAfter: msOf(touchAfter),
    recheckAfter: msOf(recheckAfter),
    rotationGrace: msOf(rotationGrace),
    rotateAfter: rotateAfter === undefined ? undefined : msOf(rotateAfter),
    maxSessionsPerUser: sessionsPerUser(maxSessionsPerUser),
    track: { ...STORE_DEFAULTS.track, ...withoutUndefined(track) },
    revokeBefore,
    serializer,
    maxBytes,
    maxFieldBytes,
    maxFields,
    deadline,
    logError: failures.failed,
    failures,
  };
}

function sessionsPerUser(given: number | SessionsPerUser | undefined): StoreSettings['maxSessionsPerUser'] {
  if (given === undefined) return undefined;
  const { limit, policy = 'evict-oldest' } = typeof given === 'number' ? { limit: given } : given;
  return { limit, policy };
}
