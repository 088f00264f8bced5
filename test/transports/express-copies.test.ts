import { IncomingMessage, OutgoingMessage, ServerResponse, type RequestListener } from 'node:http';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import express, { type Express, type RequestHandler } from 'express';
import express4 from 'express4';
import { SessionStoreUnavailableError } from '../../src/index.js';
import { sessionMiddleware, sessionOf, type SessionHandler } from '../../src/express.js';
import { TEST_SECRET } from '../support/create-app.js';
import { Barrier } from '../support/barrier.js';
import { BlockableStore } from '../support/blockable-store.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { headerOf, RawClient, type RawAnswer } from '../support/raw-client.js';

const shared = () =>
  [express.request, express.response, express4.request, express4.response]
    .concat([IncomingMessage.prototype, ServerResponse.prototype, OutgoingMessage.prototype] as never[])
    .map((prototype) => Object.getOwnPropertyDescriptors(prototype));
const SHARED_BEFORE = shared();

let servers: PlainServer[] = [];
beforeEach(() => {
  servers = [];
});
afterEach(() => Promise.all(servers.map((server) => server.close())));

async function open(listener: RequestListener): Promise<string> {
  const server = await serve(listener);
  servers.push(server);
  return server.origin;
}

async function ask(origin: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const client = await RawClient.connect(origin);
  client.request('GET', '/', headers);
  return client.answer();
}

/** The cookie that an answer sets, as a request header. */
function cookieOf(answer: RawAnswer): { cookie: string } {
  const [cookie = '', ...more] = headerOf(answer, 'set-cookie');
  expect(more).toEqual([]);
  return { cookie: cookie.split(';', 1)[0] ?? '' };
}

type Make = () => Express;
const five: Make = () => express().disable('x-powered-by');
const four: Make = () => express4().disable('x-powered-by');

/** How an application leads to another. */
const WAYS: [string, (inner: Express) => RequestHandler][] = [
  ['mounted', (inner) => inner],
  ['called', (inner) => (request, response) => void inner(request, response)],
  [
    'called by host name',
    (inner) => (request, response, next) => (request.hostname === 'localhost' ? inner(request, response, next) : next()),
  ],
  ['used by a router', (inner) => express.Router().use('/', inner)],
];
const NESTS: [string, Make[]][] = [
  ['Express 4 in 5', [five, four]],
  ['Express 5 in 4', [four, five]],
  ['Express 5 in 4 in 5', [five, four, five]],
];

/** Applications in one another, the session middleware in one of them, the handler in the last. Returns the first. */
function nest(
  makes: Make[],
  lead: (inner: Express) => RequestHandler,
  session: RequestHandler,
  at: number,
  handler: RequestHandler,
): Express {
  const apps = makes.map((make) => make());
  apps[at]?.use(session);
  for (const [index, app] of apps.entries()) app.use(apps[index + 1] === undefined ? handler : lead(apps[index + 1] as Express));
  return apps[0] as Express;
}

const count: RequestHandler = (request, response) => {
  const session = request.session as unknown as { visits?: number };
  session.visits = (session.visits ?? 0) + 1;
  response.json({ visits: session.visits, id: sessionOf(request).identity?.id });
};

describe.each(NESTS)('%s', (_, makes) => {
  describe.each(WAYS)('%s', (_way, lead) => {
    test.each([...makes.keys()])('has the session that is loaded by application %s, and no byte leaves before it is stored', async (at) => {
      const store = new BlockableStore({ deadline: 60_000 });
      const session = sessionMiddleware({ secret: TEST_SECRET, store }) as RequestHandler;
      const signIn: RequestHandler = (request, response, next) =>
        void session(request, response, () => {
          if (request.headers['x-user'] === undefined) next();
          else
            void sessionOf(request)
              .login({ id: 'ada' })
              .then(() => next(), next);
        });
      const origin = await open(nest(makes, lead, signIn, at, count));
      const first = await ask(origin, { 'x-user': 'ada' });
      expect(JSON.parse(first.body)).toEqual({ visits: 1, id: 'ada' });
      const barrier = (store.barrier = new Barrier(1));
      const client = await RawClient.connect(origin);
      client.request('GET', '/', cookieOf(first));
      await barrier.full;
      expect(client.received).toBe('');
      barrier.open();
      expect(JSON.parse((await client.answer()).body)).toEqual({ visits: 2, id: 'ada' });
    });
  });
});

