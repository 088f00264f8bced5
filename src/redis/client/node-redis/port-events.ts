import type { RedisPortEvents } from '../redis-port.js';

type Listener = (error?: unknown) => void;

/** Who listens to what befalls the connection of a client. */
export class PortEvents {
  readonly #listeners: Readonly<Record<keyof RedisPortEvents, Set<Listener>>> = {
    error: new Set(),
    close: new Set(),
    ready: new Set(),
    end: new Set(),
  };

  /** Returns the function that ends it. */
  on<Event extends keyof RedisPortEvents>(event: Event, listener: RedisPortEvents[Event]): () => void {
    // One of its own each time, since the same function may listen twice.
    const own: Listener = (error) => listener(error);
    this.#listeners[event].add(own);
    return () => this.#listeners[event].delete(own);
  }

  emit(event: keyof RedisPortEvents, error?: unknown): void {
    for (const listener of this.#listeners[event]) listener(error);
  }
}
