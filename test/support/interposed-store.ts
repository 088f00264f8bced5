import type { SessionStore } from '../../src/session/store/session-store.js';

/** Calls that go to where the sessions are, or their index. */
const CALLS = ['find', 'load', 'create', 'save', 'touch', 'rotate', 'destroy', 'destroyCopied', 'describe', 'compareAndSet', 'now'];
const INDEX_CALLS = ['reserve', 'confirm', 'refresh', 'leave', 'remove', 'page', 'nearest'];

/** The same store, with something that happens before each of its calls. */
export function interposed(store: SessionStore, before: (call: string) => Promise<void>): SessionStore {
  const index = store.index && interpose(store.index, INDEX_CALLS, before);
  return interpose(store, CALLS, before, index === undefined ? {} : { index });
}

function interpose<T extends object>(target: T, calls: readonly string[], before: (call: string) => Promise<void>, own: object = {}): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      if (typeof name !== 'string' || !calls.includes(name)) return call;
      return async (...args: unknown[]) => {
        await before(name);
        return call(...args);
      };
    },
  });
}
