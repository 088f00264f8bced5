import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

export type Next = (error?: unknown) => void;

/** A middleware as Express and its likes call it. It needs no more than Node's own request and response. */
export type SessionHandler = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

/** The same, as a server of HTTP/2 calls it. */
export type Http2SessionHandler = (request: Http2ServerRequest, response: Http2ServerResponse, next: Next) => void;

/** A request of Node's, over HTTP/1 or HTTP/2: the second has all of the first that is used here. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** A response of Node's, likewise. */
export type NodeResponse = ServerResponse | Http2ServerResponse;
