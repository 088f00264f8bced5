import { SessionStoreUnavailableError } from '../redis-session.errors.js';

/** Node lets a longer one end at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** The time that one call may wait on the store in all. Once it is over, every further wait rejects, so that nothing is built on it. */
export class Deadline {
  readonly #expired: Promise<never>;
  #stop: () => void = () => undefined;

  constructor(ms: number) {
    this.#expired = new Promise((_, reject) => {
      const timer = setTimeout(() => reject(new SessionStoreUnavailableError('timeout')), Math.min(ms, LONGEST_TIMER));
      this.#stop = () => clearTimeout(timer);
    });
    // Without a wait under way nobody listens, and that is no error.
    this.#expired.catch(() => undefined);
  }

  wait<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([this.#expired, answer]);
  }

  done(): void {
    this.#stop();
  }
}

/** A single wait of at most `ms`. */
export function answerWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new SessionStoreUnavailableError('timeout')), Math.min(ms, LONGEST_TIMER));
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: Error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** Runs a call of one or more waits within `ms`. */
export async function within<T>(ms: number, call: (deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline = new Deadline(ms);
  try {
    return await call(deadline);
  } finally {
    deadline.done();
  }
}
