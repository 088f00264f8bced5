import { isThenable } from './thenable.js';

/** Calls what the application gave. What it throws, or what its promise rejects with, goes to `warn` and to nobody else. */
export function callHarmlessly(call: () => unknown, warn: (error: unknown) => void): void {
  try {
    const result = call();
    if (isThenable(result)) result.then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}
