import type { IncomingMessage } from 'node:http';
import { withHeadersAsReceived } from '../http/csrf/received-headers.js';
import { failLoad } from '../http/request/load-session.js';
import { RequestState } from '../http/request/request-state.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { openSocket, type Opened } from '../sockets/open-socket.js';
import { RefusedHandshake, type SocketRefusal } from '../sockets/socket-refusal.js';
import { SocketSession, type SocketClient } from '../sockets/socket-session.js';
import { SocketTransport } from '../sockets/socket-transport.js';

/** In the protocol graphql-transport-ws: "Unauthorized". Its clients don't connect again by themselves, as they do after 4403. */
const UNAUTHORIZED = 4401;
/** In the registry of RFC 6455: "Try again later". Clients do. */
const TRY_AGAIN_LATER = 1013;
const UNAVAILABLE = 503;

/** What we use of a WebSocket of the package ws. */
export interface OperationSocket {
  close(code: number, reason: string): void;
}

/** The WebSocket that an operation came by. */
export interface OperationConnection {
  readonly handshake: IncomingMessage;
  /** `undefined` where it cannot be found. */
  readonly socket: OperationSocket | undefined;
}

/** By handshake, the sockets that operations come by. */
const opened = new WeakMap<IncomingMessage, OpenedSocket>();
/** By the context of an operation. */
const states = new WeakMap<object, RequestState>();

/** What has become of a handshake: it is decided on once, and again where the store did not answer. */
class OpenedSocket {
  readonly #joined = new WeakSet<OperationSocket>();
  #opening: Promise<Opened> | undefined;
  #decision: Opened | undefined;

  constructor(
    private readonly runtime: SessionRuntime,
    private readonly handshake: IncomingMessage,
  ) {}

  /** What was decided last; `undefined` before that. */
  get decision(): Opened | undefined {
    return this.#decision;
  }

  /** A session as an operation sees it that cannot be had. */
  failed(error: unknown): RequestState {
    const state = new RequestState(new SocketTransport(this.runtime, this.handshake));
    failLoad(state, error);
    return state;
  }

  open(): Promise<Opened> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** From now on the socket is closed when the session ends. */
  join(session: SocketSession, socket: OperationSocket | undefined): void {
    if (socket === undefined || this.#joined.has(socket)) return;
    this.#joined.add(socket);
    session.join(new GraphqlSocket(socket));
  }

  async #open(): Promise<Opened> {
    const { handshake } = this;
    const found = await withHeadersAsReceived(handshake, () => openSocket(this.runtime, handshake, true, SocketTransport));
    this.#decision = found;
    if (found instanceof RefusedHandshake) {
      if (found.refusal.status === UNAVAILABLE) this.#opening = undefined;
      return found;
    }
    // The one that is sure to come, also for a socket that never opens.
    handshake.socket.once('close', () => found.leave());
    if (handshake.socket.destroyed) found.leave();
    return found;
  }
}

class GraphqlSocket implements SocketClient {
  constructor(readonly socket: OperationSocket) {}

  tell(): void {
    // The close frame has the reason.
  }

  close(reason: string): void {
    this.socket.close(UNAUTHORIZED, reason);
  }
}

/** Decides on a handshake whose socket GraphQL operations come by, unless that is done. Visitors are let in. Never rejects. */
export async function openOperationSocket({ handshake, socket }: OperationConnection, runtime: SessionRuntime): Promise<Opened> {
  let known = opened.get(handshake);
  if (known === undefined) opened.set(handshake, (known = new OpenedSocket(runtime, handshake)));
  const found = await known.open();
  if (found instanceof SocketSession) known.join(found, socket);
  return found;
}

/** Why somebody whom the socket is not open to is refused; `undefined` where they are not. */
export function refusalOf(found: Opened, isOpen: boolean): SocketRefusal | undefined {
  if (found instanceof RefusedHandshake) return found.refusal;
  return isOpen || found.isSignedIn ? undefined : RefusedHandshake.signedOut(found.reason).refusal;
}

/** Closes a socket that is refused, so that its client tries again only where that may help. */
export function closeRefused(socket: OperationSocket, { status, reason, code }: SocketRefusal): void {
  socket.close(status === UNAVAILABLE ? TRY_AGAIN_LATER : UNAUTHORIZED, reason ?? code);
}

/** Lets an operation see the session as it is now, at most `store.recheckAfter` old. Later looks of the operation see what is known by then. */
export async function beginOn(
  connection: OperationConnection,
  operation: object,
  runtime: SessionRuntime,
  isPassive: boolean,
): Promise<void> {
  const found = await openOperationSocket(connection, runtime);
  if (found instanceof RefusedHandshake) return;
  if (!isPassive) found.noteActivity();
  states.set(operation, await found.message());
}

/** Whether somebody has decided on that handshake. */
export function isOpened(handshake: IncomingMessage): boolean {
  return opened.has(handshake);
}

/** The session state of an operation that came by a socket; `undefined` where nobody has decided on the handshake. */
export function stateOfOperation(operation: object | undefined, handshake: IncomingMessage): RequestState | undefined {
  const socket = opened.get(handshake);
  const decision = socket?.decision;
  if (socket === undefined || decision === undefined || operation === undefined) return undefined;
  if (decision instanceof RefusedHandshake) return socket.failed(decision.cause);
  const known = states.get(operation);
  if (known?.status === 'failed') return known;
  const state = decision.current(known);
  states.set(operation, state);
  return state;
}
