import { IncomingMessage } from 'node:http';
import type { SessionRuntime } from '../http/request/session-runtime.js';

/** Of no use once the socket is open. */
const OF_THE_HANDSHAKE = /^(cookie|authorization|upgrade|connection|sec-websocket-.*)$/;

/**
 * What stays of the request that opened a socket, for as long as that is open: who sent it and what it asked for, and nothing that opens a session. The
 * request itself would cost some kB each, and people log what hangs on sockets.
 */
export function keptHandshake(request: IncomingMessage, { header }: SessionRuntime): IncomingMessage {
  const { method, url, socket } = request;
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !OF_THE_HANDSHAKE.test(name) && name !== header?.name.toLowerCase()),
  );
  // A request that is over, as which it passes for `instanceof`.
  const kept = Object.create(IncomingMessage.prototype) as IncomingMessage;
  for (const [name, value] of Object.entries({ method, url, socket, headers }))
    Object.defineProperty(kept, name, { value, writable: true });
  return kept;
}

/** The handshake once more, with a state of its own: messages at the same time don't share their changes. */
export function messageBy(handshake: IncomingMessage): IncomingMessage {
  return Object.create(handshake, { _readableState: { value: {} } }) as IncomingMessage;
}
