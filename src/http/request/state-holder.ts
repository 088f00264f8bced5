import type { IncomingMessage } from 'node:http';

/**
 * Where to keep by a symbol what belongs to a request: the state that Node keeps of it as a stream. It lives as long as the request, is the same for
 * whatever inherits from the request or stands in front of it, and a symbol on it costs less than one on the request (docs/performance.md). A request
 * without one, of another server or made up in a test, takes the symbol itself.
 */
export function stateHolder(request: IncomingMessage): object {
  const { _readableState: stream } = request as { _readableState?: object };
  return stream ?? request;
}
