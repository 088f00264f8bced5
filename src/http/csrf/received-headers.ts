import type { IncomingMessage } from 'node:http';

/**
 * Does it while a request has no other headers than those that were received: mercurius adds what a client sends later to those of its handshake, so
 * that a page could say of itself where it comes from.
 */
export function withHeadersAsReceived<T>(request: IncomingMessage, act: () => T): T {
  const { headers, headersDistinct: received } = request as Pick<IncomingMessage, 'headers'> & Partial<IncomingMessage>;
  const added = received === undefined ? [] : Object.entries(headers).filter(([name]) => !Object.hasOwn(received, name));
  for (const [name] of added) delete headers[name];
  try {
    return act();
  } finally {
    Object.assign(headers, Object.fromEntries(added));
  }
}
