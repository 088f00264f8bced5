import type { Lease } from './session-record.js';

/** A hundred years in ms: as good as for ever, and small enough for Redis and for `Date` to count on from. */
export const LONGEST_TIME = 36_525 * 86_400_000;

/** The idle timeout of a lease in whole ms. */
export function idleOf(lease: Lease, settings: { readonly idle: number }): number {
  const isGiven = lease.idle !== undefined && !Number.isNaN(lease.idle);
  return Math.min(Math.max(1, Math.ceil(isGiven ? lease.idle : settings.idle)), LONGEST_TIME);
}

/** The absolute timeout in ms of a session that begins with that idle timeout; `undefined` for none. */
export function absoluteOf(idle: number, { absolute, absoluteIsDefault }: AbsoluteTimeout, own?: number | false): number | undefined {
  if (own === false) return undefined;
  if (own !== undefined) return Math.min(Math.max(1, Math.ceil(own)), LONGEST_TIME);
  return absolute !== undefined && absoluteIsDefault ? Math.max(absolute, idle) : absolute;
}

interface AbsoluteTimeout {
  readonly absolute: number | undefined;
  readonly absoluteIsDefault: boolean;
}
