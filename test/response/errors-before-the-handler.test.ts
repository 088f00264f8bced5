import { describe, expect, test, afterEach } from '@jest/globals';
import { MemorySessionStore, SessionStoreUnavailableError, type SessionOptions } from '../../src/index.js';
import type { Sid } from '../../src/session/sid.js';
import { sessionMiddleware } from '../../src/express.js';
import { CapturedLog } from '../support/captured-log.js';
import { TEST_SECRET, type TestAppOptions } from '../support/create-app.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from '../support/scripted-app.js';
import { serve, type PlainServer } from '../support/plain-app.js';
import { generateSid, handleOf } from '../../src/session/sid.js';
import { BlockableStore } from '../support/blockable-store.js';
import { signedCookie } from '../support/signed-cookie.js';
import { storedSid } from '../support/stored-sid.js';
import { Sessions } from '../../src/session/sessions.js';

const TERMS = { idle: undefined, cookie: undefined, wholeCookie: {} };

/** A session that somebody else has ended, as its holder presents it. */
async function revokedSid(store: MemorySessionStore): Promise<Sid> {
  const sid = generateSid();
  await Sessions.of(store).create(sid, { entries: new Map(), terms: TERMS, userId: 'ada' });
  await store.revoke(handleOf(sid), { userId: 'ada', reason: 'revoked' });
  return sid;
}

/** What a `session.cookie` function may come to give, and what is told of it. */
const NO_COOKIES: [string, () => unknown, RegExp][] = [
  ['a text for maxAge', () => ({ maxAge: '3600000' }), /maxAge.* must be a positive finite number of milliseconds/],
  ['an age whose date does not exist', () => ({ maxAge: 8.64e15 }), /maxAge/],
  ['a sameSite that there is not', () => ({ sameSite: 'sometimes' }), /sameSite/],
  ['a domain that no cookie has', () => ({ domain: 'https://example.com' }), /domain/],
  ['an attribute that there is not', () => ({ maxage: 1 }), /maxage.* is not an option/],
  ['null', () => null, /must be an object, or a function that returns one/],
  ['a text', () => 'Secure', /must be an object, or a function that returns one/],
  ['a promise', async () => ({}), /must be an object, or a function that returns one/],
  [
    'nothing, since it throws',
    () => {
      throw new Error('no configuration');
    },
    /no configuration/,
  ],
];

