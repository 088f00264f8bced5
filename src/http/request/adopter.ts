import type { IncomingMessage } from 'node:http';
import { types } from 'node:util';
import { SessionMisuseError } from '../../redis-session.errors.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { IDENTITY_ENTRY, isIdentity } from '../../session/identity.js';
import { LONGEST_CREDENTIAL } from '../../session/lifetime.js';
import { isPositive, kindOf } from '../../session/option-checks.js';
import type { LoginOptions } from './http-session.js';

/**
 * What a request has brought instead of a session: a proof of yours, such as a token, that somebody has signed in.
 *
 * @publicApi
 */
export interface Credential {
  /**
   * What names this one credential: the same in every request that brings it, and in no other. At most as much as whoever has the credential knows. It is
   * never stored, logged or sent: the id of the session is an HMAC of it.
   */
  key: string;
  /** Who has signed in, as `login()` takes it. */
  identity: Identity;
  /** Entries that the session begins with. @default none */
  data?: Readonly<Record<string, unknown>> | undefined;
  /** When they signed in: a `Date`, or epoch ms. A user who was revoked since then is refused. */
  authenticatedAt: Date | number;
  /**
   * When the credential is over: a `Date`, or epoch ms. For so long it is remembered that its session has ended. @default 400 days after `authenticatedAt`, the
   * longest that counts
   */
  expiresAt?: Date | number | undefined;
  /** How long this one session lives, as `login()` takes it. @default as configured */
  remember?: Pick<LoginOptions, 'ttl' | 'absoluteTtl'> | undefined;
}

/**
 * Finds the credential of a request that has no session; `undefined` for none, and for one that is not good (any more). If it throws or rejects, the session
 * counts as not loaded: who asks for it gets 503, and the rest goes on.
 *
 * @publicApi
 */
export interface Adopter {
  (request: IncomingMessage): Credential | undefined | Promise<Credential | undefined>;
  /** From when on no request is asked for a credential any more. @default never */
  readonly until?: Date | undefined;
}

/** A credential that has been checked. Times in epoch ms. */
export interface CheckedCredential {
  readonly key: string;
  readonly identity: Identity;
  readonly data: Readonly<Record<string, unknown>>;
  readonly authenticatedAt: number;
  /** When nobody can come with it any more. */
  readonly endsAt: number;
  readonly ttl: number | undefined;
  readonly absoluteTtl: number | false | undefined;
}

/** In ms. How far the clock of whoever gives out credentials may be ahead of the store's. */
const MOST_AHEAD = 60_000;
/** In ms: 1973. What is less is meant as seconds. */
const LEAST_TIME = 100_000_000_000;

/** Whether nobody is to be asked for a credential any more. */
export function isOver({ until }: Adopter, now: number): boolean {
  return until !== undefined && until.getTime() <= now;
}

/**
 * Checks what an adopter has returned. Throws `SessionMisuseError`, which shows no value of it: each may be a secret.
 *
 * @param now by the store's clock
 */
export function checkCredential(found: unknown, { until }: Adopter, now: number): CheckedCredential {
  if (typeof found !== 'object' || found === null || Array.isArray(found))
    throw wrong('must return a credential, or undefined for none', found, 'Return { key, identity, authenticatedAt, … }');
  const { key, identity, data = {}, authenticatedAt, expiresAt, remember = {} } = found as Partial<Credential>;
  if (typeof key !== 'string' || key === '')
    throw wrong('must return a credential whose "key" is a non-empty string', key, 'Take what names this one credential, such as its id');
  if (!isIdentity<Identity>(identity))
    throw wrong(
      'must return a credential whose "identity" is an object with an "id" that is a non-empty string or a finite number',
      identity,
      'Return something like { id: user.id }',
    );
  checkData(data);
  const signedInAt = timeOf('authenticatedAt', authenticatedAt, 'Take when the user signed in, or when the credential was given out');
  if (signedInAt > now + MOST_AHEAD)
    throw misuse(
      'must return a credential whose "authenticatedAt" is in the past. Give the time of the sign-in, in epoch ms or as a Date, and check the clocks of this machine, of Redis, and of whatever gives out credentials',
    );
  const ends = expiresAt === undefined ? Infinity : timeOf('expiresAt', expiresAt, 'Take when the credential is over, or leave it out');
  if (ends <= signedInAt)
    throw misuse(
      'must return a credential whose "expiresAt" is after its "authenticatedAt". Take when the credential is over, or leave it out',
    );
  return {
    key,
    identity,
    data,
    authenticatedAt: signedInAt,
    endsAt: Math.min(ends, until?.getTime() ?? Infinity, signedInAt + LONGEST_CREDENTIAL),
    ...checkedLife(remember),
  };
}

