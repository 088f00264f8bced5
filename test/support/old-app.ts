import { RedisStore as RedisStore8 } from 'connect-redis';
import RedisStore7 from 'connect-redis7';
import { RedisStore as RedisStore9 } from 'connect-redis9';
import expressSession, { type SessionOptions } from 'express-session';
import { createClient } from 'redis';
import type { SessionHandler } from '../../src/express.js';
import { TEST_SECRET } from './create-app.js';
import { plainExpress, serve, type Answerer, type PlainServer } from './plain-app.js';
import type { RedisServer } from './start-redis.js';

/** The versions of connect-redis whose sessions can be moved in; 10 is 9 for other versions of Node. */
export const CONNECT_REDIS = ['7', '8', '9'] as const;

/** How the application of that team keeps its sessions. */
export interface OldAppOptions {
  readonly redis: RedisServer;
  readonly version?: (typeof CONNECT_REDIS)[number];
  readonly session?: Partial<SessionOptions>;
  /** Beside `client`, which is given. */
  readonly store?: { readonly prefix?: string; readonly ttl?: number; readonly disableTTL?: boolean; readonly serializer?: unknown };
}

/** The cookie's name where an application has given express-session none. */
export const OLD_NAME = 'connect.sid';

const HANDLERS: Record<string, Answerer> = {
  '/read': ({ session }, response) => response.json({ ...session, cookie: undefined }),
  '/cookie': ({ session }, response) => response.json(session.cookie),
  '/set/:name/:value': ({ session, params }, response) => {
    session[String(params['name'])] = params['value'];
    response.json(null);
  },
  '/login/:id': (request, response) =>
    request.session.regenerate((error?: unknown) => {
      if (error !== undefined && error !== null) return void response.status(500).json(null);
      request.session['passport'] = { user: request.params['id'] };
      response.json(null);
    }),
  '/logout': ({ session }, response) => session.destroy(() => response.json(null)),
};

/** What a team has that did not change anything: Express, express-session and connect-redis. */
export async function createOldApp({ redis, version = '8', session, store }: OldAppOptions): Promise<PlainServer> {
  const opened = await openStore(version, redis, store);
  const sessions = expressSession({
    secret: TEST_SECRET,
    resave: false,
    saveUninitialized: false,
    store: opened.store,
    ...session,
  }) as unknown as SessionHandler;
  const server = await serve(plainExpress(sessions, HANDLERS));
  return {
    ...server,
    close: async () => {
      await server.close();
      await opened.close();
    },
  };
}

async function openStore(version: string, redis: RedisServer, options: OldAppOptions['store']) {
  if (version === '7') return { store: new RedisStore7({ client: redis.client(), ...options } as never), close: async () => undefined };
  if (version === '8') return { store: new RedisStore8({ client: redis.client(), ...options } as never), close: async () => undefined };
  const client = createClient({ socket: { host: redis.options.host ?? '', port: redis.port } });
  await client.connect();
  return { store: new RedisStore9({ client, ...options } as never), close: () => client.close() };
}
