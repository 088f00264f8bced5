import { isExpressStore, type ExpressStore } from './express-session/express-store-adapter.js';
import { adopterProblems, type Adopter } from './http/request/adopter.js';
import { SESSION_NAMES, sessionOptionProblems } from './http/request/session-option-problems.js';
import { idleOfCookie, resolveSessionOptions, type SessionOptions, type SessionSettings } from './http/request/session-options.js';
import type { IdentityFinder } from './http/request/session-runtime.js';
import { RedisSessionConfigError } from './redis-session.errors.js';
import { connectionProblems } from './redis/client/connection-problems.js';
import { clientWarnings } from './redis/client/client-warnings.js';
import { connectionWarnings } from './redis/client/connection-warnings.js';
import { isRedisClient } from './redis/client/redis-clients.js';
import { prefixProblems } from './redis/store/redis-keys.js';
import type { RedisConnection } from './redis/client/redis-client.js';
import { kindOf, namesOf, unknownNames } from './session/option-checks.js';
import { Sessions } from './session/sessions.js';
import { isSessionStore, type SessionStore } from './session/store/session-store.js';
import { STORE_DEFAULTS, STORE_NAMES, type StoreOptions } from './session/store/store-options.js';
import { withHiddenProperties } from './session/hidden-properties.js';
import { resolveStoreOptions, type StoreSettings } from './session/store/store-settings.js';
import { MISSING_NAME, migrateOptionProblems, type MigrateOptions, type MigrationPhase } from './session/store/migrate-options.js';
import { storeOptionProblems } from './session/store/store-option-problems.js';

/** How sessions are kept: a hash in Redis, the layout of connect-redis 8, or the memory of this process. */
export type StoreKind = 'hash' | 'connect-redis' | 'memory';

/** Whose events a process is told: its own, or those of all. */
export type EventScope = 'local' | 'cluster';

/**
 * How sessions are kept.
 *
 * @publicApi
 */
export interface RedisSessionStoreOptions extends StoreOptions {
  /**
   * How sessions are stored. `'hash'` has everything this package promises. `'connect-redis'` shares sessions with applications that use that package, and
   * has its limits (`npm install connect-redis@8 express-session`). `'memory'` is for tests and trials.
   *
   * @default 'hash'
   */
  kind?: StoreKind | undefined;
  /**
   * Moves sessions in from connect-redis 5 to 10 without signing anybody out, in two releases: `'prepare'`, then `'convert'`. An object says also where that
   * package keeps them. Needs `session.name`, the name of the cookie that your visitors have. See `docs/coming-from-connect-redis.md`.
   *
   * @default nothing is moved
   */
  migrate?: MigrationPhase | MigrateOptions | undefined;
  /**
   * Whose events you receive with `SessionEvents`: `'local'`, those of this process; `'cluster'`, also those of the other processes with the same Redis and
   * prefix, marked `remote: true`. `'cluster'` takes one more connection and uses Redis pub/sub, so an event may be lost. For a store that you make
   * yourself, use `RedisEventChannel`.
   *
   * @default 'local'
   */
  events?: EventScope | undefined;
}

/**
 * Options of `RedisSessionModule`: three groups, two functions and a switch, with the names that express-session and connect-redis have.
 *
 * @publicApi
 */
export interface RedisSessionOptions {
  /**
   * Where Redis is: a URL (`redis://`, `rediss://`, `unix:`), ioredis options (Sentinel too), `{ cluster, options }`, or a client of yours (ioredis, iovalkey,
   * node-redis 5 or 6), which the module never closes. All but a client need the package ioredis. Required, unless `store` is a store of yours or of kind `'memory'`.
   *
   * @daily
   * @default required
   */
  redis?: RedisConnection | undefined;
  /**
   * The session in a request: express-session's options.
   */
  session: SessionOptions;
  /**
   * How sessions are kept. Or a store of yours: a `SessionStore`, or any store made for express-session, which then saves each session as a whole.
   *
   * @default { kind: 'hash' }
   */
  store?: RedisSessionStoreOptions | SessionStore | ExpressStore | undefined;
  /**
   * Finds the identity in a session, for applications that keep it elsewhere, such as Passport: `(session) => session.passport?.user`. It
   * returns an object with an `id`; an id alone is nobody.
   *
   * @daily
   * @default the entry `identity`, which `login()` sets
   */
  identity?: IdentityFinder | undefined;
  /**
   * Finds the credential of a request that has no session, such as a token of yours, and makes the session of it: so that you can move in without signing
   * anybody out. `fromJwt({ verify, until })` takes a JWT. See [coming from JWT](coming-from-jwt.md).
   *
   * @default none
   */
  adopt?: Adopter | undefined;
  /**
   * Lets you inject `SessionContext`, which gives any service the session of the request under way. Costs each request about 1 us on
   * Node 24, and 6 to 9 us on Node 20 unless something else in the process uses `AsyncLocalStorage`.
   *
   * @default false
   */
  context?: boolean | undefined;
}

