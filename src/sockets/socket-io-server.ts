import type { IncomingMessage } from 'node:http';
import type { Opened } from './open-socket.js';
import { RefusedHandshake, type SocketRefusal } from './socket-refusal.js';
import { leaveWith, type SocketClient, type SocketSession } from './socket-session.js';

/** What a client of socket.io gets before its socket is closed. */
const SESSION_ENDED = 'session-ended';

/** What we use of a server of socket.io. */
export interface IoServer {
  readonly opts: { connectionStateRecovery?: object | undefined };
  readonly sockets: IoNamespace;
  of(name: string): unknown;
  on(event: 'new_namespace', listener: (namespace: IoNamespace) => void): unknown;
}

/** What we use of a namespace. */
export interface IoNamespace {
  readonly name: string;
  use(middleware: (socket: IoSocket, next: (error?: Error) => void) => void): unknown;
  on(event: 'connection', listener: (socket: IoSocket) => void): unknown;
}

interface IoSocket {
  readonly request: IncomingMessage;
  readonly conn: { readonly readyState: string; on(event: 'close', listener: (this: object) => void): unknown };
  emit(event: string, value: object): unknown;
  disconnect(close: boolean): unknown;
  onAny(listener: (this: object) => void): unknown;
  on(event: 'disconnect', listener: (this: object) => void): unknown;
}

/** Decides on each socket before it is connected, in every namespace, and gives it its session. */
export function guardIoServer(
  server: IoServer,
  open: (request: IncomingMessage, namespace: string) => Promise<Opened>,
  isOpen: (namespace: string) => boolean,
  sessions: WeakMap<object, SocketSession>,
  onMessage: ((this: object) => void) | undefined,
): void {
  // A socket that comes back after a break would be let in unasked.
  if (server.opts.connectionStateRecovery !== undefined) Object.assign(server.opts.connectionStateRecovery, { skipMiddlewares: false });
  const byHandshake = new WeakMap<IncomingMessage, SocketSession>();
  const deciding = new WeakMap<IncomingMessage, Promise<Opened>>();
  const opening = new WeakMap<IoSocket, SocketSession>();

  /** That of the connection, which other namespaces may share. */
  const decide = async ({ request, conn }: IoSocket, namespace: string): Promise<Opened> => {
    const known = byHandshake.get(request);
    if (known !== undefined && known.reason === undefined && (known.isSignedIn || isOpen(namespace))) return known;
    const opened = await open(request, namespace);
    if (opened instanceof RefusedHandshake) return opened;
    byHandshake.set(request, opened);
    leaveWith(conn, opened);
    if (conn.readyState !== 'open') opened.leave();
    return opened;
  };

  /** Clients ask for several namespaces at once. One is decided on after the other, so that they come to one session. */
  const sessionFor = (socket: IoSocket, namespace: string): Promise<Opened> => {
    const { request } = socket;
    const before = deciding.get(request);
    const decision = before === undefined ? decide(socket, namespace) : before.then(() => decide(socket, namespace));
    deciding.set(request, decision);
    const done = () => deciding.get(request) === decision && deciding.delete(request);
    void decision.then(done, done);
    return decision;
  };

  // One function for all sockets: each of its own would take room for as long as the socket is open.
  const part = function (this: object) {
    sessions.get(this)?.part(this);
  };

  const guard = (namespace: IoNamespace) => {
    namespace.use((socket, next) => {
      void sessionFor(socket, namespace.name).then((opened) => {
        if (opened instanceof RefusedHandshake) return next(connectError(opened.refusal));
        opening.set(socket, opened);
        next();
      });
    });
    // Not earlier: what is not connected cannot be closed.
    namespace.on('connection', (socket) => {
      const session = opening.get(socket);
      if (session === undefined) return;
      sessions.set(socket, session);
      if (onMessage !== undefined) socket.onAny(onMessage);
      socket.on('disconnect', part);
      session.join(new IoClient(socket));
    });
  };
  guard(server.sockets);
  server.on('new_namespace', guard);
}

class IoClient implements SocketClient {
  constructor(readonly socket: IoSocket) {}

  tell(reason: string): void {
    this.socket.emit(SESSION_ENDED, { reason });
  }

  /** The whole connection: its client does not come back by itself. */
  close(): void {
    this.socket.disconnect(true);
  }
}

/** socket.io gives its client the message and the data, and the client does not try again. */
function connectError({ message, ...data }: SocketRefusal): Error {
  return Object.assign(new Error(message), { data });
}
