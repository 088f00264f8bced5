import { SessionStoreUnavailableError } from '../redis-session.errors.js';
import { timeoutQueueOf, type Timeout } from './timeout-queue.js';

/** The time that one call may wait on the store in all. Once it is over, every further wait rejects, so that nothing is built on it. */
export class Deadline {
  readonly #time: Timeout;
  #isOver = false;
  /** Ends what waits at that moment; those that have ended already do not mind. */
  readonly #waiting: ((error: SessionStoreUnavailableError) => void)[] = [];

  constructor(ms: number) {
    this.#time = timeoutQueueOf(ms).begin(() => this.#expire());
  }

  wait<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      Promise.resolve(answer).then((value) => resolve(orUndefined(value)), reject);
      if (this.#isOver) reject(new SessionStoreUnavailableError('timeout'));
      else this.#waiting.push(reject);
    });
  }

  done(): void {
    this.#time.end();
  }

  #expire(): void {
    this.#isOver = true;
    for (const reject of this.#waiting) reject(new SessionStoreUnavailableError('timeout'));
  }
}

/** So fine is what is left of a time: each length that is waited for has a timer of its own (`timeoutQueueOf`). */
const PARTS = 20;

/** What is left of `ms` when `spent` of it has been waited: never more, and at most a twentieth of the whole less. */
export function leftOf(ms: number, spent: number): number {
  const part = ms / PARTS;
  return Math.max(0, ms - Math.ceil(spent / part) * part);
}

/** A single wait of at most `ms`. */
export function answerWithin<T>(ms: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    askWithin(ms, () => answer, { onAnswer: resolve, onError: reject });
  });
}

/** The same, without a promise of its own. Calls exactly one of the two; an answer that comes later goes nowhere. */
export function askWithin<T>(
  ms: number,
  ask: () => Promise<T>,
  { onAnswer, onError }: { onAnswer: (value: T) => void; onError: (error: unknown) => void },
): void {
  const answer = attempt(ask);
  const timeout = timeoutQueueOf(ms).begin(() => onError(new SessionStoreUnavailableError('timeout')));
  answer.then(
    (value) => {
      if (timeout.end()) onAnswer(orUndefined(value));
    },
    (error: unknown) => {
      if (timeout.end()) onError(error);
    },
  );
}

/** A store of an application's own may throw where it should reject. */
async function rejected(error: unknown): Promise<never> {
  throw error;
}

/** It may also say `null` for "not found". Ours never do, so the type has none. */
function orUndefined<T>(value: T): T {
  return value ?? (undefined as T);
}

function attempt<T>(ask: () => Promise<T>): Promise<T> {
  try {
    // Or answer at once, or with a promise of its own kind.
    return Promise.resolve(ask());
  } catch (error) {
    return rejected(error);
  }
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