describe.each(['builtin', 'express-session'] as const)('what fails on the way to the handler, %s', (middleware) => {
  let apps: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    apps = [];
  });

  async function open(store: MemorySessionStore, options: Partial<TestAppOptions> = {}): Promise<ScriptedApp> {
    const app = await createScriptedApp({ store, ...options, session: { middleware, ...options.session } });
    apps.push(app);
    return app;
  }

  describe.each(NO_COOKIES)('a "session.cookie" function that gives %s', (_, give, why) => {
    const cookie = give as SessionOptions['cookie'];
    const requests: [string, (store: MemorySessionStore) => Promise<Record<string, string>>][] = [
      ['without a cookie', async () => ({})],
      ['with a session', async (store) => ({ cookie: signedCookie(await storedSid(store, {})) })],
      ['with a session that somebody else has ended', async (store) => ({ cookie: signedCookie(await revokedSid(store)) })],
    ];

    test.each(requests)('fails a request %s', async (_name, headersFor) => {
      const store = new MemorySessionStore();
      const logger = new CapturedLog();
      const app = await open(store, { session: { cookie }, logger });
      const answer = await app.browser().get('/plain', await headersFor(store));
      expect(answer.status).toBe(500);
      expect(logger.matching(why)).toHaveLength(1);
    });
  });

  /** A store that answers as an application's own may. */
  class OwnStore extends MemorySessionStore {
    constructor(answers: Record<string, (answer: unknown) => unknown>) {
      super({ deadline: 60_000, logErrors: false });
      for (const [name, as] of Object.entries(answers)) {
        const method = Reflect.get(this, name) as (...args: unknown[]) => Promise<unknown>;
        Object.defineProperty(this, name, { value: (...args: unknown[]) => as(Reflect.apply(method, this, args)) });
      }
    }
  }

  const nullForNothing = async (answer: unknown) => (await answer) ?? null;

  test('a store that answers null says "not found": a request is that of a visitor', async () => {
    const app = await open(new OwnStore({ find: nullForNothing }));
    const answer = await app.browser().get('/whoami', { cookie: signedCookie(generateSid()) });
    expect([answer.status, answer.json]).toEqual([200, { identity: null }]);
  });

  const GONE = { code: 'SESSION_GONE' };
  test.each<[string, () => unknown]>([
    ['a text', () => 'a session'],
    ['a promise of a text', async () => 'a session'],
    ['a number', async () => 7],
    ['an empty object', async () => ({})],
    ['an array', async () => []],
  ])('a store that answers %s fails who asks for the session, and nobody else', async (_, find) => {
    const store = Object.assign(new MemorySessionStore(), { find });
    const logger = new CapturedLog();
    const app = await open(store, { logger });
    for (const cookie of [signedCookie(generateSid()), `${signedCookie(generateSid())}; ${signedCookie(generateSid())}`]) {
      const statusOf = async (path: string) => (await app.browser().get(path, { cookie })).status;
      expect([await statusOf('/plain'), await statusOf('/whoami')]).toEqual([200, 500]);
    }
    expect(logger.matching('has answered find() with something that is not a session').length).toBeGreaterThan(0);
  });

  test('a logger that throws fails no request that an outage does not', async () => {
    class FailingLog extends CapturedLog {
      override error = () => {
        throw new Error('disk full');
      };
    }
    const store = Object.assign(new BlockableStore(), { loadFailure: new SessionStoreUnavailableError('timeout') });
    const app = await open(store, { logger: new FailingLog() });
    const statusOf = async (path: string) => (await app.browser().get(path, { cookie: signedCookie(generateSid()) })).status;
    expect([await statusOf('/plain'), await statusOf('/plain')]).toEqual([200, 200]);
  });

  test.each<[string, (session: AnySession) => unknown, outcome: unknown]>([
    ['save', (session) => ((session['visits'] = 2), session.save()), 'resolves'],
    ['touch', (session) => session.save(), 'resolves'],
    ['rotate', (session) => session.rotate(), GONE],
    ['increment', (session) => session.increment('visits'), GONE],
  ])('a store whose %s answers null says that the session has ended', async (name, call, outcome) => {
    const store = new OwnStore({ [name]: nullForNothing });
    const app = await open(store);
    app.on('/late', async ({ session }) => {
      await store.destroy(session.id as Sid);
      if (name === 'touch') session.cookie.maxAge = 5_000;
      return Promise.resolve(call(session)).then(
        () => 'resolves',
        (error: { code: string }) => ({ code: error.code }),
      );
    });
    const cookie = signedCookie(await storedSid(store, { visits: 1 }));
    const answer = await app.browser().get('/late', { cookie });
    expect([answer.status, answer.json ?? answer.text]).toEqual([200, outcome]);
    expect((await app.browser().get('/whoami', { cookie })).json).toEqual({ identity: null });
  });

  test.each<[string, (answer: unknown) => unknown, status: number]>([
    ['with no promise', () => undefined, 200],
    // oxlint-disable-next-line unicorn/no-thenable -- what an application may return
    ['with a thenable', (answer) => ({ then: (done: (value: unknown) => void) => void (answer as Promise<unknown>).then(done) }), 200],
    [
      'by throwing',
      () => {
        throw new Error('out of order');
      },
      500,
    ],
  ])('a store that answers a load %s leaves no request without an answer', async (_, as, status) => {
    const store = new OwnStore({ find: as });
    const app = await open(store);
    expect((await app.browser().get('/whoami', { cookie: signedCookie(generateSid()) })).status).toBe(status);
  });

  test.each(['isRotationDue', 'isTouchDue', 'canRotate'])('sessions whose %s throws fail the request', async (name) => {
    const store = new MemorySessionStore({ rotateAfter: 1, logErrors: false });
    const cookie = signedCookie(await storedSid(store, {}));
    Object.defineProperty(Sessions.of(store), name, {
      value: () => {
        throw new Error('out of order');
      },
    });
    const app = await open(store);
    expect((await app.browser().get('/plain', { cookie })).status).toBe(500);
  });
});

describe('the middleware on a server of Node alone', () => {
  let server: PlainServer | undefined;
  afterEach(() => server?.close());

  test.each(NO_COOKIES)('gives its failure to next(), and once: a cookie function that gives %s', async (_, give, why) => {
    const store = new MemorySessionStore();
    const session = sessionMiddleware({ secret: TEST_SECRET, store, cookie: give as never });
    const told: unknown[] = [];
    server = await serve((request, response) =>
      session(request, response, (error) => {
        told.push(error);
        response.end();
      }),
    );
    const headers = { cookie: signedCookie(await revokedSid(store)) };
    await (await fetch(server.origin, { headers })).text();
    expect(told).toEqual([expect.objectContaining({ message: expect.stringMatching(why) })]);
  });
});
