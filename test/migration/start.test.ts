import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fastify from 'fastify';
import { MigratingSessionStore, nodeSessions, sessionMiddleware, type SessionMiddlewareOptions } from '../../src/node.js';
import { fastifySession } from '../../src/fastify.js';
import { resolveOptions, type RedisSessionOptions, type RedisSessionStoreOptions } from '../../src/redis-session.options.js';
import { RedisSessionConfigError } from '../../src/redis-session.errors.js';
import { UNSEEN_STRINGS } from '../../src/session/session-manager.js';
import { forgetWarnings } from '../../src/session/warn-once.js';
import { CapturedLog } from '../support/captured-log.js';
import { Connections, PATIENT } from '../support/connections.js';
import { createApp, TEST_SECRET, type TestAppOptions } from '../support/create-app.js';
import { createScriptedApp } from '../support/scripted-app.js';
import { createOldApp, OLD_NAME } from '../support/old-app.js';
import { plainExpress, serve } from '../support/plain-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const connections = new Connections();
let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterEach(() => redis.client().flushall());
afterAll(() => redis.stop());

function problemsOf(
  store: RedisSessionStoreOptions,
  session: Partial<RedisSessionOptions['session']> = { name: OLD_NAME },
): readonly string[] {
  try {
    resolveOptions({ redis: 'redis://127.0.0.1', session: { secret: TEST_SECRET, ...session }, store }, false);
    return [];
  } catch (error) {
    if (error instanceof RedisSessionConfigError) return error.problems;
    throw error;
  }
}

describe('"store.migrate" stops the start', () => {
  it('without the name of the cookie, and says what would happen', () => {
    expect(problemsOf({ migrate: 'prepare' }, {})).toEqual([
      expect.stringMatching(/^"session\.name" must be set with "store\.migrate": .*all of them would be signed out.*"connect\.sid"/),
    ]);
  });

  it.each<[string, RedisSessionStoreOptions, RegExp]>([
    [
      'another phase',
      { migrate: 'done' as never },
      /^"store\.migrate" must be "prepare" or "convert", received a string\. Begin with "prepare"/,
    ],
    ['no phase', { migrate: {} as never }, /^"store\.migrate\.phase" must be "prepare" or "convert", received undefined/],
    [
      'an unknown name',
      { migrate: { phase: 'prepare', prefx: '' } as never },
      /^"store\.migrate\.prefx" is not an option\. Did you mean "prefix"/,
    ],
    ['no text', { migrate: { phase: 'prepare', prefix: 7 as never } }, /^"store\.migrate\.prefix" must be a string, received 7/],
    ['half a serializer', { migrate: { phase: 'prepare', serializer: { parse: JSON.parse } as never } }, /functions stringify and parse/],
    [
      'a serializer with promises',
      {
        migrate: {
          phase: 'prepare',
          serializer: { stringify: JSON.stringify, parse: async (text: string) => JSON.parse(text) as unknown },
        },
      },
      /^"store\.migrate\.serializer" must be synchronous: its "parse"/,
    ],
    [
      'a serializer whose texts look sealed',
      { migrate: { phase: 'prepare', serializer: { stringify: (value) => `@${JSON.stringify(value)}`, parse: JSON.parse } } },
      /must not write texts that begin with "@"/,
    ],
    [
      'another layout',
      { migrate: 'prepare', kind: 'connect-redis' },
      /^"store\.migrate" must not be set with "store\.kind" "connect-redis"/,
    ],
  ])('with %s', (_, store, problem) => {
    expect(problemsOf(store)).toEqual([expect.stringMatching(problem)]);
  });

  it('and takes what strings cannot keep, which holds for hashes', () => {
    const store = { absoluteTtl: 36_000, maxSessionsPerUser: 3, rotateAfter: 600, revokeBefore: true, track: { ip: true } };
    expect(problemsOf({ migrate: 'prepare', ...store })).toEqual([]);
    expect(problemsOf({ migrate: { phase: 'convert', prefix: '', serializer: JSON }, ...store })).toEqual([]);
  });
});

it('the log says once at the start what SessionManager cannot see while the move is prepared', async () => {
  const log = new CapturedLog();
  const app = await createApp({ redis: redis.options, session: { name: OLD_NAME }, store: { migrate: 'prepare' }, logger: log });
  await app.close();
  expect(log.matching(UNSEEN_STRINGS)).toHaveLength(1);
});

