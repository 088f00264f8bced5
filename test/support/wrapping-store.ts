import type { SessionIndex } from '../../src/session/store/session-index.js';
import type { SessionStore } from '../../src/session/store/session-store.js';

/** What happens around a call of a store, or of its index. */
export type Around = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** The same store, each of whose calls goes through `call`. What it lacks, this lacks too. */
export function wrapStore(store: SessionStore, call: Around): SessionStore {
  const { settings, clock, reload, rotate, increment, describe, revoke, compareAndSet, endBefore, findAdopted, inspect, index } = store;
  return {
    settings,
    clock,
    find: (...args) => call('find', () => store.find(...args)),
    create: (...args) => call('create', () => store.create(...args)),
    save: (...args) => call('save', () => store.save(...args)),
    touch: (...args) => call('touch', () => store.touch(...args)),
    destroy: (...args) => call('destroy', () => store.destroy(...args)),
    drain: () => store.drain(),
    ...(reload && { reload: (...args) => call('reload', () => reload.apply(store, args)) }),
    ...(rotate && { rotate: (...args) => call('rotate', () => rotate.apply(store, args)) }),
    ...(increment && { increment: (...args) => call('increment', () => increment.apply(store, args)) }),
    ...(describe && { describe: (...args) => call('describe', () => describe.apply(store, args)) }),
    ...(revoke && { revoke: (...args) => call('revoke', () => revoke.apply(store, args)) }),
    ...(compareAndSet && { compareAndSet: (...args) => call('compareAndSet', () => compareAndSet.apply(store, args)) }),
    ...(endBefore && { endBefore: (...args) => call('endBefore', () => endBefore.apply(store, args)) }),
    ...(inspect && { inspect: () => call('inspect', () => inspect.call(store)) }),
    ...(findAdopted && { findAdopted: (...args) => call('findAdopted', () => findAdopted.apply(store, args)) }),
    ...(index && { index: wrapIndex(index, call) }),
  };
}

function wrapIndex(index: SessionIndex, call: Around): SessionIndex {
  return {
    reserve: (...args) => call('reserve', () => index.reserve(...args)),
    confirm: (...args) => call('confirm', () => index.confirm(...args)),
    refresh: (...args) => call('refresh', () => index.refresh(...args)),
    remove: (...args) => call('remove', () => index.remove(...args)),
    leave: (...args) => call('leave', () => index.leave(...args)),
    fence: (...args) => call('fence', () => index.fence(...args)),
    page: (...args) => call('page', () => index.page(...args)),
    nearest: (...args) => call('nearest', () => index.nearest(...args)),
  };
}
