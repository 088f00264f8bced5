import { SessionStoreUnavailableError } from '../../src/redis-session.errors.js';
import type { SessionIndex } from '../../src/session/store/session-index.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import type { Barrier } from './barrier.js';

/** How a command goes wrong without a word: whoever sent it learns of all three only that no answer came. */
export type Fault = 'does not run' | 'runs, and its answer is lost' | 'runs later';

export const FAULTS: readonly Fault[] = ['does not run', 'runs, and its answer is lost', 'runs later'];

type Call = (...args: unknown[]) => Promise<unknown>;

/** Those that a process makes for a request, and to end sessions. */
const STORE_CALLS = new Set(['find', 'findAdopted', 'create', 'save', 'touch', 'rotate', 'destroy', 'describe', 'revoke', 'compareAndSet']);

/**
 * One of several processes that share a store, whose calls of it go wrong as a test says. A call of the store or of its index is one command, or
 * one batch of them.
 */
export class FaultyProcess {
  /** The store as this process has it. */
  readonly store: SessionStore;
  /** What it has called, in this order. */
  readonly log: string[] = [];
  /** Before which of its calls it dies, the first one being 1. From then on none runs, and none is answered. */
  diesBefore = Infinity;
  /** What happens elsewhere before a call of it runs. */
  before: ((name: string) => Promise<void>) | undefined;
  readonly #byNumber = new Map<number, Fault>();
  readonly #byName = new Map<string, (Fault | undefined)[]>();
  #late: (() => Promise<unknown>)[] = [];

  constructor(shared: SessionStore) {
    const index = shared.index && this.#watched<SessionIndex>(shared.index, () => true);
    this.store = this.#watched(shared, (name) => STORE_CALLS.has(name), { index });
  }

  /** The nth of its calls goes so. */
  failNth(nth: number, fault: Fault): void {
    this.#byNumber.set(nth, fault);
  }

  /** Its next calls of that name go so, one after the other; `undefined` for well. */
  fail(name: string, ...faults: (Fault | undefined)[]): void {
    this.#byName.set(name, faults);
  }

  /** Its calls of that name wait at the barrier before they run. */
  hold(name: string, barrier: Barrier): void {
    this.before = (called) => (called === name ? barrier.pass() : Promise.resolve());
  }

  /** What runs later runs now. */
  async runLate(): Promise<void> {
    const late = this.#late;
    this.#late = [];
    for (const run of late) await run().catch(() => undefined);
  }

  #watched<T extends object>(target: T, isWatched: (name: string) => boolean, instead: object = {}): T {
    return new Proxy(target, {
      get: (_, name) => {
        if (Object.hasOwn(instead, name)) return Reflect.get(instead, name) as unknown;
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        const call = member.bind(target) as Call;
        return typeof name === 'string' && isWatched(name) ? (...args: unknown[]) => this.#go(name, () => call(...args)) : call;
      },
    });
  }

  async #go(name: string, run: () => Promise<unknown>): Promise<unknown> {
    const nth = this.log.push(name);
    if (nth >= this.diesBefore) return new Promise(() => undefined);
    await this.before?.(name);
    const fault = this.#byNumber.get(nth) ?? this.#byName.get(name)?.shift();
    if (fault === undefined) return run();
    if (fault === 'runs, and its answer is lost') await run();
    if (fault === 'runs later') this.#late.push(run);
    throw new SessionStoreUnavailableError('timeout');
  }
}