describe('two versions of this package in one process', () => {
  let other: typeof import('../../src/express.js');
  beforeAll(async () => {
    jest.resetModules();
    other = await import('../../src/express.js');
    expect(other.sessionMiddleware).not.toBe(sessionMiddleware);
  });
  const middlewares = (store = new BlockableStore()): Record<'ours' | 'theirs', SessionHandler> => ({
    ours: sessionMiddleware({ secret: TEST_SECRET, store }),
    theirs: other.sessionMiddleware({ secret: TEST_SECRET, store: new other.MemorySessionStore({ logErrors: false }), name: 'theirs' }),
  });
  const visits: RequestHandler = (request, response) => {
    const session = request.session as unknown as { visits?: number };
    session.visits = (session.visits ?? 0) + 1;
    response.send(String(session.visits));
  };
  const app = (...handlers: (SessionHandler | RequestHandler)[]) => five().use(...(handlers as RequestHandler[]));

  test('each serve the sessions of their applications, in any order', async () => {
    const { ours, theirs } = middlewares();
    const [one, two] = [await open(app(ours, visits)), await open(app(theirs, visits))];
    const [first, second] = [await ask(one), await ask(two)];
    expect((await ask(one, cookieOf(first))).body).toBe('2');
    expect((await ask(two, cookieOf(second))).body).toBe('2');
    expect((await ask(one, cookieOf(first))).body).toBe('3');
  });

  test.each(['ours', 'theirs'] as const)('leave a request to the one that comes first: %s', async (first) => {
    const both = middlewares();
    const second = first === 'ours' ? 'theirs' : 'ours';
    const origin = await open(app(both[first], both[second], visits));
    const answer = await ask(origin);
    expect(cookieOf(answer).cookie).toMatch(first === 'ours' ? /^sid=/ : /^theirs=/);
    expect((await ask(origin, cookieOf(answer))).body).toBe('2');
  });

  test('leave a request alone whose session the other could not load', async () => {
    const store = new BlockableStore({ logErrors: false });
    const { ours, theirs } = middlewares(store);
    const cookie = cookieOf(await ask(await open(app(ours, visits))));
    store.loadFailure = new SessionStoreUnavailableError('timeout');
    const origin = await open(app(ours, theirs, (_request: unknown, response: ServerResponse) => void response.end('public')));
    expect(await ask(origin, cookie)).toMatchObject({ status: 200, body: 'public' });
  });
});

describe('somebody who patches the prototypes of Node after the first request', () => {
  const PATCHES: [string, object, string][] = [
    ['ServerResponse.prototype.writeHead', ServerResponse.prototype, 'writeHead'],
    ['ServerResponse.prototype.end', ServerResponse.prototype, 'end'],
    ['ServerResponse.prototype.write', ServerResponse.prototype, 'write'],
    ['OutgoingMessage.prototype.write', OutgoingMessage.prototype, 'write'],
    ['OutgoingMessage.prototype.end', OutgoingMessage.prototype, 'end'],
    ['OutgoingMessage.prototype.flushHeaders', OutgoingMessage.prototype, 'flushHeaders'],
    ['OutgoingMessage.prototype.setHeader', OutgoingMessage.prototype, 'setHeader'],
  ];

  /** Returns what takes it off again. */
  function patch(target: object, name: string, call: () => void): () => void {
    const own = Object.getOwnPropertyDescriptor(target, name);
    const original = (target as Record<string, (...args: unknown[]) => unknown>)[name];
    const value = function (this: unknown, ...args: unknown[]): unknown {
      call();
      return Reflect.apply(original as () => unknown, this, args);
    };
    Object.defineProperty(target, name, { configurable: true, enumerable: true, writable: true, value });
    return () => (own === undefined ? Reflect.deleteProperty(target, name) : Object.defineProperty(target, name, own));
  }

  const answer: RequestHandler = (_, response) => {
    response.setHeader('X-One', '1');
    response.flushHeaders();
    response.write('do');
    response.end('ne');
  };
  const reads: RequestHandler = (request, response, next) => (sessionOf(request).isNew, answer(request, response, next));
  const changes: RequestHandler = (request, response, next) => (
    Object.assign(request.session, { visits: 1 }),
    answer(request, response, next)
  );
  const session = () => sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore() }) as RequestHandler;
  const applications: [string, () => Express][] = [
    ['an application that reads its sessions', () => five().use(session(), reads)],
    ['an application that changes them', () => five().use(session(), changes)],
    ['an application that has none', () => five().use(answer)],
  ];

  describe.each(PATCHES)('%s', (_, target, name) => {
    test.each(applications)('is called by %s, and no more when it is taken off', async (_name, make) => {
      const origins = [await open(five().use(session(), changes)), await open(make())] as const;
      for (const origin of origins) expect((await ask(origin)).body).toBe('done');
      let calls = 0;
      const takeOff = patch(target, name, () => void calls++);
      try {
        expect((await ask(origins[1])).body).toBe('done');
      } finally {
        takeOff();
      }
      expect(calls).toBeGreaterThan(0);
      const before = calls;
      expect((await ask(origins[1])).body).toBe('done');
      expect(calls).toBe(before);
    });
  });
});

test('nothing that requests or responses share is changed by any of this', async () => {
  const session = sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore() }) as RequestHandler;
  for (const app of [five(), four()]) expect((await ask(await open(app.use(session, count)))).status).toBe(200);
  expect(shared()).toEqual(SHARED_BEFORE);
});
