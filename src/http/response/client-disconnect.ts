import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Under which name a socket has those who want to know when it closes. */
const WATCHERS = Symbol('watchers of a client');

/** Wants to know when its client has gone. */
export interface ClientWatcher {
  clientGone(): void;
}

type WatchedSocket = Socket & { [WATCHERS]?: Set<ClientWatcher> };

/**
 * Lets somebody know when the client of a response goes. One listener for each connection and all its requests: one for each response costs
 * 2 us (docs/performance.md). Returns where to take the watcher off once the response has ended, where that is needed.
 */
export function watchClient(response: ServerResponse, watcher: ClientWatcher): Set<ClientWatcher> | undefined {
  const socket = socketOf(response);
  if (socket === undefined) {
    response.on('close', () => watcher.clientGone());
    return undefined;
  }
  return (socket[WATCHERS] ?? watchSocket(socket)).add(watcher);
}

function watchSocket(socket: WatchedSocket): Set<ClientWatcher> {
  const watchers = new Set<ClientWatcher>();
  socket[WATCHERS] = watchers;
  socket.on('close', () => {
    for (const watcher of watchers) watcher.clientGone();
    watchers.clear();
  });
  return watchers;
}

/** `undefined` where one request may end and the connection go on (HTTP/2), or where there is none (a request made up in a test). */
function socketOf({ req }: Partial<ServerResponse>): WatchedSocket | undefined {
  if (req?.httpVersionMajor !== 1) return undefined;
  const { socket } = req;
  return socket instanceof Socket ? socket : undefined;
}
