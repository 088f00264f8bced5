import { createServer, IncomingMessage, ServerResponse, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runInThisContext } from 'node:vm';
import express from 'express';
import { sessionMiddleware } from '../../src/express.js';
import { BlockableStore } from './blockable-store.js';
import { TEST_SECRET } from './create-app.js';

// Run by a process of its own, with --allow-natives-syntax: says of the request and the response of each kind whether V8 knows their properties by a hidden class.
const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;

class Request extends IncomingMessage {}
class Response extends ServerResponse<Request> {}

async function modes(
  create: (listener: RequestListener) => Server,
  prepare: (request: object, response: object) => void = () => undefined,
): Promise<boolean[]> {
  const session = sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore() });
  const server = create((request, response) => {
    prepare(request, response);
    session(request, response, () => response.end(JSON.stringify([request, response].map(isFast))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return (await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).json()) as boolean[];
  } finally {
    server.close();
  }
}

function asExpress(request: object, response: object): void {
  Object.setPrototypeOf(request, express.request);
  Object.setPrototypeOf(response, express.response);
}

process.send?.({
  node: await modes((listener) => createServer(listener)),
  subclass: await modes((listener) => createServer({ IncomingMessage: Request, ServerResponse: Response }, listener)),
  express: await modes((listener) => createServer(listener), asExpress),
});
process.disconnect();
