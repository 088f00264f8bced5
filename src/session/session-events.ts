import { inspect } from 'node:util';
import { diagnostics, type DiagnosticsChannel } from './diagnostics.js';
import { callHarmlessly } from './harmless-call.js';
import type { SessionEventMap, SessionEventName } from './session-event-map.js';

type Listener<Name extends SessionEventName> = (event: SessionEventMap[Name]) => void;

/**
 * Lets you listen to what happens to sessions: in this process, and with `store.events: 'cluster'` in others too. A listener that throws,
 * or returns a promise that rejects, harms neither the request nor other listeners.
 */
export class SessionEvents {
  static readonly #all = new WeakMap<object, SessionEvents>();
  readonly #listeners = new Map<SessionEventName, Set<Listener<never>>>();
  readonly #counts = new Map<SessionEventName, number>();

  /** Those of the sessions that this store keeps: what Nest injects, for applications without it. */
  static of(store: object): SessionEvents {
    let events = SessionEvents.#all.get(store);
    if (events === undefined) SessionEvents.#all.set(store, (events = new SessionEvents()));
    return events;
  }

  /** @returns a function that removes the listener */
  on<Name extends SessionEventName>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEventMap[Name]): void {
    if (event.remote !== true) this.#tell(name, event);
    // A copy: what a listener adds or removes counts from the next event on.
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Name>[]) {
      callHarmlessly(() => listener(event), warn);
    }
  }

  /** What happened here. Other processes tell of themselves. */
  #tell<Name extends SessionEventName>(name: Name, event: SessionEventMap[Name]): void {
    this.#counts.set(name, this.count(name) + 1);
    const channel: DiagnosticsChannel<SessionEventMap[Name]> = diagnostics[name];
    if (channel.hasSubscribers) channel.publish(event);
  }

  /** How often it happened in this process since it started. */
  count(name: SessionEventName): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** As with any exception nobody catches, it is the listener's author who should see it; the request should not. */
function warn(error: unknown): void {
  // As text: Node takes no error of another realm, which under jest every error is.
  process.emitWarning(inspect(error), { type: 'SessionEventListenerError' });
}
