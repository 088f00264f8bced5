import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import expressSession from 'express-session';
import { MemorySessionStore, RedisSessionStore, sessionOf, type SessionHandler } from '../../src/express.js';
import { builtinSessionMiddleware } from '../../src/http/request/builtin-session.middleware.js';
import { ExpressStoreAdapter } from '../../src/express-session/express-store-adapter.js';
import { expressSessionMiddleware } from '../../src/express-session/express-session.middleware.js';
import { resolveSessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { TEST_SECRET } from '../support/create-app.js';
import { plainExpress, serve, type Answerer, type PlainRequest, type PlainServer } from '../support/plain-app.js';
import { refusal } from '../support/refusal.js';
import type { AnySession } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { keyOf, sessionStoredIn } from '../support/stored-session.js';
import { Sessions } from '../../src/session/sessions.js';

/** Names of entries that applications use; some are members of ours, some are in each object. */
const ENTRIES = [
  'user',
  'userId',
  'username',
  'login',
  'logged_in',
  'logout',
  'authenticated',
  'isAuthenticated',
  'isAdmin',
  'handle',
  'csrfToken',
  'verifyCsrfToken',
  '_csrf',
  'csrfSecret',
  'createdAt',
  'lastSeenAt',
  'expiresAt',
  'authenticatedAt',
  'isNew',
  'increment',
  'rotate',
  'reauthenticate',
  'flash',
  'passport',
  'returnTo',
  'views',
  'cart',
  'token',
  'grant',
  'state',
  'oauth2:example.com',
  'name',
  'data',
  'length',
  'active',
  'entries',
  'owner',
  'prototype',
  'then',
  'toJSON',
  '@meta',
];

/** Names that `sessionOf()` and `@Session()` have a member for. */
const MEMBERS = new Set([
  'handle',
  'isNew',
  'createdAt',
  'lastSeenAt',
  'expiresAt',
  'authenticatedAt',
  'login',
  'logout',
  'rotate',
  'reauthenticate',
  'increment',
  'csrfToken',
  'verifyCsrfToken',
]);

/** Each object has them already, so that express-session stores what is assigned to them and never gives it back. */
const OF_EACH_OBJECT = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];

/** What express-session has on a session, which assigning would break for the rest of the request. */
const LENGTHS: Record<string, number> = { save: 1, reload: 1, regenerate: 1, destroy: 1, touch: 0, resetMaxAge: 0 };

