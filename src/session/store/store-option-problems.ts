import { isPositive, kindOf, unknownNames, withoutUndefined } from '../option-checks.js';
import { isThenable } from '../thenable.js';
import { STORE_DEFAULTS, STORE_NAMES, type EntrySerializer, type SessionsPerUser, type StoreOptions } from './store-options.js';

const ELSEWHERE = new Map([
  ['client', 'redis'],
  ['maxAge', 'session.cookie.maxAge'],
]);

const POLICIES: readonly unknown[] = ['evict-oldest', 'evict-least-recent', 'reject'] satisfies SessionsPerUser['policy'][];

/**
 * What is wrong with store options, one sentence each: name, rule, cure.
 *
 * @param cookieIdle the idle timeout in seconds that the cookie asks for; it wins over `ttl`
 * @param names all that can stand beside these options, for who has mistyped one
 */
export function storeOptionProblems(options: StoreOptions, cookieIdle?: number, names = STORE_NAMES): string[] {
  const given = withoutUndefined(options);
  const problems = unknownNames('store', given, names, ELSEWHERE);
  const positive = (name: 'ttl' | 'maxBytes' | 'maxFieldBytes' | 'maxFields' | 'deadline' | 'rotateAfter') => {
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
  positive('rotateAfter');
  for (const name of ['touchAfter', 'recheckAfter', 'rotationGrace'] as const) {
    const value: unknown = given[name];
    if (value !== undefined && value !== 0 && !isPositive(value))
      problems.push(
        `"store.${name}" must be 0 or a positive finite number of seconds, received ${kindOf(value)}. Leave it out for ${STORE_DEFAULTS[name]}.`,
      );
  }

  if (given.rotateAfter !== undefined && given.rotationGrace === 0)
    problems.push(
      '"store.rotateAfter" needs a "store.rotationGrace" above 0: of several requests at once, each would replace the secret that another has just given the browser. Leave "store.rotationGrace" out for 10.',
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
  if (given.revokeBefore !== undefined && typeof given.revokeBefore !== 'boolean')
    problems.push(`"store.revokeBefore" must be true or false, received ${kindOf(given.revokeBefore)}.`);
  if (prefix !== undefined && (typeof prefix !== 'string' || prefix === '' || /[*?[\]{}\\\s]/.test(prefix)))
    problems.push(
      '"store.prefix" must be a non-empty string without blanks and without the characters * ? [ ] { } \\ (they are patterns in Redis tools, and braces would put every session on one Cluster node). Use something like "shop:sess:".',
    );
  if (serializer !== undefined && (typeof serializer?.stringify !== 'function' || typeof serializer?.parse !== 'function'))
    problems.push('"store.serializer" must have the functions stringify and parse. Leave it out for JSON.');
  else if (serializer !== undefined)
    problems.push(
      ...promisesOf(serializer).map(
        (name) => `"store.serializer" must be synchronous: its "${name}" returns a promise. Leave it out for JSON.`,
      ),
    );
  if (logErrors !== undefined && typeof logErrors !== 'boolean' && typeof logErrors !== 'function')
    problems.push(`"store.logErrors" must be true, false or a function, received ${kindOf(logErrors)}.`);
  return problems;
}

/** A sentence where `ttl` is allowed, and is hardly meant: milliseconds taken for seconds. */
export function suspectTtl({ ttl }: StoreOptions): string | undefined {
  return ttl !== undefined && ttl >= 900_000 && ttl % 100_000 === 0
    ? `"store.ttl" is ${ttl} s, so sessions end after ${Math.floor(ttl / 86_400)} days without a request. It is in seconds: divide milliseconds by 1,000.`
    : undefined;
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

/** Which of its functions answer with a promise: what they give would be taken for text, and for entries. */
export function promisesOf(serializer: EntrySerializer): (keyof EntrySerializer)[] {
  const text = tried(() => serializer.stringify({}));
  if (isThenable(text)) return ['stringify'];
  return isThenable(tried(() => serializer.parse(typeof text === 'string' ? text : '{}'))) ? ['parse'] : [];
}

function tried(call: () => unknown): unknown {
  try {
    const result = call();
    // Nobody waits for that one.
    if (isThenable(result)) result.then(undefined, () => undefined);
    return result;
  } catch {
    return undefined; // It may have its own idea of what can be stored.
  }
}
