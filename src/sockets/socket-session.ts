import type { IncomingMessage } from 'node:http';
import { failLoad } from '../http/request/load-session.js';
import { keepState, RequestState } from '../http/request/request-state.js';
import { endedReasonIn, existingSession, getOrCreateSession, identityIn } from '../http/request/session-access.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import type { Identity } from '../nest/identity.decorator.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { diagnostics } from '../session/diagnostics.js';
import { isSameUser } from '../session/identity.js';
import type { Handle } from '../session/sid.js';
import { END_REASONS, type SessionWatcher, type WatchedSession } from '../session/watched-sessions.js';
import { messageBy } from './handshake.js';
import type { SocketTransport } from './socket-transport.js';

/** A socket, as one that can be closed. */
export interface SocketClient {
  /** Tells its other end why it is about to be closed. */
  tell(reason: string): void;
  close(reason: string): void;
}

/** What makes the transports of what comes by a socket. */
export type TransportClass = new (...args: ConstructorParameters<typeof SocketTransport>) => SocketTransport;

/** Lists are replaced and not added to: one that grows takes room for seventeen. */
const NO_CLIENTS: readonly SocketClient[] = [];

/** The session that a socket was opened with. Several sockets over one connection share it. */
export class SocketSession implements SessionWatcher {
  readonly #runtime: SessionRuntime;
  readonly #handshake: IncomingMessage;
  readonly #Transport: TransportClass;
  /** Whose socket it is; `undefined` for nobody's, which outlives any session. */
  readonly #identity: Pick<Identity, 'id'> | undefined;
  readonly #watched: WatchedSession | undefined;
  #clients = NO_CLIENTS;
  #reason: string | undefined;
  #isTouching = false;
  #isClosed = false;

  /**
   * @param state of the handshake, with its session loaded
   * @param handshake what is kept of the request
   */
  constructor(state: RequestState, identity: Identity | undefined, Transport: TransportClass, handshake: IncomingMessage) {
    const { transport, loaded } = state;
    this.#runtime = transport.runtime;
    this.#handshake = handshake;
    this.#Transport = Transport;
    this.#identity = identity && { id: identity.id };
    this.#reason = endedReasonIn(state);
    this.#watched = loaded && transport.runtime.sessions.watched.watch(loaded, this);
    if (diagnostics.socketOpened.hasSubscribers) diagnostics.socketOpened.publish({ isSignedIn: this.#identity !== undefined });
  }

  get isSignedIn(): boolean {
    return this.#identity !== undefined && this.#reason === undefined;
  }

  /** Why its session is over; `undefined` while it is not. */
  get reason(): string | undefined {
    return this.#reason;
  }

  get handle(): Handle | undefined {
    return this.#reason === undefined ? this.#watched?.handle : undefined;
  }

  /** As last looked at. */
  get identity(): Identity | undefined {
    return this.isSignedIn ? identityIn(this.#state()) : undefined;
  }

  /** From now on the socket is closed when the session ends. */
  join(client: SocketClient): void {
    if (this.#reason === undefined) this.#clients = this.#clients.concat(client);
    else if (this.#identity !== undefined) end([client], this.#reason);
  }

  part(client: SocketClient): void {
    this.#clients = this.#clients.filter((one) => one !== client);
  }

  /** The connection is closed. */
  leave(): void {
    this.#watched?.leave(this);
    this.#clients = NO_CLIENTS;
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (diagnostics.socketClosed.hasSubscribers)
      diagnostics.socketClosed.publish({ isSignedIn: this.#identity !== undefined, reason: this.#reason });
  }

  ended(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const clients = this.#clients;
    this.#clients = NO_CLIENTS;
    if (this.#identity !== undefined) end(clients, reason);
  }

  changed(): void {
    const identity = this.#identity && identityIn(this.#state());
    if (this.#identity === undefined || (identity !== undefined && isSameUser(identity, this.#identity))) return;
    // Somebody else signed in, or this one out, in a session that goes on.
    this.#watched?.leave(this);
    this.ended(END_REASONS.other);
  }

  /** The session as a message sees it: at most `store.recheckAfter` old. Asks the store where it is older. Never rejects. */
  message(): RequestState | Promise<RequestState> {
    const asking = this.#watched?.freshen(this.#runtime.sessions.settings.recheckAfter);
    if (asking === undefined) return this.#state();
    return asking.then(
      () => this.#state(),
      (error: unknown) => this.#failed(error),
    );
  }

  /**
   * The session as last looked at, for code that cannot wait.
   *
   * @param known what was given before. It is given again while the session is as it was, so that one operation has one session object
   */
  current(known?: RequestState): RequestState {
    const entries = this.#reason === undefined ? this.#watched?.record.entries : undefined;
    const isSame = known?.status === 'open' && known.endedReason === this.#reason && known.loaded?.record.entries === entries;
    return isSame ? known : this.#state();
  }

  /** A message counts as activity, as a request does: its session is touched when that is due. */
  noteActivity(): void {
    const { sessions } = this.#runtime;
    if (this.#watched === undefined || this.#reason !== undefined || this.#isTouching || !sessions.isTouchDue(this.#watched.record)) return;
    this.#isTouching = true;
    getOrCreateSession(this.#state())
      .active.touch()
      .catch((error: unknown) => this.#runtime.logError(error))
      .finally(() => (this.#isTouching = false));
  }

  #state(): RequestState {
    const request = messageBy(this.#handshake);
    const state = new RequestState(new this.#Transport(this.#runtime, request));
    keepState(request, state);
    state.status = 'open';
    state.askedAt = this.#runtime.clock.now();
    state.endedReason = this.#reason;
    const watched = this.#watched;
    if (watched === undefined || this.#reason !== undefined) return state;
    const { sid, record } = watched;
    state.sids = [sid];
    state.loaded = { sid, record, at: state.askedAt };
    return state;
  }

  #failed(error: unknown): RequestState {
    const state = this.#state();
    failLoad(state, error);
    return state;
  }
}

/** Logs a change that a message has made and not stored: nothing else would ever tell of it. */
export function warnOfUnsaved(state: RequestState): void {
  const { runtime } = state.transport;
  try {
    if (existingSession(state)?.active.isChanged === true) runtime.logError(unsaved());
  } catch (error) {
    runtime.logError(error);
  }
}

function unsaved(): SessionMisuseError {
  return new SessionMisuseError(
    'A message of a socket has changed the session and has not stored that: it is lost. Call await session.save() in the handler. Only an HTTP response stores by itself.',
  );
}

/** All are told before the first is closed: that may close the connection of the others. */
function end(clients: readonly SocketClient[], reason: string): void {
  for (const client of clients) client.tell(reason);
  for (const client of clients) client.close(reason);
}