interface Implementation {
  readonly name: string;
  /** Made when Redis runs. */
  open(): { session: SessionHandler; stored(sid: string): Promise<Record<string, unknown> | undefined> };
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const settings = resolveSessionOptions({ secret: TEST_SECRET, name: 'sid' });

function over(middleware: 'builtin' | 'express-session', store: SessionStore, stored: (sid: string) => unknown) {
  const runtime = new SessionRuntime({ sessions: Sessions.of(store), settings, translate: (error) => error, warn: () => undefined });
  const session = middleware === 'builtin' ? builtinSessionMiddleware(runtime) : expressSessionMiddleware(runtime, expressSession);
  return { session, stored: async (sid: string) => (await stored(sid)) as Record<string, unknown> | undefined };
}

/** The entries in a hash. In a field's name, `@` is for ours, and the name of an entry has one more. */
function inHash(hash: Record<string, string>): Record<string, unknown> {
  const entries = Object.entries(hash).filter(([field]) => !/^@[^@]/.test(field));
  return Object.fromEntries(entries.map(([field, text]) => [field.replace(/^@/, ''), JSON.parse(text)]));
}

/** What a store of express-session's keeps. */
function keptBy(store: expressSession.MemoryStore): (sid: string) => unknown {
  const { sessions } = store as unknown as { sessions: Record<string, string> };
  return (sid) => sessions[sid] && { ...(JSON.parse(sessions[sid]) as object), cookie: undefined };
}

const OURS: Implementation[] = (['builtin', 'express-session'] as const).flatMap((middleware) => [
  {
    name: `${middleware} × RedisSessionStore`,
    open: () => {
      const store = new RedisSessionStore(redis.client(), { deadline: 5_000 });
      return over(middleware, store, async (sid) => inHash(await redis.client().hgetall(keyOf(store, sid))));
    },
  },
  {
    name: `${middleware} × MemorySessionStore`,
    open: () => {
      const store = new MemorySessionStore();
      return over(middleware, store, async (sid) => (await sessionStoredIn(store, undefined, sid))?.entries);
    },
  },
  {
    name: `${middleware} × a wrapped MemoryStore`,
    open: () => {
      const store = new expressSession.MemoryStore();
      return over(middleware, new ExpressStoreAdapter(store), keptBy(store));
    },
  },
]);

const STOCK: Implementation = {
  name: 'stock express-session',
  open: () => {
    const store = new expressSession.MemoryStore();
    const session = expressSession({ secret: TEST_SECRET, name: 'sid', resave: false, saveUninitialized: false, store });
    return { session: session as unknown as SessionHandler, stored: async (sid) => keptBy(store)(sid) as Record<string, unknown> };
  },
};

const namesIn = ({ query }: Pick<PlainRequest, 'query'>) => JSON.parse(query['names'] as string) as string[];
const seen = (value: unknown) => (['function', 'object'].includes(typeof value) && value !== null ? typeof value : (value ?? null));
const ofEach = async <T>(names: readonly string[], look: (name: string) => T | Promise<T>) =>
  Object.fromEntries(await Promise.all(names.map(async (name) => [name, await look(name)] as const)));

/** Each does it for all names at once. */
const HANDLERS: Record<string, Answerer> = {
  /** What pasted code asks: is this visitor let in? */
  '/guard': async (request, response) => response.json(await ofEach(namesIn(request), (name) => (request.session[name] ? 'in' : 'out'))),
  '/look': async (request, response) =>
    response.json(await ofEach(namesIn(request), (name) => [name in request.session, seen(request.session[name])])),
  '/write': async ({ session, query }, response) => {
    session['visited'] = true;
    response.json(await ofEach(namesIn({ query }), async (name) => (await refusal(() => (session[name] = 'mine'))) ?? seen(session[name])));
  },
  '/keys': ({ session }, response) => response.json(Object.keys(session)),
  '/prototype': async ({ session, query }, response) => {
    const prototype = Object.getPrototypeOf(session) as Record<string, { length: number }>;
    response.json(await ofEach(namesIn({ query }), (name) => prototype[name]?.length));
  },
  '/own-methods': ({ session }, response) =>
    response.json(Object.getOwnPropertyNames(session).flatMap((name) => [[name, (session[name] as { length?: unknown }).length]])),
  '/on-request': (request, response) => {
    const { session } = request;
    const { get } = Object.getOwnPropertyDescriptor(request, 'session') ?? {};
    response.json({
      isOwn: Object.hasOwn(request, 'session'),
      isListed: Object.keys(request).includes('session'),
      isInCopy: { ...request }.session === session && Object.assign({}, request).session === session,
      leadsBack: session['req'] === request,
      isAccessor: get !== undefined,
    });
  },
  '/remove': ({ session, query }, response) => {
    for (const name of namesIn({ query })) delete session[name];
    response.end();
  },
  '/write-ours': async (request, response) => {
    const session = sessionOf(request) as AnySession;
    response.json(await ofEach(namesIn(request), async (name) => (await refusal(() => (session[name] = 'ours'))) ?? null));
  },
  '/read-ours': async (request, response) =>
    response.json(await ofEach(namesIn(request), (name) => seen((sessionOf(request) as AnySession)[name]))),
};

/** The answer that is expected for each name. */
const each = <T>(names: readonly string[], value: T | ((name: string) => T)) =>
  Object.fromEntries(names.map((name) => [name, typeof value === 'function' ? (value as (name: string) => T)(name) : value]));

/** A visitor of an application with that session, and what is kept of the visitor's. */
function useVisitors({ open }: Implementation) {
  let app: PlainServer;
  let stored: ReturnType<Implementation['open']>['stored'];
  beforeAll(async () => {
    const opened = open();
    ({ stored } = opened);
    app = await serve(plainExpress(opened.session, HANDLERS));
  });
  afterAll(() => app.close());
  return () => {
    const browser = app.browser();
    return {
      get: async (path: string, names: readonly string[] = []) =>
        (await browser.get(`${path}?names=${encodeURIComponent(JSON.stringify(names))}`)).json,
      kept: async () => stored((await browser.sid()) ?? ''),
    };
  };
}

describe.each([STOCK, ...OURS])('req.session of $name', (implementation) => {
  const isStock = implementation === STOCK;
  const visitor = useVisitors(implementation);

  test('lets in by no name whom nobody has let in', async () => {
    const { get } = visitor();
    expect(await get('/guard', ENTRIES)).toEqual(each(ENTRIES, 'out'));
    expect(await get('/look', ENTRIES)).toEqual(each(ENTRIES, [false, null]));
    await get('/write', ENTRIES);
    expect(await get('/guard', ENTRIES)).toEqual(each(ENTRIES, 'in'));
    await get('/remove', ENTRIES);
    expect(await get('/guard', ENTRIES)).toEqual(each(ENTRIES, 'out'));
  });

  test('takes each of the names as an entry, stores it and gives it back', async () => {
    const { get, kept } = visitor();
    expect(await get('/write', ENTRIES)).toEqual(each(ENTRIES, 'mine'));
    expect(await kept()).toEqual({ visited: true, ...each(ENTRIES, 'mine') });
    expect(await get('/look', ENTRIES)).toEqual(each(ENTRIES, [true, 'mine']));
    expect(new Set(await get('/keys'))).toEqual(new Set(['cookie', 'visited', ...ENTRIES]));
  });

  test('takes what every object has a property for as entries, and stores them', async () => {
    const { get, kept } = visitor();
    expect(await get('/write', OF_EACH_OBJECT)).toEqual(each(OF_EACH_OBJECT, 'mine'));
    expect(await kept()).toEqual({ visited: true, ...each(OF_EACH_OBJECT, 'mine') });
    // docs/coming-from-express-session.md, "Names that entries cannot have"
    expect(await get('/look', OF_EACH_OBJECT)).toEqual(each(OF_EACH_OBJECT, [true, isStock ? 'function' : 'mine']));
  });

  test('has the methods, of the same length, on its prototype', async () => {
    const { get, kept } = visitor();
    const names = Object.keys(LENGTHS);
    expect(await get('/look', names)).toEqual(each(names, [true, 'function']));
    expect(await get('/prototype', names)).toEqual(LENGTHS);
    // The same place: there, a request that has replaced "save" would never be answered.
    if (isStock) return;
    expect(await get('/write', names)).toEqual(each(names, { code: 'SESSION_MISUSE', message: expect.stringContaining('another name') }));
    expect(await kept()).toEqual({ visited: true });
  });

  // docs/coming-from-express-session.md, "Callbacks are optional"
  test('has methods of its own, of the length that the list of differences says, with express-session only', async () => {
    const own = (await visitor().get('/own-methods')).filter(([name]: [string]) => name in LENGTHS);
    expect(Object.fromEntries(own)).toEqual(isStock ? { save: 0, reload: 1 } : {});
  });

  // docs/coming-from-express-session.md, "It is an accessor"
  test("is the request's own property, which a copy of the request has too", async () => {
    const seenThere = { isOwn: true, isListed: true, isInCopy: true, leadsBack: true, isAccessor: !isStock };
    expect(await visitor().get('/on-request')).toEqual(seenThere);
  });

  test('has "id" and "req", which cannot be changed, out of sight', async () => {
    const { get } = visitor();
    const names = ['id', 'req'];
    expect(await get('/write', names)).toEqual(each(names, expect.objectContaining({ message: expect.anything() })));
    expect(await get('/look', names)).toEqual({ id: [true, expect.stringMatching(/^[\w-]+$/)], req: [true, 'object'] });
    expect(await get('/keys')).toEqual(['cookie', 'visited']);
  });
});

describe.each(OURS)('the two views of one session, $name', (implementation) => {
  const visitor = useVisitors(implementation);
  const names = [...ENTRIES, ...OF_EACH_OBJECT];
  const isMember = (name: string) => MEMBERS.has(name);

  test('have the same entries, but for those that a member hides in ours', async () => {
    const { get, kept } = visitor();
    await get('/write', names);
    const read = await get('/read-ours', names);
    expect(names.filter((name) => read[name] === 'mine')).toEqual(names.filter((name) => !isMember(name)));
    const cured = { code: 'SESSION_MISUSE', message: expect.stringContaining('by req.session') };
    expect(await get('/write-ours', names)).toEqual(each<unknown>(names, (name: string) => (isMember(name) ? cured : null)));
    const values = each(names, (name) => (isMember(name) ? 'mine' : 'ours'));
    expect(await get('/look', names)).toEqual(each(names, (name) => [true, values[name]]));
    expect(await kept()).toEqual({ visited: true, ...values });
  });

  test.each([
    ['identity', 'SESSION_MISUSE', 'login()'],
    ['__proto__', 'SESSION_NOT_SERIALIZABLE', 'Choose another name'],
    ['cookie', 'SESSION_MISUSE', 'maxAge'],
  ])('do not let %p be written', async (name, code, cure) => {
    const { get, kept } = visitor();
    const refused = { code, message: expect.stringContaining(cure) };
    expect(await get('/write', [name])).toEqual(Object.fromEntries([[name, refused]]));
    expect(await get('/write-ours', [name])).toEqual(Object.fromEntries([[name, refused]]));
    expect(await kept()).toEqual({ visited: true });
  });
});
