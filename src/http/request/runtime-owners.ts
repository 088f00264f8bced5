import type { SessionRuntime } from './session-runtime.js';

const runtimes = new WeakMap<object, SessionRuntime[]>();

/** Notes of what an application holds in its hand, such as its middleware or its HTTP adapter, which sessions it serves. */
export function keepRuntime(owner: object, runtime: SessionRuntime): void {
  runtimes.set(owner, [...runtimesOf(owner), runtime]);
}

export function runtimesOf(owner: object): readonly SessionRuntime[] {
  return runtimes.get(owner) ?? [];
}
