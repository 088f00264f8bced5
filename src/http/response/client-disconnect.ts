import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Under which name a socket has what to call when it closes. */
const LISTENERS = Symbol('disconnect listeners');

type Listener = () => void;
type WatchedSocket = Socket & { [LISTENERS]?: Set<Listener> };

/**
 * Calls a listener when the client of a response goes. By its connection: on Node 20 a response that waits for its turn there (pipelining) emits no
 * `close`. One `close` listener for all requests of a connection, since Node warns of a leak when there are more than ten.
 *
 * @returns takes the listener off, for when the response has ended and the connection goes on
 */
export function onDisconnect(response: ServerResponse, listener: Listener): () => void {
  const socket = socketOf(response);
  if (socket === undefined) {
    response.on('close', listener);
    return () => response.off('close', listener);
  }
  const listeners = socket[LISTENERS] ?? watchSocket(socket);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function watchSocket(socket: WatchedSocket): Set<Listener> {
  const listeners = new Set<Listener>();
  socket[LISTENERS] = listeners;
  socket.on('close', () => {
    for (const listener of listeners) listener();
    listeners.clear();
  });
  return listeners;
}

/** `undefined` where one request may end and the connection go on (HTTP/2), or where there is none (a request made up in a test). */
function socketOf({ req }: Partial<ServerResponse>): WatchedSocket | undefined {
  if (req?.httpVersionMajor !== 1) return undefined;
  const { socket } = req;
  return socket instanceof Socket ? socket : undefined;
}
