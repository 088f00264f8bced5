import { SessionMisuseError } from '../redis-session.errors.js';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/;

/** In whole ms. */
export function msOf(duration: number | string): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return Math.ceil(duration);
  const [, amount, unit] = typeof duration === 'string' ? (DURATION.exec(duration) ?? []) : [];
  if (amount !== undefined && unit !== undefined) return Math.ceil(Number(amount) * UNITS[unit as keyof typeof UNITS]);
  throw new SessionMisuseError(
    'advance() needs a time to go on by: milliseconds, or a number and a unit (ms, s, m, h, d). The clock never goes back. Write something like advance("31m").',
  );
}
