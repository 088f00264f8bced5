/**
 * How long to wait before the next attempt to connect, in ms: at once at first, then ever less often, and never giving up. Jitter keeps the
 * processes of a fleet from coming back all at the same moment.
 *
 * @param attempt counted from 1
 */
export function retryDelay(attempt: number): number {
  return Math.min(50 * 2 ** (attempt - 1), 2_000) + Math.random() * 200;
}
