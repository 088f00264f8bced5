import type { IncomingMessage } from 'node:http';

/** A request of a framework that keeps Node's under that name, as Fastify does. */
export interface FrameworkRequest {
  readonly raw: IncomingMessage;
}

/** Whether it is not one of Node's own, on which an application may have put something under that name. */
export function isFrameworkRequest(request: IncomingMessage | FrameworkRequest): request is FrameworkRequest {
  const { _readableState: stream, raw } = request as { readonly _readableState?: object; readonly raw?: unknown };
  return stream === undefined && typeof raw === 'object' && raw !== null;
}

/**
 * Where to keep by a symbol what belongs to a request: the state that Node keeps of it as a stream. It lives as long as the request, is the same for
 * whatever inherits from the request or stands in front of it, and a symbol on it costs less than one on the request (docs/performance.md). A request
 * without one, of another server or made up in a test, takes the symbol itself.
 *
 * Of a framework's request that has Node's as `raw` (Fastify), it is that of Node's.
 */
export function stateHolder(request: IncomingMessage | FrameworkRequest): object {
  const { _readableState: stream } = request as { readonly _readableState?: object };
  return stream ?? (isFrameworkRequest(request) ? stateHolder(request.raw) : request);
}
