import { inspect } from 'node:util';
import { callHarmlessly } from './harmless-call.js';
import type { Handle } from './sid.js';

/** The session it happened to, and its user if that is known. */
export interface SessionEvent {
  readonly handle: Handle;
  readonly userId?: string | undefined;
  /** True if it happened in another process (`store.events: 'cluster'`); absent if it happened here. */
  readonly remote?: true | undefined;
}

/** What happens to sessions, by event name. */
export interface SessionEventMap {
  /** A session was stored for the first time. */
  created: SessionEvent;
  /**
   * Somebody signed in, by `login()` or because the application put their identity into the session (option `identity`). `handle` names the
   * session that is theirs now, `replaced` the one before, if this call has ended it.
   */
  loggedIn: SessionEvent & { readonly userId: string; readonly replaced?: Handle | undefined };
  /**
   * The application took the identity of `userId` out of a session (option `identity`), or put another one in its place, and the session
   * goes on under its handle. If the session ends with the sign-out, you get `destroyed`.
   */
  loggedOut: SessionEvent & { readonly userId: string };
  /** A session got a new secret. */
  rotated: SessionEvent;
  /** Its own holder ended a session: destroyed, signed out, or replaced by a sign-in or `regenerate`. */
  destroyed: SessionEvent;
  /** Somebody else ended a session. */
  revoked: SessionEvent & { readonly userId: string; readonly reason: string };
  /** A session was ended because its user signed in elsewhere and has too many (`store.maxSessionsPerUser`). */
  evicted: SessionEvent & { readonly userId: string };
  /** A save, touch or rotation came too late: the session had ended meanwhile, and the change was dropped. */
  lost: SessionEvent;
  /** Data in the store is not what this package writes. It is treated as absent and left where it is. */
  rejected: SessionEvent & { readonly what: 'session' | 'entry' };
  /**
   * A well-signed cookie came with a secret that this living session does not have: it was replaced, or never given out. The request is
   * treated as anonymous.
   */
  reused: SessionEvent;
}

/** The name of an event. */
export type SessionEventName = keyof SessionEventMap;

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
    if (event.remote !== true) this.#counts.set(name, this.count(name) + 1);
    // A copy: what a listener adds or removes counts from the next event on.
    for (const listener of [...(this.#listeners.get(name) ?? [])] as Listener<Name>[]) {
      callHarmlessly(() => listener(event), warn);
    }
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
