import type { Terms } from './session-record.js';

const DAY = 86_400_000;

/** A hundred years in ms: as good as for ever, and small enough for Redis and for `Date` to count on from. */
export const LONGEST_TIME = 36_525 * DAY;

/** How far a cookie's age that a handler sets stretches the default absolute timeout at most: 400 days in ms, as long as browsers keep a cookie (RFC 6265bis, section 5.5). */
export const LONGEST_STRETCH = 400 * DAY;

/**
 * In ms: 400 days, as long as a browser keeps a cookie. No older credential is made a session from (option `adopt`), so that it need not be remembered for longer
 * who was signed out.
 */
export const LONGEST_CREDENTIAL = 400 * DAY;

/** For how many ms from now a credential that was given out can come at most, where nobody is asked for one from `until` on. */
export function credentialLife({ until }: { readonly until?: Date | undefined }, now = Date.now()): number {
  return until === undefined ? LONGEST_CREDENTIAL : Math.min(LONGEST_CREDENTIAL, Math.max(0, until.getTime() - now));
}

/** Whether `Date` knows when an age of that many ms that begins now, or in the next hundred years, is over. */
export function hasEnd(ms: number): boolean {
  return Number.isFinite(new Date(Date.now() + LONGEST_TIME + ms).getTime());
}

/** The idle timeout of these terms in whole ms. */
export function idleOf(terms: Terms, settings: { readonly idle: number }): number {
  const isGiven = terms.idle !== undefined && !Number.isNaN(terms.idle);
  return Math.min(Math.max(1, Math.ceil(isGiven ? terms.idle : settings.idle)), LONGEST_TIME);
}

/**
 * The absolute timeout in ms of a session that begins on those terms; `undefined` for none. One that is not configured is at least as long as the
 * idle timeout.
 */
export function absoluteOf(terms: Terms, settings: AbsoluteTimeout, own?: number | false): number | undefined {
  if (own === false) return undefined;
  if (own !== undefined) return Math.min(Math.max(1, Math.ceil(own)), LONGEST_TIME);
  const { absolute, absoluteIsDefault } = settings;
  if (absolute === undefined || !absoluteIsDefault) return absolute;
  return Math.max(absolute, Math.min(terms.stretch ?? Infinity, idleOf(terms, settings)));
}

/** As long as a session lives at most that is not used, or not named by the index of its user; in ms. */
export function longestLife({ idle, absolute = 0 }: { readonly idle: number; readonly absolute: number | undefined }): number {
  return Math.max(idle, absolute);
}

interface AbsoluteTimeout {
  readonly idle: number;
  readonly absolute: number | undefined;
  readonly absoluteIsDefault: boolean;
}
