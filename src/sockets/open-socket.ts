import type { IncomingMessage } from 'node:http';
import { handshakeRefusal, refusedFor } from '../http/csrf/csrf-check.js';
import { loadSession } from '../http/request/load-session.js';
import { RequestState } from '../http/request/request-state.js';
import { endedReasonIn, identityIn } from '../http/request/session-access.js';
import { readSids } from '../http/request/session-headers.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { keptHandshake } from './handshake.js';
import { RefusedHandshake } from './socket-refusal.js';
import { SocketSession, type TransportClass } from './socket-session.js';

/** What a handshake has come to. */
export type Opened = SocketSession | RefusedHandshake;

/**
 * Decides on the handshake of a socket, before anything of it is heard: whether a page of this origin sent it, and who is signed in. Never rejects.
 *
 * @param isOpen whether everybody may have the socket, signed in or not
 * @param Transport that of what comes by it
 * @param isRequestKept whether the server keeps the request for as long as the socket is open anyway
 */
export async function openSocket(
  runtime: SessionRuntime,
  request: IncomingMessage,
  isOpen: boolean,
  Transport: TransportClass,
  isRequestKept = true,
): Promise<Opened> {
  const foreign = handshakeRefusal(request, runtime.settings, runtime.header);
  if (foreign !== undefined) return RefusedHandshake.by(refusedFor(foreign));
  try {
    const state = new RequestState(new Transport(runtime, request));
    readSids(state);
    await new Promise<void>((resolve) => loadSession(state, resolve));
    if (state.status === 'failed') {
      state.transport.tellOutage(state.failure);
      return RefusedHandshake.by(state.failure);
    }
    const identity = identityIn(state);
    if (identity === undefined && !isOpen) return RefusedHandshake.signedOut(endedReasonIn(state));
    return new SocketSession(state, identity, Transport, isRequestKept ? request : keptHandshake(request, runtime));
  } catch (error) {
    runtime.logError(error);
    return RefusedHandshake.by(error);
  }
}
