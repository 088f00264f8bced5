import { sessionsOf, type IndexedSessions } from './sessions-of.js';

/** Calls that go to where the sessions are, or their index. */
const CALLS = ['find', 'findAdopted', 'reload', 'create', 'save', 'touch', 'rotate', 'destroy', 'describe', 'compareAndSet'];
const INDEX_CALLS = ['reserve', 'confirm', 'refresh', 'leave', 'remove', 'page', 'nearest'];

/** The same sessions, with something that happens before each call of their store. */
export function interposed(sessions: IndexedSessions, before: (call: string) => Promise<void>): IndexedSessions {
  const index = interpose(sessions.index, INDEX_CALLS, before);
  const others = sessionsOf(interpose(sessions.store, CALLS, before, { index }));
  return Object.assign(others, { events: sessions.events });
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
