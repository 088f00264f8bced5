import { isDeepStrictEqual } from 'node:util';
import { SESSION_OPTIONS } from '../redis-session.tokens.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { MovableClock } from '../session/clock.js';
import { Sessions } from '../session/sessions.js';
import { isSessionStore, type SessionStore } from '../session/store/session-store.js';
import type { StoreOptions } from '../session/store/store-options.js';
import { resolveStoreOptions, type StoreSettings } from '../session/store/store-settings.js';
import type { Barrier } from './barrier.js';
import { msOf } from './duration.js';
import { refuseInProduction } from './not-in-production.js';
import { TestControl, TestSessionStore } from './test-session-store.js';

/** In ms. A request that waits at a barrier, or on a machine that is busy, must not be answered 503 for that. */
const PATIENCE = 3_600_000;

/**
 * Options of {@link testSessions}: those of the store, which go before what the application has configured, and the time.
 *
 * @publicApi
 */
export interface TestSessionsOptions extends StoreOptions {
  /** What time it is at first. @default the time of the machine */
  now?: Date | number | string | undefined;
}

/** Of the options of a module, what its store depends on. */
interface ModuleOptions {
  readonly redis?: unknown;
  readonly store: object;
}

/** Of those that name a kind of store. */
interface KindOfStore {
  readonly kind: string;
  readonly options: StoreOptions;
  readonly settings: StoreSettings;
}

/** A store, and in the place of which it is. */
interface Placed {
  readonly place: unknown;
  readonly store: TestSessionStore;
}

/**
 * The sessions of a test: a store in memory in the place of Redis, whose clock stands still until you move it. Make it with {@link testSessions}.
 *
 * @publicApi
 */
export class TestSessions {
  /** With `factory`, what `overrideProvider(SessionStore).useFactory()` takes. */
  readonly inject: symbol[] = [SESSION_OPTIONS];
  /**
   * Makes the store of a module, with the `store` options of that module. Modules that would share their sessions in Redis share them here; each other
   * module has its own.
   */
  readonly factory = (options: ModuleOptions): SessionStore => this.#storeFor(options);

  readonly #options: StoreOptions;
  readonly #control: TestControl;
  readonly #stores: Placed[] = [];

  constructor({ now, ...options }: TestSessionsOptions) {
    this.#options = options;
    this.#control = new TestControl(new MovableClock(timeOf(now)));
  }

  /** The store, for applications without Nest, and for `forRoot({ store })`. */
  get store(): SessionStore {
    return this.#placed(this, () => this.#settingsBy({}));
  }

  /** What time it is for these sessions. */
  now(): Date {
    return new Date(this.#control.clock.now());
  }

  /**
   * Moves the clock, at once: sessions and their timeouts, the grace of rotated secrets, tombstones and cookies all go by it. Resolves when open sockets
   * and streams whose session has ended have been told.
   *
   * @param time milliseconds, or a number and a unit: `'500ms'`, `'10s'`, `'31m'`, `'8h'`, `'1d'`
   */
  async advance(time: number | string): Promise<void> {
    this.#control.clock.advance(msOf(time));
    await Promise.all(this.#stores.map(({ store }) => Sessions.of(store).lookAtWatched()));
  }

  /**
   * Holds the next requests when they have read their session, before anything of the application sees it. What happens meanwhile they don't see.
   *
   * @param count how many requests; those after them go on
   */
  holdLoads(count = 1): Barrier {
    return this.#control.hold('load', countOf('holdLoads', count));
  }

  /**
   * Holds the next writes before they are stored, and the responses that depend on them: new sessions, changes, touches, rotations, ends.
   *
   * @param count how many writes; those after them go on
   */
  holdCommits(count = 1): Barrier {
    return this.#control.hold('commit', countOf('holdCommits', count));
  }

  #storeFor({ redis, store }: ModuleOptions): SessionStore {
    if (isSessionStore(store)) return this.#placed(store, () => this.#settingsOf(store));
    // Any other store is one made for express-session, whose settings nobody knows.
    if (!('settings' in store)) return this.#placed(store, () => this.#settingsBy({}));
    const { kind, options, settings } = store as KindOfStore;
    const place = kind === 'memory' ? store : { redis, kind, prefix: settings.prefix };
    return this.#placed(place, () => this.#settingsBy(options));
  }

  #settingsOf({ settings }: SessionStore): StoreSettings {
    if (settings === undefined || Object.keys(this.#options).length > 0) return this.#settingsBy({});
    return { ...settings, deadline: PATIENCE };
  }

  #settingsBy(configured: StoreOptions): StoreSettings {
    return resolveStoreOptions({ ...configured, deadline: PATIENCE, ...this.#options });
  }

  #placed(place: unknown, settings: () => StoreSettings): TestSessionStore {
    const known = this.#stores.find((one) => one.place === place || (isPlaceInRedis(place) && isDeepStrictEqual(one.place, place)));
    if (known !== undefined) return known.store;
    const store = new TestSessionStore(settings(), this.#control);
    this.#stores.push({ place, store });
    return store;
  }
}

/**
 * Puts a store in memory in the place of Redis, in one line of your test. No connection is opened:
 *
 * ```ts
 * const sessions = testSessions();
 * const module = await Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(SessionStore)
 *   .useFactory(sessions)
 *   .compile();
 * ```
 *
 * It keeps the `store` options of your module, but for the deadline: here nobody is answered 503 for waiting. Without Nest, give `sessions.store` to
 * whatever takes a store.
 *
 * Throws `SessionMisuseError` where `NODE_ENV` is `production`. Wrong options of the store fail the start, as those of the module do.
 *
 * @publicApi
 */
export function testSessions(options: TestSessionsOptions = {}): TestSessions {
  refuseInProduction('testSessions');
  return new TestSessions(options);
}

function isPlaceInRedis(place: unknown): boolean {
  return typeof place === 'object' && place !== null && 'redis' in place && 'prefix' in place;
}

function timeOf(now: TestSessionsOptions['now']): number {
  const time = now === undefined ? Date.now() : new Date(now).getTime();
  if (!Number.isNaN(time)) return time;
  throw new SessionMisuseError(
    'testSessions() needs "now" as a Date, epoch milliseconds or an ISO date. Leave it out for the time of the machine.',
  );
}

function countOf(method: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new SessionMisuseError(`${method}() needs how many it is to hold, a positive integer. Leave it out for 1.`);
}
