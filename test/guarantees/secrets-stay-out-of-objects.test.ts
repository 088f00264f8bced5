import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ModuleRef } from '@nestjs/core';
import { Redis } from 'ioredis';
import {
  CsrfGuard,
  RedisEventChannel,
  RedisSessionModule,
  SESSION_OPTIONS,
  SessionEvents,
  SessionGuard,
  SessionManager,
  SessionMiddleware,
  SessionStore,
  type ResolvedRedisSessionOptions,
} from '../../src/index.js';
import { RedisSessionStore, sessionMiddleware } from '../../src/express.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const SECRET = 'SECRET-that-signs-cookies-0123456789';
const PASSWORD = 'PASSWORD-of-redis';

/** Everything that is there, as a logger could print it that looks behind everything but private fields. */
function everythingIn(value: unknown): string {
  const all = { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null };
  const seen = new Set<unknown>();
  const json = JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if (seen.has(part)) return undefined;
    seen.add(part);
    return part;
  });
  return [
    json,
    ...[{}, { showProxy: true }, { customInspect: false }, { showProxy: true, customInspect: false }].map((more) =>
      inspect(value, { ...all, ...more }),
    ),
  ].join('\n');
}

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  await server.client().config('SET', 'requirepass', PASSWORD);
  client = new Redis({ ...server.options, password: PASSWORD });
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});

type Kind = 'hash' | 'connect-redis';
type Middleware = 'builtin' | 'express-session';

describe.each<[Middleware, Kind]>([
  ['builtin', 'hash'],
  ['express-session', 'hash'],
  ['builtin', 'connect-redis'],
])('no secret of the application is shown, %s × %s', (middleware, kind) => {
  let app: ScriptedApp;
  beforeAll(async () => {
    app = await createScriptedApp({
      redis: { ...server.options, password: PASSWORD },
      session: { secret: SECRET, middleware, csrf: true },
      store: kind === 'hash' ? { kind, revokeBefore: true, events: 'cluster' } : { kind },
    });
  });
  afterAll(() => app.close());

  test.each<[string, unknown]>([
    ['store', SessionStore],
    ['manager', SessionManager],
    ['events', SessionEvents],
    ['guard', SessionGuard],
    ['CSRF guard', CsrfGuard],
    ['middleware', SessionMiddleware],
    ['runtime', SessionRuntime],
    ['options', SESSION_OPTIONS],
    ['module', RedisSessionModule],
  ])('by the %s', (_, token) => {
    const found: unknown = app.app.get(token as typeof ModuleRef, { strict: false });
    expect(typeof found).toBe('object');
    expect(shownOf(found)).toEqual([]);
  });

  test('by what is on a request', async () => {
    const shown: string[][] = [];
    app.on('/look', ({ request, session }) => {
      shown.push(shownOf((request as { sessionStore?: unknown }).sessionStore), shownOf(session));
    });
    await app.browser().get('/look');
    expect(shown).toEqual([[], []]);
  });

  test('while both can be had where they are asked for', () => {
    const { session, redis } = app.app.get<ResolvedRedisSessionOptions>(SESSION_OPTIONS, { strict: false });
    expect(session.secrets).toEqual([SECRET]);
    expect(redis).toMatchObject({ password: PASSWORD });
  });
});

/** Which of the two are in it. */
function shownOf(value: unknown): string[] {
  const text = everythingIn(value);
  return [SECRET, PASSWORD].filter((secret) => text.includes(secret));
}

test.each<[string, () => unknown]>([
  ['a store', () => new RedisSessionStore(client, { revokeBefore: true })],
  ['an event channel', () => new RedisEventChannel(client, new RedisSessionStore(client))],
  ['a manager', () => new SessionManager(new RedisSessionStore(client))],
  ['a middleware without Nest', () => sessionMiddleware({ secret: SECRET, store: new RedisSessionStore(client) })],
  ['what forRoot() gives', () => RedisSessionModule.forRoot({ redis: { password: PASSWORD }, session: { secret: SECRET } })],
  ['what forRoot() gives, of a URL', () => RedisSessionModule.forRoot({ redis: `redis://:${PASSWORD}@x`, session: { secret: SECRET } })],
])('%s of a client with a password shows no secret', (_, make) => {
  expect(shownOf(make())).toEqual([]);
});

test.each(['builtin', 'express-session'] as const)(
  'a session shows no sid and no secret hash, not even behind its proxy, %s',
  async (middleware) => {
    const app = await createScriptedApp({ session: { secret: SECRET, middleware }, store: { kind: 'memory' } });
    try {
      let shown = '';
      app.on('/look', ({ session, request }) => {
        for (const view of [session, request.session])
          shown +=
            inspect(view, { depth: Infinity, showProxy: true, showHidden: true }) +
            inspect(view, { depth: Infinity }) +
            JSON.stringify(view);
      });
      const browser = app.browser();
      await browser.post('/login/ada');
      await browser.get('/look');
      expect(shown).toContain('ada');
      expect(shown).not.toContain(await browser.sid());
    } finally {
      await app.close();
    }
  },
);
