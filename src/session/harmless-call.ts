/** Calls what the application gave. What it throws, or what its promise rejects with, goes to `warn` and to nobody else. */
export function callHarmlessly(call: () => unknown, warn: (error: unknown) => void): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(warn);
  } catch (error) {
    warn(error);
  }
}
