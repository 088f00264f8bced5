import type { IncomingMessage } from 'node:http';
import { failLoad } from '../http/request/load-session.js';
import { keepState, RequestState } from '../http/request/request-state.js';
import { endedReasonIn, existingSession, getOrCreateSession, identityIn } from '../http/request/session-access.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import type { Identity } from '../nest/identity.decorator.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { diagnostics, type SocketOpenedDiagnostics } from '../session/diagnostics.js';
import { listOf, without, withOneMore, type Few } from '../session/few.js';
import type { Handle } from '../session/sid.js';
import { END_REASONS, type SessionWatcher, type WatchedSession } from '../session/watched-sessions.js';
import { messageBy } from './handshake.js';
import type { SocketTransport } from './socket-transport.js';

/** A socket, as one that can be closed. */
export interface SocketClient {
  readonly socket: object;
  /** Tells its other end why it is about to be closed. */
  tell(reason: string): void;
  close(reason: string): void;
}

/** What makes the transports of what comes by a socket. */
export type TransportClass = new (...args: ConstructorParameters<typeof SocketTransport>) => SocketTransport;

/** The session that a socket was opened with. Several sockets over one connection share it. */
export class SocketSession implements SessionWatcher {
  readonly #runtime: SessionRuntime;
  readonly #handshake: IncomingMessage;
  readonly #Transport: TransportClass;
  /** Whose socket it is; `undefined` for nobody's, which outlives any session. */
  readonly #userId: string | undefined;
  readonly #watched: WatchedSession | undefined;
  #clients: Few<SocketClient>;
  #reason: string | undefined;
  #isTouching = false;
  /** What was told of its opening; `undefined` where nobody listened, and nobody is told of its closing. */
  #opened: SocketOpenedDiagnostics | undefined;

  /**
   * @param state of the handshake, with its session loaded
   * @param handshake what is kept of the request
   */
  constructor(state: RequestState, identity: Identity | undefined, Transport: TransportClass, handshake: IncomingMessage) {
    const { transport, loaded } = state;
    this.#runtime = transport.runtime;
    this.#handshake = handshake;
    this.#Transport = Transport;
    this.#reason = endedReasonIn(state);
    this.#watched = loaded && transport.runtime.sessions.watched.watch(loaded, this);
    this.#userId = identity && this.#ownTextOf(String(identity.id));
    this.#opened = tellOpened(this.#userId !== undefined);
  }

  get isSignedIn(): boolean {
    return this.#userId !== undefined && this.#reason === undefined;
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
    if (this.#reason === undefined) this.#clients = withOneMore(this.#clients, client);
    else if (this.#userId !== undefined) end([client], this.#reason);
  }

  part(socket: object): void {
    this.#clients = without(this.#clients, (one) => one.socket === socket);
  }

  /** The connection is closed. */
  leave(): void {
    this.#watched?.leave(this);
    this.#clients = undefined;
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined && diagnostics.socketClosed.hasSubscribers)
      diagnostics.socketClosed.publish({ ...opened, opened, reason: this.#reason });
  }

  ended(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const clients = listOf(this.#clients);
    this.#clients = undefined;
    if (this.#userId !== undefined) end(clients, reason);
  }

  changed(): void {
    if (this.#userId === undefined) return;
    const identity = identityIn(this.#state());
    if (identity !== undefined && String(identity.id) === this.#userId) return;
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

  /** The text that the record has anyway. */
  #ownTextOf(userId: string): string {
    const kept = this.#watched?.record.userId;
    return kept === userId ? kept : userId;
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

/** Tells of a socket that opens, and returns what was told; `undefined` where nobody wants to know. Subscribers of its closing alone want it told of, too. */
function tellOpened(isSignedIn: boolean): SocketOpenedDiagnostics | undefined {
  const { socketOpened, socketClosed } = diagnostics;
  if (!socketOpened.hasSubscribers && !socketClosed.hasSubscribers) return undefined;
  const opened = { isSignedIn };
  socketOpened.publish(opened);
  return opened;
}

/**
 * Lets the session leave with the connection, which is sure to close, also where no socket ever opens. A connection whose session is over may come to
 * another one, and then both leave.
 */
export function leaveWith(connection: { on(event: 'close', listener: (this: object) => void): unknown }, session: SocketSession): void {
  const known = byConnection.get(connection);
  byConnection.set(connection, withOneMore(known, session));
  if (known === undefined) connection.on('close', leave);
}

const byConnection = new WeakMap<object, Few<SocketSession>>();

/** One function for all connections: each of its own would take room for as long as the connection lasts. */
function leave(this: object): void {
  for (const session of listOf(byConnection.get(this))) session.leave();
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
