import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { SessionHandler } from '../../src/express.js';
import { Browser } from './browser.js';
import type { AnyExpressSession } from './scripted-app.js';

/** A request whose session may have any entries. */
export type PlainRequest = Omit<Request, 'session'> & { session: AnyExpressSession };

/** What answers a request. */
export type Answerer = (request: PlainRequest, response: Response) => unknown;

/** An HTTP server without Nest. */
export interface PlainServer {
  readonly origin: string;
  readonly server: Server;
  browser(): Browser;
  close(): Promise<void>;
}

/** Express 5 with that session middleware, and handlers by path. */
export function plainExpress(session: SessionHandler | undefined, handlers: Record<string, Answerer>): Express {
  const app = express().disable('x-powered-by');
  if (session !== undefined) app.use(session as RequestHandler);
  for (const [path, handler] of Object.entries(handlers)) app.all(path, handler as unknown as RequestHandler);
  return app;
}

/** Listens on a free port of 127.0.0.1. */
export async function serve(listener: RequestListener): Promise<PlainServer> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    server,
    browser: () => new Browser(origin),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
