/** Whether that is a promise, or passes for one: those of another realm, as under jest every one is, are no instances of `Promise`. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value && typeof value.then === 'function'
  );
}
