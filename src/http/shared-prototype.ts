/** By the prototype that requests or responses have; `null` where none of theirs may be extended. */
const known = new WeakMap<object, object | null>();

/**
 * The prototype that a framework made for all its requests, or responses, to be extended, as Express did; `undefined` on a plain Node server.
 *
 * It is that of the framework, not of one application: an application that is mounted in another, or called by it, gives a message its own
 * prototype, and in the end takes it off again.
 */
export function sharedPrototypeOf(message: object): object | undefined {
  const own = Object.getPrototypeOf(message) as object;
  let shared = known.get(own);
  if (shared === undefined) {
    shared = findShared(own);
    known.set(own, shared);
  }
  return shared ?? undefined;
}

function findShared(own: object): object | null {
  let shared: object | null = null;
  for (
    let next: object | null = own;
    next !== null && !Object.hasOwn(next, 'constructor');
    next = Object.getPrototypeOf(next) as object | null
  )
    shared = next;
  return shared;
}
