import type { IncomingMessage } from 'node:http';
import type { Opened } from './open-socket.js';
import { RefusedHandshake } from './socket-refusal.js';
import { leaveWith, type SocketClient, type SocketSession } from './socket-session.js';

/** RFC 6455, section 7.4.1: what the endpoint received violates its policy. */
const POLICY_VIOLATION = 1008;

type Verified = (isRight: boolean, status?: number, body?: string, headers?: Record<string, string>) => void;
type VerifyClient = (info: { readonly req: IncomingMessage }, done: Verified) => unknown;

/** What we use of a server of the package ws. */
export interface WsServer {
  readonly options: object;
  readonly clients: unknown;
  handleUpgrade(...args: never[]): void;
  on(event: 'connection', listener: (client: WsClient, request: IncomingMessage) => void): unknown;
}

/** What we use of a client of the package ws. */
interface WsClient {
  on(event: 'message', listener: (this: object) => void): unknown;
  close(code: number, reason: string): void;
}

/** Decides on each handshake before the socket opens, and gives each socket its session. */
export function guardWsServer(
  server: WsServer,
  open: (request: IncomingMessage) => Promise<Opened>,
  sessions: WeakMap<object, SocketSession>,
  onMessage: ((this: object) => void) | undefined,
): void {
  const options = server.options as { verifyClient?: VerifyClient | null | undefined };
  const opening = new WeakMap<IncomingMessage, SocketSession>();
  const { verifyClient: theirs } = options;
  options.verifyClient = (info, done) => {
    void open(info.req).then((opened) => {
      if (opened instanceof RefusedHandshake) return done(false, opened.refusal.status, opened.body, headersOf(opened));
      const { socket } = info.req;
      leaveWith(socket, opened);
      if (socket.destroyed) opened.leave();
      opening.set(info.req, opened);
      if (typeof theirs !== 'function') done(true);
      else if (theirs.length === 2) theirs(info, done);
      else done(Boolean((theirs as (only: typeof info) => unknown)(info)));
    });
  };
  server.on('connection', (client, request) => {
    const session = opening.get(request);
    if (session === undefined) return;
    sessions.set(client, session);
    if (onMessage !== undefined) client.on('message', onMessage);
    session.join(new WsSocket(client));
  });
}

class WsSocket implements SocketClient {
  constructor(readonly socket: WsClient) {}

  tell(): void {
    // The close frame has the reason.
  }

  close(reason: string): void {
    this.socket.close(POLICY_VIOLATION, reason);
  }
}

function headersOf({ headers }: RefusedHandshake): Record<string, string> {
  return { ...headers, 'Content-Type': 'application/json; charset=utf-8' };
}