describe('an old session that nobody looks for', () => {
  const SAID = 'has an id of express-session, and no such session is there. If you come from connect-redis, set "store.migrate"';

  async function linesFor(options: TestAppOptions): Promise<readonly string[]> {
    forgetWarnings();
    const logger = new CapturedLog();
    const old = await createOldApp({ redis });
    const browser = old.browser();
    await browser.get('/set/cart/tea');
    await redis.client().flushall();
    const app = await createScriptedApp({ redis: redis.options, session: { name: OLD_NAME }, logger, ...options });
    for (let times = 0; times < 2; times++) await browser.at(app.origin).get('/whoami');
    await Promise.all([app.close(), old.close()]);
    return logger.matching(SAID);
  }

  it('is told in the log, once, where "store.migrate" is missing', async () => {
    expect(await linesFor({})).toHaveLength(1);
  });

  it.each<[string, TestAppOptions]>([
    ['a move is under way', { store: { migrate: 'prepare' } }],
    ['the application makes its ids itself', { session: { name: OLD_NAME, genid: () => 'x'.repeat(32) } }],
    ['its cookie is not signed with the secret', { session: { name: OLD_NAME, secret: 'another secret, of more than 32 bytes' } }],
  ])('is not told where %s', async (_, options) => {
    expect(await linesFor(options)).toEqual([]);
  });

  it('is not told of an own session that has ended', async () => {
    forgetWarnings();
    const logger = new CapturedLog();
    const app = await createScriptedApp({ redis: redis.options, session: { name: OLD_NAME }, logger });
    const browser = app.browser();
    await browser.get('/login/ada');
    expect(await browser.sid(OLD_NAME)).toHaveLength(54);
    await redis.client().flushall();
    await browser.get('/whoami');
    await app.close();
    expect(logger.matching(SAID)).toEqual([]);
  });
});

describe('without Nest', () => {
  const identity = ({ passport }: { passport?: { user?: string } }) => (passport?.user === undefined ? undefined : { id: passport.user });
  const openStore = async (options: { identity?: typeof identity } = { identity }) => {
    const { client } = await connections.open({ ...redis.options, ...PATIENT });
    return new MigratingSessionStore(client, { migrate: 'convert', deadline: 60_000, ...options });
  };

  it('the name of the cookie and the same "identity" are needed too', async () => {
    const options = { secret: TEST_SECRET, store: await openStore(), identity: identity as never };
    expect(() => sessionMiddleware(options)).toThrow(/"name" must be set with a store that migrates/);
    expect(() => nodeSessions({ ...options, name: OLD_NAME, identity: undefined })).toThrow(
      /"identity" must be the function that the store has/,
    );
    expect(() => sessionMiddleware({ ...options, name: OLD_NAME })).not.toThrow();
  });

  /** The origin of a server that answers with the cart of its visitor. */
  const doors: [string, (options: SessionMiddlewareOptions) => Promise<{ origin: string; close(): Promise<unknown> }>][] = [
    [
      'the middleware',
      async (options) =>
        serve(plainExpress(sessionMiddleware(options), { '/read': ({ session }, response) => response.json(session['cart']) })),
    ],
    [
      'two calls',
      async (options) => {
        const { loadSession, commitSession } = nodeSessions(options);
        return serve((request, response) => {
          void (async () => {
            const session = (await loadSession(request)) as unknown as { cart?: string };
            await commitSession(request, response);
            response.end(JSON.stringify(session.cart));
          })();
        });
      },
    ],
    [
      'the plugin of Fastify',
      async (options) => {
        const app = fastify();
        await app.register(fastifySession, options);
        app.get('/read', (request) => JSON.stringify((request.session as unknown as { cart?: string }).cart));
        return { origin: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() };
      },
    ],
  ];

  it.each(doors)('a session of connect-redis is converted behind %s', async (_, openDoor) => {
    const old = await createOldApp({ redis });
    const browser = old.browser();
    await browser.get('/set/cart/tea');
    const door = await openDoor({ secret: TEST_SECRET, name: OLD_NAME, store: await openStore(), identity: identity as never });
    expect((await browser.at(door.origin).get('/read')).text).toBe('"tea"');
    expect(await redis.client().exists(`sess:${await browser.sid(OLD_NAME)}`)).toBe(0);
    await Promise.all([door.close(), old.close()]);
  });
});

describe('a short secret of the application before', () => {
  const SHORT = { name: OLD_NAME, secret: 'keyboard cat' };
  const said = /^(?:warn )?"(?:session\.)?secret" has fewer than 32 bytes, .* put a new one before it\. .*coming-from-connect-redis\.md\./;

  it('is told in the log of the module how it is replaced without signing anybody out', async () => {
    forgetWarnings();
    const logger = new CapturedLog();
    const app = await createApp({ redis: redis.options, session: SHORT, store: { migrate: 'prepare' }, logger });
    await app.close();
    expect(logger.matching('fewer than 32 bytes')).toEqual([expect.stringMatching(said)]);
  });

  it('is told as a warning of the process without Nest', async () => {
    const { client } = await connections.open({ ...redis.options, ...PATIENT });
    forgetWarnings();
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
    sessionMiddleware({ ...SHORT, store: new MigratingSessionStore(client, { migrate: 'convert' }) });
    const messages = warned.mock.calls.map(([message]) => message);
    warned.mockRestore();
    expect(messages).toEqual([expect.stringMatching(said)]);
  });
});
