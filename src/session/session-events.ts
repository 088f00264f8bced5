import { inspect } from 'node:util';
import { callHarmlessly } from './harmless-call.js';
import type { Handle } from './sid.js';

/** To which session it happened, and whose it is where that is known. */
export interface SessionEvent {
  readonly handle: Handle;
  readonly userId?: string | undefined;
  /** True when another process has told of it (`store.events: 'cluster'`); absent when it happened here. */
  readonly remote?: true | undefined;
}

/** What happens to sessions, by event name. */
export interface SessionEventMap {
  /** A session was stored for the first time. */
  created: SessionEvent;
  /**
   * Somebody signed in, by `login()` or since the application has put their identity into the session (option `identity`); `handle` is that of the
   * session that is theirs now, `replaced` that of the one before, where this call has ended it.
   */
  loggedIn: SessionEvent & { readonly userId: string; readonly replaced?: Handle | undefined };
  /**
   * The application has taken the identity of `userId` out of a session (option `identity`), or put another one in its place, and the session goes on
   * under its handle. Where the session ends with the sign-out, it is `destroyed`.
   */
  loggedOut: SessionEvent & { readonly userId: string };
  /** A session got a new secret. */
  rotated: SessionEvent;
  /** A session was ended by its own holder: destroyed, signed out, or replaced by a sign-in or `regenerate`. */
  destroyed: SessionEvent;
  /** A session was ended by somebody else. */
  revoked: SessionEvent & { readonly userId: string; readonly reason: string };
  /** A session was ended since its user signed in elsewhere and may not have so many (`store.maxSessionsPerUser`). */
  evicted: SessionEvent & { readonly userId: string };
  /** A save, touch or rotation found its session ended meanwhile; the change was dropped. */
  lost: SessionEvent;
  /** Data in the store is not what this package writes. It was treated as absent and left where it is. */
  rejected: SessionEvent & { readonly what: 'session' | 'entry' };
  /** A well-signed cookie carried a secret that is none of this living session's: it was replaced, or never given out. It was treated as anonymous. */
  reused: SessionEvent;
}

/** The name of an event. */
export type SessionEventName = keyof SessionEventMap;

type Listener<Name extends SessionEventName> = (event: SessionEventMap[Name]) => void;

/** Tells of what happens to sessions: on this node, and with `store.events: 'cluster'` on others too. A listener that throws, or returns a promise that rejects, harms neither the request nor other listeners. */
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
    if (event.remote !== true) this.#counts.set(name, this.count(name) + 1);
    // A copy: what a listener adds or removes counts from the next event on.
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Name>[]) {
      callHarmlessly(() => listener(event), warn);
    }
  }

  /** How often it happened on this node since start. */
  count(name: SessionEventName): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** As with any exception nobody catches, it is the listener's author who should see it; the request should not. */
function warn(error: unknown): void {
  // As text: Node takes no error of another realm, which under jest every error is.
  process.emitWarning(inspect(error), { type: 'SessionEventListenerError' });
}
