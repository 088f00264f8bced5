import type { IncomingMessage, ServerResponse } from 'node:http';

export type Next = (error?: unknown) => void;

/** A middleware as Express and its likes call it. It needs no more than Node's own request and response. */
export type SessionHandler = (request: IncomingMessage, response: ServerResponse, next: Next) => void;
