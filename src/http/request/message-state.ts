import type { IncomingMessage } from 'node:http';

/**
 * The object under whose symbols everything is kept that belongs to a request.
 *
 * It is the state that Node keeps of the request as a stream. It lives as long as the request, is the same for whatever inherits from the
 * request or stands in front of it, and a symbol on it costs less than one on the request (docs/performance.md). A request without one, of
 * another server or made up in a test, takes the symbols itself.
 */
export function stateOf(request: IncomingMessage): object {
  const { _readableState: state } = request as { _readableState?: object };
  return state ?? request;
}
