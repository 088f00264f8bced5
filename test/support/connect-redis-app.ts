import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express, { type NextFunction, type Request, type Response } from 'express';
import expressSession, { type SessionOptions } from 'express-session';
import type { Redis } from 'ioredis';
import type { Script } from './scripted-app.js';

/** What a team has that did not change anything: Express, express-session and connect-redis 8. */
export interface ConnectRedisApp {
  readonly origin: string;
  /** Answers requests of any method for that path. */
  on(path: string, script: Script): void;
  close(): Promise<void>;
}

export interface ConnectRedisAppOptions {
  client: Redis;
  session: SessionOptions;
  /** Beside `client`, which is given. */
  store?: Omit<ConstructorParameters<typeof RedisStore>[0], 'client'>;
}

export async function createConnectRedisApp({ client, session, store }: ConnectRedisAppOptions): Promise<ConnectRedisApp> {
  const app = express();
  app.use(expressSession({ ...session, store: new RedisStore({ client, ...store }) }));
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    on: (path, script) => {
      app.all(path, async (request: Request, response: Response) => {
        response.json((await script({ session: request.session as never, request: request as never, response })) ?? null);
      });
      app.use((_error: unknown, _request: Request, response: Response, _next: NextFunction) => void response.status(500).end());
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