/**
 * What `useClass` and `useExisting` implement.
 *
 * @publicApi
 */
export interface RedisSessionOptionsFactory {
  createRedisSessionOptions(): RedisSessionOptions | Promise<RedisSessionOptions>;
}

/**
 * The options with every default filled in. You can read `redis` and `session.secrets`, but no JSON, copy or log of the options shows them.
 *
 * @publicApi
 */
export interface ResolvedRedisSessionOptions {
  readonly redis: RedisConnection | undefined;
  readonly session: SessionSettings;
  readonly store:
    | {
        readonly kind: StoreKind;
        readonly events: EventScope;
        readonly migrate: MigrationPhase | MigrateOptions | undefined;
        readonly options: StoreOptions;
        readonly settings: StoreSettings;
      }
    | SessionStore
    | ExpressStore;
  readonly identity: IdentityFinder | undefined;
  readonly adopt: Adopter | undefined;
  readonly context: boolean;
}

const GROUPS = ['redis', 'session', 'store', 'identity', 'adopt', 'context'];
/** Nest takes these off the options of `forRoot`, and knows nothing of those that a factory returns. */
const EXTRAS = ['isGlobal', 'globalGuard', 'exclude', 'forRoutes'];
const NAMES_IN_STORE = ['kind', 'events', 'migrate', ...STORE_NAMES];
const ELSEWHERE = new Map([...namesOf('store', NAMES_IN_STORE), ...namesOf('session', SESSION_NAMES)]);
const KINDS: readonly unknown[] = ['hash', 'connect-redis', 'memory'] satisfies StoreKind[];
const SCOPES: readonly unknown[] = ['local', 'cluster'] satisfies EventScope[];

/** Fills in the defaults. Throws one `RedisSessionConfigError` that names every problem: the option, the rule and the cure, never a value that may be secret. */
export function resolveOptions(options: RedisSessionOptions, production: boolean): ResolvedRedisSessionOptions {
  const problems = optionProblems(options, production);
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  const { redis, session, store = {}, identity, adopt, context = false } = options;
  if (isStore(store)) return withHiddenProperties({ session: resolveSessionOptions(session), store, identity, adopt, context }, { redis });
  const { kind = 'hash', events = 'local', migrate, ...given } = store;
  const storeOptions = withinAbsolute(given);
  const resolved = {
    session: resolveSessionOptions(session),
    store: { kind, events, migrate, options: storeOptions, settings: resolveStoreOptions(storeOptions) },
    identity,
    adopt,
    context,
  };
  return withHiddenProperties(resolved, { redis: kind === 'memory' ? undefined : redis });
}

/** What works and is risky in production, one sentence each. */
export function productionWarnings({ redis, store }: ResolvedRedisSessionOptions): string[] {
  if (!isStore(store) && store.kind === 'memory')
    return [
      '"store.kind" is "memory": sessions end with this process, no other process knows them, and nothing limits their memory. Leave it out to keep them in Redis.',
    ];
  return redis === undefined ? [] : connectionWarnings(redis);
}

/** What works and makes answers late or dishonest when Redis fails, one sentence each. */
export function settingsWarnings({ redis, store }: ResolvedRedisSessionOptions): string[] {
  if (isStore(store) || !isRedisClient(redis)) return [];
  return clientWarnings(redis, store.settings.deadline);
}

/** Whether that is a store, and not options of one. */
function isStore(store: RedisSessionOptions['store']): store is SessionStore | ExpressStore {
  return isSessionStore(store) || isExpressStore(store);
}

/** Where the cookie has an idle timeout, `ttl` may be longer than the absolute one; to a store, which knows no cookie, it may not. */
function withinAbsolute(options: StoreOptions): StoreOptions {
  const { ttl = STORE_DEFAULTS.ttl, absoluteTtl } = options;
  return typeof absoluteTtl === 'number' && absoluteTtl < ttl ? { ...options, ttl: absoluteTtl } : options;
}

