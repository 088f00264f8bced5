/**
 * Holds what arrives at it: all that are expected arrive, then your test does something, then they go on together.
 *
 * @publicApi
 */
export class Barrier {
  readonly #arrivals: PromiseWithResolvers;
  readonly #opening: PromiseWithResolvers;

  /** @param expected how many arrive until it is full */
  constructor(private expected: number) {
    this.#arrivals = withResolvers();
    this.#opening = withResolvers();
  }

  /** For a handler of your test: waits until the barrier is opened. */
  pass(): Promise<void> {
    if (--this.expected === 0) this.#arrivals.resolve();
    return this.#opening.promise;
  }

  /** Resolves when everyone expected has arrived. */
  get full(): Promise<void> {
    return this.#arrivals.promise;
  }

  /** Lets go on who has arrived, and who arrives later. */
  open(): void {
    this.#opening.resolve();
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

// Node 20 has no Promise.withResolvers.
function withResolvers(): PromiseWithResolvers {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
