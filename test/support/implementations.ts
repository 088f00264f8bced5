import { promisify } from 'node:util';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import express from 'express';
import expressSession from 'express-session';
import type { Redis } from 'ioredis';
import { sessionMiddleware, type SessionHandler } from '../../src/express.js';
import { builtinSessionMiddleware } from '../../src/http/request/builtin-session.middleware.js';
import { ExpressStoreFacade } from '../../src/express-session/express-store-facade.js';
import { expressSessionMiddleware } from '../../src/express-session/express-session.middleware.js';
import { resolveSessionOptions, type SessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import type { SessionStore } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { TEST_SECRET } from './create-app.js';
import { Barrier } from './barrier.js';
import { serve } from './plain-app.js';
import { sessionKeys } from './stored-session.js';
import type { AnySession } from './scripted-app.js';
import { Sessions } from '../../src/session/sessions.js';

const HOUR = 3_600_000;

/** The options in which scenarios differ. */
export type Config = Pick<SessionOptions, 'resave' | 'saveUninitialized' | 'unset'> & { rolling: boolean; maxAge: number | null };

/** What a handler does to its session. */
export type Operation =
  | { do: 'nothing' | 'read' | 'destroy' | 'unset' | 'logInAsPassport' | 'fail' | 'touch' }
  | { do: 'writeMember' | 'writeDestroyed' }
  | { do: 'write' | 'nest' | 'remove' | 'reorder' | 'save' | 'reload' | 'stream' | 'twice' | 'endWithBrowser'; name: string; value: number }
  | { do: 'regenerate'; name?: string; value?: number }
  | { do: 'maxAge'; value: number };

/** What a store keeps of a session. */
export interface Stored {
  readonly entries: Record<string, unknown>;
  /** What the application has set; `undefined` when it is as configured. */
  readonly maxAge: number | null | undefined;
}

/** An application with a session middleware and a store, to be compared with others. */
export interface Implementation {
  readonly name: string;
  readonly origin: string;
  /** What is kept under a sid; `undefined` without a session. */
  stored(sid: string): Promise<Stored | undefined>;
  /** How many sessions there are. */
  count(): Promise<number>;
  end(sid: string): Promise<void>;
  clear(): Promise<void>;
  /** Where the request waits that names that barrier in its header `x-barrier`. */
  barrier(name: string): Barrier;
  close(): Promise<void>;
}

type SharedStore = expressSession.MemoryStore & { sessions: Record<string, unknown> };
type StoreView = Pick<Implementation, 'stored' | 'count' | 'end' | 'clear'>;

/** express-session as it comes, over its own store. */
export function stockImplementation(): Promise<Implementation> {
  const shared = new expressSession.MemoryStore() as SharedStore;
  const handlerFor = (config: Config) => {
    // express-session keeps a part of the configuration in the store.
    const store = new expressSession.MemoryStore() as SharedStore;
    store.sessions = shared.sessions;
    const { rolling: _ours, ...options } = optionsOf(config);
    return expressSession({ ...options, rolling: config.rolling, store } as expressSession.SessionOptions) as unknown as SessionHandler;
  };
  return openImplementation('stock express-session', handlerFor, viewOfExpressStore(shared));
}

/** One of our middlewares over one of our stores. */
export function ourImplementation(middleware: 'builtin' | 'express-session', store: SessionStore, client?: Redis): Promise<Implementation> {
  const handlerFor = (config: Config): SessionHandler => {
    const settings = resolveSessionOptions(optionsOf(config));
    const runtime = new SessionRuntime({ sessions: Sessions.of(store), settings, translate: (error) => error, warn: () => undefined });
    if (middleware === 'express-session') return expressSessionMiddleware(runtime, expressSession);
    return builtinSessionMiddleware(runtime, new ExpressStoreFacade(runtime));
  };
  return openImplementation(`${middleware} × ${store.constructor.name}`, handlerFor, viewOfOurs(store, client));
}

/** The built-in middleware over a store made for express-session. */
export function wrappingImplementation(): Promise<Implementation> {
  const store = new expressSession.MemoryStore() as SharedStore;
  return openImplementation(
    'builtin × MemoryStore',
    (config) => sessionMiddleware({ ...optionsOf(config), store }),
    viewOfExpressStore(store),
  );
}

function optionsOf({ maxAge, ...config }: Config): SessionOptions {
  const cookie = { httpOnly: true, sameSite: 'lax', secure: false, ...(maxAge === null ? {} : { maxAge }) } as const;
  return { ...config, secret: TEST_SECRET, name: 'sid', cookie };
}

async function openImplementation(name: string, handlerFor: (config: Config) => SessionHandler, view: StoreView): Promise<Implementation> {
  const handlers = new Map<string, SessionHandler>();
  const barriers = new Map<string, Barrier>();
  const barrier = (one: string) => barriers.get(one) ?? barriers.set(one, new Barrier(1)).get(one) ?? new Barrier(1);

  const session: SessionHandler = (request, response, next) => {
    const config = String(request.headers['x-config']);
    const handler = handlers.get(config) ?? handlerFor(JSON.parse(config) as Config);
    handlers.set(config, handler);
    handler(request, response, next);
  };
  const operate = async (request: Request, response: Response) => {
    const { 'x-barrier': waitsAt } = request.headers;
    if (typeof waitsAt === 'string') await barrier(waitsAt).pass();
    await run(request, response, request.body as Operation);
  };
  const failed = (_error: unknown, _request: Request, response: Response, _next: NextFunction) => void response.status(500).json('failed');
  const app = express()
    .use(express.json(), session as RequestHandler)
    .post('/', operate)
    .use(failed);
  const { origin, close } = await serve(app);
  return { name, origin, barrier, close, ...view };
}

/** Does what an operation says, and answers with what it then sees. */
async function run(request: Request, response: Response, operation: Operation): Promise<void> {
  const session = request.session as unknown as AnySession;
  const call = (method: 'save' | 'reload' | 'regenerate' | 'destroy') =>
    promisify((done: (error?: unknown) => void) => void (request.session as unknown as AnySession)[method](done))();
  switch (operation.do) {
    case 'nothing':
      return void response.json('nothing');
    case 'read':
      break;
    case 'write':
      session[operation.name] = operation.value;
      break;
    case 'twice':
      session[operation.name] = operation.value;
      session[operation.name] = undefined;
      break;
    case 'nest':
      session[operation.name] = Object(session[operation.name]);
      session[operation.name][`n${operation.value}`] = [operation.value];
      break;
    case 'remove':
      delete session[operation.name];
      break;
    case 'reorder':
      session[operation.name] = reversed(session[operation.name]);
      break;
    case 'save':
      session[operation.name] = operation.value;
      await call('save');
      break;
    case 'reload':
      session[operation.name] = operation.value;
      await call('reload').catch(() => undefined);
      break;
    case 'stream':
      session[operation.name] = operation.value;
      response.type('json').write('"streamed');
      return void response.end('"');
    case 'touch':
      session.touch();
      break;
    case 'maxAge':
      session.cookie.maxAge = operation.value;
      break;
    case 'endWithBrowser':
      session[operation.name] = operation.value;
      session.cookie.expires = false as never;
      break;
    case 'destroy':
      await call('destroy');
      break;
    case 'unset':
      request.session = null as never;
      break;
    case 'regenerate':
      await call('regenerate');
      if (operation.name !== undefined) (request.session as unknown as AnySession)[operation.name] = operation.value;
      break;
    case 'logInAsPassport':
      await call('regenerate');
      (request.session as unknown as AnySession)['passport'] = { user: 'ada' };
      await call('save');
      break;
    case 'writeMember':
      Object.assign(session, { identity: 1 });
      break;
    case 'writeDestroyed':
      await call('destroy');
      session['cart'] = 1;
      break;
    case 'fail':
      session['failed'] = true;
      throw new Error('on purpose');
  }
  const { cookie, ...entries } = { ...(request.session as unknown as AnySession | undefined) };
  response.json({
    session: request.session === undefined ? 'none' : typeof request.session,
    entries,
    maxAge: rounded(cookie?.originalMaxAge),
  });
}

/** To the hour: express-session loses as much as passes between two readings of the clock. Whatever is no number ends with the browser. */
function rounded(maxAge: unknown): number | null {
  return typeof maxAge === 'number' ? Math.round(maxAge / HOUR) * HOUR : null;
}

function reversed(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).toReversed()) : value;
}

