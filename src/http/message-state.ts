import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The object under whose symbols everything is kept that belongs to a request and its response.
 *
 * With Express each of the two has a hidden class of its own, and a property that is added to one of them costs up to 10 us of CPU time
 * (docs/performance.md). The state that Node keeps of the request as a stream costs nothing: all requests' are of one class, it lives as
 * long as the request, and nobody replaces it. A request without one, of another server or made up in a test, takes the symbols itself.
 */
export function stateOf(request: IncomingMessage): object {
  const { _readableState: state } = request as { _readableState?: object };
  return state ?? request;
}

/** The same, by the response. */
export function stateBehind(response: ServerResponse): object {
  const { req } = response as Partial<ServerResponse>;
  return req === undefined ? response : stateOf(req);
}