function optionProblems(options: RedisSessionOptions, production: boolean): string[] {
  if (typeof options !== 'object' || options === null)
    return [`The options must be an object, received ${kindOf(options)}. See the README.`];
  const { redis, session, store, identity, adopt, context } = options;
  const problems = unknownNames('', options, [...GROUPS, ...EXTRAS], ELSEWHERE);
  for (const name of EXTRAS.filter((extra) => extra in options))
    problems.push(`"${name}" must not be in what a factory returns. Put it beside "useFactory", "useClass" or "useExisting".`);
  if (typeof session !== 'object' || session === null)
    problems.push(`"session" must be an object with at least "secret", received ${kindOf(session)}.`);
  // A secret that has signed the cookies of those who move in can't be replaced before they have come.
  else problems.push(...sessionOptionProblems(session, production && !isMove(store)));

  const needsRedis = !isStore(store) && store?.kind !== 'memory';
  if (needsRedis || redis !== undefined) problems.push(...connectionProblems(redis));

  if (store !== undefined && !isStore(store)) {
    if (typeof store !== 'object' || store === null)
      return [...problems, `"store" must be an object, a SessionStore or a store made for express-session, received ${kindOf(store)}.`];
    const { kind, events, migrate, ...storeOptions } = store;
    if (kind !== undefined && !KINDS.includes(kind))
      problems.push(`"store.kind" must be "hash", "connect-redis" or "memory", received ${kindOf(kind)}. Leave it out for "hash".`);
    if (events !== undefined && !SCOPES.includes(events))
      problems.push(`"store.events" must be "local" or "cluster", received ${kindOf(events)}. Leave it out for "local".`);
    else if (events === 'cluster' && kind === 'memory')
      problems.push(
        '"store.events" must not be "cluster" with "store.kind" "memory": there is no Redis to share events through. Leave it out.',
      );
    if (migrate !== undefined) problems.push(...moveProblems(store, session));
    problems.push(...storeOptionProblems(storeOptions, idleOfCookie(session ?? {}), NAMES_IN_STORE));
    if (kind === 'connect-redis') problems.push(...unsupportedByConnectRedis(storeOptions));
    else if (kind !== 'memory' && typeof store.prefix === 'string') problems.push(...prefixProblems(store.prefix, 'store.prefix'));
  }
  if (identity !== undefined && typeof identity !== 'function')
    problems.push(`"identity" must be a function that finds the identity in a session, received ${kindOf(identity)}.`);
  if (adopt !== undefined)
    problems.push(
      ...adopterProblems(adopt),
      ...unableToAdopt(isStore(store) ? store : store?.migrate === undefined ? store?.kind : 'migrate'),
    );
  if (context !== undefined && typeof context !== 'boolean')
    problems.push(`"context" must be true or false, received ${kindOf(context)}. Set it to true to inject SessionContext.`);
  return problems;
}

/** Whether sessions of connect-redis are moved in. */
export function isMove(store: RedisSessionOptions['store']): boolean {
  if (typeof store !== 'object' || store === null || isExpressStore(store)) return false;
  return isSessionStore(store) ? store.migration !== undefined : store.migrate !== undefined;
}

function moveProblems({ kind = 'hash', migrate, ...options }: RedisSessionStoreOptions, session: SessionOptions | undefined): string[] {
  const problems = migrateOptionProblems(migrate, options);
  if (kind !== 'hash')
    problems.push(
      `"store.migrate" must not be set with "store.kind" "${kind}": it makes hashes of what connect-redis keeps. Leave "store.kind" out.`,
    );
  if (session?.name === undefined) problems.push(MISSING_NAME);
  return problems;
}

/** What must be told of sessions that are made from credentials cannot be told by each store. */
export function unableToAdopt(store: SessionStore | ExpressStore | StoreKind | 'migrate' | undefined): string[] {
  const isMigrating = isSessionStore(store) && store.migration !== undefined;
  if (store === 'migrate' || isMigrating)
    return [
      `"adopt" must not be set with ${isMigrating ? 'a store that migrates' : '"store.migrate"'}: a session that is a string cannot remember that its credential was signed out. Finish the move from connect-redis, and set "adopt" then.`,
    ];
  if (store === 'connect-redis')
    return [
      '"adopt" must not be set with "store.kind" "connect-redis": that layout cannot remember which credentials were signed out. Set "store.kind" to "hash".',
    ];
  if (typeof store !== 'object' || (isSessionStore(store) && Sessions.of(store).canAdopt)) return [];
  return [
    '"adopt" must not be set with this store, which cannot remember which credentials were signed out: that takes a SessionStore with "findAdopted" and "index", and not one made for express-session. Use RedisSessionStore, or leave "adopt" out.',
  ];
}

/** What the layout of connect-redis would leave undone without a word, while the application relies on it. */
function unsupportedByConnectRedis({ absoluteTtl, rotateAfter, maxSessionsPerUser, revokeBefore, track }: StoreOptions): string[] {
  const asked = {
    absoluteTtl: absoluteTtl !== undefined && absoluteTtl !== false,
    rotateAfter: rotateAfter !== undefined,
    maxSessionsPerUser: maxSessionsPerUser !== undefined,
    revokeBefore: revokeBefore === true,
    track: track?.ip === true || track?.userAgent === true,
  };
  return Object.entries(asked)
    .filter(([, isAsked]) => isAsked)
    .map(
      ([name]) =>
        `"store.${name}" must not be set with "store.kind" "connect-redis": that layout cannot do it. Leave it out, or set "store.kind" to "hash".`,
    );
}