function viewOfExpressStore(store: SharedStore): StoreView {
  const all = promisify((done: (error: unknown, all?: Record<string, Record<string, unknown>>) => void) => store.all?.(done as never));
  return {
    stored: async (sid) => {
      const { cookie, ...entries } = (await all())?.[sid] ?? {};
      return cookie === undefined ? undefined : { entries, maxAge: rounded((cookie as { originalMaxAge?: unknown }).originalMaxAge) };
    },
    count: async () => Object.keys((await all()) ?? {}).length,
    end: (sid) => new Promise((done) => store.destroy(sid, () => done())),
    clear: async () => {
      for (const sid of Object.keys(store.sessions)) delete store.sessions[sid];
    },
  };
}

function viewOfOurs(store: SessionStore, client: Redis | undefined): StoreView {
  const sids = new Set<Sid>();
  const { create } = store;
  store.create = (sid, session) => {
    sids.add(sid);
    return create.call(store, sid, session);
  };
  return {
    stored: async (sid) => {
      // Nobody waits for a touch.
      await store.drain();
      const record = await Sessions.of(store).load(sid as Sid);
      if (record === undefined) return undefined;
      const entries = Object.fromEntries([...record.entries].map(([name, text]) => [name, JSON.parse(text) as unknown]));
      return { entries, maxAge: record.cookie === undefined ? undefined : rounded(record.cookie.originalMaxAge) };
    },
    count: async () =>
      client === undefined
        ? (await Promise.all([...sids].map((sid) => Sessions.of(store).load(sid)))).filter(Boolean).length
        : (await sessionKeys(client)).length,
    end: async (sid) => void (await store.destroy(sid as Sid)),
    clear: async () => {
      await Promise.all([...sids].map((sid) => store.destroy(sid)));
      sids.clear();
    },
  };
}