/** The errors and warnings of the option. */
export function adopterProblems(adopt: unknown): string[] {
  if (typeof adopt !== 'function')
    return [
      `"adopt" must be a function that finds the credential of a request, received ${kindOf(adopt)}. Write one, or use fromJwt({ verify, until }).`,
    ];
  const { until } = adopt as Partial<Adopter>;
  return until === undefined ? [] : untilProblems(until, 'adopt.until');
}

export function untilProblems(until: unknown, name: string): string[] {
  if (types.isDate(until) && !Number.isNaN(until.getTime())) return [];
  return [
    `"${name}" must be a date, after which nobody's credential is taken, received ${kindOf(until)}. Take a day by which all of them have ended: new Date('2031-06-30').`,
  ];
}

/** For one that is of no use any more; `undefined` otherwise. */
export function adopterWarning(adopt: Adopter | undefined): string | undefined {
  if (adopt === undefined || !isOver(adopt, Date.now())) return undefined;
  return '"adopt" is over: its "until" has passed, so it is never asked. Leave the option out.';
}

function checkData(data: unknown): asserts data is Readonly<Record<string, unknown>> {
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw wrong('must return a credential whose "data" is an object of entries', data, 'Return something like { cart }, or leave it out');
  for (const name of ['cookie', IDENTITY_ENTRY])
    if (Object.hasOwn(data, name))
      throw misuse(
        `must return a credential whose "data" has no "${name}". Leave it out there: the cookie is as configured, and who has signed in is "identity"`,
      );
}

function checkedLife(remember: unknown): Pick<CheckedCredential, 'ttl' | 'absoluteTtl'> {
  if (typeof remember !== 'object' || remember === null)
    throw wrong(
      'must return a credential whose "remember" is an object',
      remember,
      'Return { ttl, absoluteTtl } in seconds, or leave it out',
    );
  const { ttl, absoluteTtl } = remember as { ttl?: unknown; absoluteTtl?: unknown };
  if (ttl !== undefined && !isPositive(ttl)) throw wrongLife('remember.ttl', ttl);
  if (absoluteTtl === false || absoluteTtl === undefined || isPositive(absoluteTtl)) return { ttl, absoluteTtl };
  throw wrongLife('remember.absoluteTtl', absoluteTtl);
}

function wrongLife(name: string, value: unknown): SessionMisuseError {
  return wrong(
    `must return a credential whose "${name}" is a positive finite number of seconds`,
    value,
    'Leave it out for the configured time',
  );
}

function timeOf(name: string, time: unknown, cure: string): number {
  const ms = types.isDate(time) ? time.getTime() : time;
  if (typeof ms !== 'number' || !Number.isFinite(ms))
    throw wrong(`must return a credential whose "${name}" is a Date or epoch ms`, time, cure);
  if (ms < LEAST_TIME)
    throw misuse(
      `must return a credential whose "${name}" is a Date or epoch ms, and returned a time before 1973. Seconds, as a JWT has them, are new Date(seconds * 1000)`,
    );
  return Math.floor(ms);
}

function wrong(rule: string, received: unknown, cure: string): SessionMisuseError {
  const kind = typeof received === 'number' ? 'a number' : kindOf(received);
  return misuse(`${rule}, and returned ${kind}. ${cure}`);
}

function misuse(rule: string): SessionMisuseError {
  return new SessionMisuseError(`The option "adopt" ${rule}.`);
}
