import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { SessionSettings } from '../../src/http/request/session-options.js';
import type { StoreKind } from '../../src/redis-session.options.js';
import { createScriptedApp, type ScriptedApp } from './scripted-app.js';
import { IS_SERVER_NAMED } from './redis-process.js';
import { startRedis, type RedisServer } from './start-redis.js';
import { createApp, type Platform, type TestApp, type TestAppOptions } from './create-app.js';
import { keyOf, sessionStoredIn, type StoredSession } from './stored-session.js';
import { until } from './until.js';
import { Sessions } from '../../src/session/sessions.js';

/** A way to run the module that the end-to-end suite is to hold for. */
export interface Variant {
  readonly platform: Platform;
  readonly name: string;
  readonly middleware: SessionSettings['middleware'];
  readonly kind: StoreKind;
  /** Whether a session is stored before the answer leaves, so that a failure can still be told; express-session can only log it. */
  readonly storesFirst: boolean;
}

/** Every variant. A new middleware is one more line for each store. */
const all: readonly Variant[] = [
  { platform: 'express', name: 'express-session × hash', middleware: 'express-session', kind: 'hash', storesFirst: false },
  { platform: 'express', name: 'express-session × memory', middleware: 'express-session', kind: 'memory', storesFirst: false },
  { platform: 'express', name: 'builtin × hash', middleware: 'builtin', kind: 'hash', storesFirst: true },
  { platform: 'express', name: 'builtin × memory', middleware: 'builtin', kind: 'memory', storesFirst: true },
  { platform: 'fastify', name: 'fastify × hash', middleware: 'builtin', kind: 'hash', storesFirst: true },
  { platform: 'node', name: 'node × hash', middleware: 'builtin', kind: 'hash', storesFirst: true },
];

/** Those that keep sessions in Redis, for cases that look there. */
export const redisVariants = all.filter(({ kind }) => kind === 'hash');

export const variants = IS_SERVER_NAMED ? redisVariants : all;

/** Those on a web framework, for what is made for one. */
export const frameworkVariants = variants.filter(({ platform }) => platform !== 'node');

/** Those on Express, for what is about its own API. */
export const expressVariants = variants.filter(({ platform }) => platform === 'express');

/** Applications of one variant, closed after each test, and a look at their store from outside. */
export interface Harness {
  /** Starts an application of the variant, whose handlers the test writes. */
  open(options?: HarnessOptions): Promise<ScriptedApp>;
  /** The same, with nothing but what the test adds: the paths of the scripts are all there are. */
  openUnscripted(options?: HarnessOptions): Promise<TestApp>;
  /** The server, emptied after each test. Only for variants with Redis. */
  readonly redis: RedisServer;
  /** A client of that server, for looking in from outside. */
  readonly client: Redis;
  /** What the store holds under a sid, `undefined` for nothing. */
  stored(app: TestApp, sid: string | undefined): Promise<StoredSession | undefined>;
  /** Ends a session behind the application's back: `DEL` by hand. */
  end(app: TestApp, sid: string | undefined): Promise<void>;
  /** Lets a session reach the end of its idle timeout. */
  expire(app: TestApp, sid: string | undefined): Promise<void>;
}

export interface HarnessOptions extends Omit<TestAppOptions, 'store' | 'session'> {
  session?: TestAppOptions['session'];
  store?: Exclude<TestAppOptions['store'], { find: unknown } | { get: unknown }>;
}

/** Call in a `describe`. */
export function useVariant({ platform, middleware, kind }: Variant): Harness {
  let server: RedisServer | undefined;
  let apps: TestApp[] = [];
  const redis = () => {
    if (server === undefined) throw new Error('This variant has no Redis.');
    return server;
  };

  beforeAll(async () => {
    if (kind !== 'memory') server = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    apps = [];
    await server?.client().flushall();
  });
  afterAll(() => server?.stop());

  const openBy = async <App extends TestApp>(
    create: (options: TestAppOptions) => Promise<App>,
    { session, store, ...options }: HarnessOptions = {},
  ) => {
    const app = await create({
      platform,
      ...(server === undefined ? {} : { redis: server.options }),
      session: { middleware, ...session },
      store: { kind, ...store },
      ...options,
    });
    apps.push(app);
    return app;
  };

  return {
    open: (options) => openBy(createScriptedApp, options),
    openUnscripted: (options) => openBy(createApp, options),
    get redis() {
      return redis();
    },
    get client() {
      return redis().client();
    },
    stored: ({ store }, sid) => sessionStoredIn(store, server?.client(), sid),
    end: async ({ store }, sid) => {
      if (server === undefined) await store.destroy(sid as never);
      else await server.client().del(keyOf(store, sid ?? ''));
    },
    expire: async ({ store }, sid) => {
      await server?.client().pexpire(keyOf(store, sid ?? ''), 1);
      // The memory store drops what has ended when it is next asked.
      const { clock } = store;
      const later = (clock.now() ?? 0) + Sessions.of(store).settings.idle + 1;
      if (server === undefined) Object.assign(store, { clock: { now: () => later } });
      await until(async () => (await sessionStoredIn(store, server?.client(), sid)) === undefined, 'the session has expired');
      Object.assign(store, { clock });
    },
  };
}
