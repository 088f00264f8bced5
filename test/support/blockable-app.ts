import { afterEach, beforeEach } from '@jest/globals';
import type { StoreOptions } from '../../src/index.js';
import { sessionMiddleware, type SessionHandler, type SessionMiddlewareOptions } from '../../src/express.js';
import { TEST_SECRET } from './create-app.js';
import { Barrier } from './barrier.js';
import { BlockableStore } from './blockable-store.js';
import { plainExpress, serve, type Answerer, type PlainServer } from './plain-app.js';
import { RawClient, type RawAnswer } from './raw-client.js';
import { sidOf, signedCookie } from './signed-cookie.js';
import { sessionStoredIn } from './stored-session.js';
import { storedSid } from './stored-sid.js';
import { Sessions } from '../../src/session/sessions.js';

/** An application whose store waits or fails as the test says. */
export interface BlockableApp extends PlainServer {
  readonly store: BlockableStore;
  /** The sessions of that store. */
  readonly sessions: Sessions;
  /** What the store's failures were logged as. */
  readonly logged: Error[];
  /** Opens a connection and asks for `/`. */
  ask(method?: string, headers?: Record<string, string>): Promise<RawClient>;
  /** Asks for `/` and waits for the whole answer. */
  answer(method?: string, headers?: Record<string, string>): Promise<RawAnswer>;
  /** The cookie of a session that is stored already, as a request header. */
  cookieOf(entries: Record<string, unknown>): Promise<CookieHeader>;
  /** The entries that the store holds for such a cookie. */
  stored(header: CookieHeader): Promise<Record<string, unknown> | undefined>;
  /** Ends such a session as somebody else would. */
  endBehind(header: CookieHeader): Promise<void>;
  /** Lets the server answer another request, so that it had every chance to say something before. */
  roundTrip(): Promise<void>;
  /** From now on, writes wait. Returns where. */
  hold(): Barrier;
}

type CookieHeader = { cookie: string };

export interface BlockableAppOptions {
  session?: Partial<SessionMiddlewareOptions> | false;
  store?: StoreOptions;
  /** What runs before the session middleware. */
  before?: SessionHandler;
}

/** Call in a `describe`. Answers `/` as the handler says, and `/ping`. */
export function useBlockableApps(): (handler: Answerer, options?: BlockableAppOptions) => Promise<BlockableApp> {
  let servers: PlainServer[] = [];
  beforeEach(() => {
    servers = [];
  });
  afterEach(() => Promise.all(servers.map((server) => server.close())));
  return async (handler, options) => {
    const app = await openBlockableApp(handler, options);
    servers.push(app);
    return app;
  };
}

async function openBlockableApp(
  handler: Answerer,
  { session = {}, store: storeOptions, before }: BlockableAppOptions = {},
): Promise<BlockableApp> {
  const logged: Error[] = [];
  const store = new BlockableStore({ logErrors: (error) => void logged.push(error), deadline: 60_000, ...storeOptions });
  const middleware = session === false ? undefined : sessionMiddleware({ secret: TEST_SECRET, store, ...session });
  const chain: SessionHandler = (request, response, next) =>
    (before ?? skip)(request, response, () => (middleware ?? skip)(request, response, next));
  const server = await serve(plainExpress(chain, { '/': handler, '/ping': (_, response) => response.end('pong') }));
  const ask: BlockableApp['ask'] = async (method = 'GET', headers = {}) => {
    const client = await RawClient.connect(server.origin);
    client.request(method, '/', headers);
    return client;
  };
  return {
    ...server,
    store,
    sessions: Sessions.of(store),
    logged,
    ask,
    answer: async (method, headers) => (await ask(method, headers)).answer(),
    cookieOf: async (entries) => ({ cookie: signedCookie(await storedSid(store, entries)) }),
    stored: async ({ cookie }) => (await sessionStoredIn(store, undefined, sidOf(cookie)))?.entries,
    endBehind: ({ cookie }) => store.endBehind(sidOf(cookie)),
    roundTrip: async () => void (await fetch(`${server.origin}/ping`).then((answer) => answer.text())),
    hold: () => (store.barrier = new Barrier(1)),
  };
}

const skip: SessionHandler = (_request, _response, next) => next();
