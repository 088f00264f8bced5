import {
  Inject,
  Module,
  Scope,
  type DynamicModule,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { isExpressStore } from './express-session/express-store-adapter.js';
import { sessionStoreOf } from './express-session/express-store-facade.js';
import { FastifySessions } from './fastify/fastify-sessions.js';
import { CsrfGuard } from './nest/csrf.guard.js';
import { endEventStreams } from './nest/event-streams.js';
import { toHttpException } from './nest/http-exceptions.js';
import { openPassiveGuard } from './nest/passive.guard.js';
import { ownSessionMiddleware } from './nest/own-session.middleware.js';
import { refusalMiddleware } from './nest/refusal-middleware.js';
import { SessionAnswerFilter } from './nest/session-answer.filter.js';
import { SessionContext } from './nest/session-context.js';
import { SessionGuard } from './nest/session.guard.js';
import { SessionSubscriptions } from './nest/session-subscriptions.js';
import { SessionMiddleware } from './nest/session.middleware.js';
import { SessionLog } from './nest/session-log.js';
import { keepRuntime } from './http/request/runtime-owners.js';
import { adopterWarning } from './http/request/adopter.js';
import { shortSecretWarning, suspectTimes, ttlGivenTo } from './http/request/session-option-problems.js';
import { SessionRuntime } from './http/request/session-runtime.js';
import { RedisSessionConfigError, SessionUnsupportedError } from './redis-session.errors.js';
import {
  ALL_ROUTES,
  ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  GivenOptions,
  MODULE_OPTIONS_TOKEN,
  OPTIONS_TYPE,
  type SessionRoutes,
} from './redis-session.module-definition.js';
import {
  isMove,
  productionWarnings,
  resolveOptions,
  settingsWarnings,
  type RedisSessionOptions,
  type ResolvedRedisSessionOptions,
} from './redis-session.options.js';
import { FastifyMount, isFastify } from './redis-session.fastify.js';
import { openHandler } from './redis-session.handlers.js';
import { eventChannelOf, openStore, locationOf } from './redis-session.stores.js';
import { SESSION_CONNECTION, SESSION_HANDLER, SESSION_OPTIONS, SESSION_REDIS, SESSION_ROUTES } from './redis-session.tokens.js';
import { isRefusedByGlobalGuard, servedByBoth } from './redis-session.routes.js';
import { openRedis, type OpenRedis } from './redis/client/redis-client.js';
import type { RedisEventChannel } from './redis/events/redis-event-channel.js';
import { answerWithin } from './session/deadline.js';
import { kindOf } from './session/option-checks.js';
import { SessionEvents } from './session/session-events.js';
import { SessionManager, UNSEEN_STRINGS } from './session/session-manager.js';
import { Sessions } from './session/sessions.js';
import { isSessionStore, SessionStore } from './session/store/session-store.js';
import { suspectTtl } from './session/store/store-option-problems.js';
import { warnOnce } from './session/warn-once.js';

/** What takes the place of options where the module is imported as it is. */
const WITHOUT_OPTIONS: Provider[] = [
  {
    provide: MODULE_OPTIONS_TOKEN,
    useFactory: () => {
      throw new RedisSessionConfigError([
        'RedisSessionModule must be imported with options, and was imported as it is. Write RedisSessionModule.forRoot({ … }) or RedisSessionModule.forRootAsync({ … }) in "imports". Other modules see it without importing it, unless "isGlobal" is false.',
      ]);
    },
  },
  { provide: SESSION_ROUTES, useValue: { isGlobal: false, globalGuard: false, exclude: [], forRoutes: [] } satisfies SessionRoutes },
];

const providers: Provider[] = [
  ...WITHOUT_OPTIONS,
  SessionLog,
  SessionGuard,
  CsrfGuard,
  SessionContext,
  SessionSubscriptions,
  SessionMiddleware,
  {
    provide: SESSION_OPTIONS,
    inject: [MODULE_OPTIONS_TOKEN, SessionLog],
    useFactory: (given: RedisSessionOptions | GivenOptions, log: SessionLog) => {
      const options = GivenOptions.of(given);
      const production = process.env['NODE_ENV'] === 'production';
      const resolved = resolveOptions(options, production);
      const warning = shortSecretWarning(options.session, isMove(options.store));
      const warnings = [warning, adopterWarning(options.adopt), ...hardlyMeant(options), ...settingsWarnings(resolved)];
      for (const one of warnings) if (one !== undefined) warnOnce(log.warn, one);
      if (production) for (const risk of productionWarnings(resolved)) log.warn(risk);
      return resolved;
    },
  },
  {
    provide: SESSION_CONNECTION,
    inject: [SESSION_OPTIONS, SessionLog],
    useFactory: ({ redis }: ResolvedRedisSessionOptions, log: SessionLog) =>
      redis === undefined ? null : openRedis(redis, log.warn, 'later'),
  },
  {
    provide: SESSION_REDIS,
    // Transient, so that it is made only where it is injected, and an application without Redis fails only there.
    scope: Scope.TRANSIENT,
    inject: [SESSION_CONNECTION],
    useFactory: (connection: OpenRedis | null) => {
      if (connection === null)
        throw new SessionUnsupportedError(
          'There is no Redis client to inject: the sessions of this application are kept without Redis. Set the option "redis", and no "store.kind" but "hash" or "connect-redis".',
        );
      return connection.client;
    },
  },
  {
    provide: SessionStore,
    inject: [SESSION_OPTIONS, SESSION_CONNECTION, SessionLog],
    useFactory: (options: ResolvedRedisSessionOptions, connection: OpenRedis | null, log: SessionLog) =>
      openStore(options, connection, log),
  },
  {
    provide: SessionManager,
    inject: [SessionStore, SessionLog],
    useFactory: (store: SessionStore, log: SessionLog) => {
      // Before it says so itself, where nobody may look.
      if (store.migration?.phase === 'prepare') warnOnce(log.warn, UNSEEN_STRINGS);
      return new SessionManager(store);
    },
  },
  {
    provide: SessionEvents,
    inject: [SessionStore],
    useFactory: (store: SessionStore) => SessionEvents.of(store),
  },
  {
    provide: SessionRuntime,
    inject: [SessionStore, SESSION_OPTIONS, SessionLog],
    useFactory: (store: SessionStore, options: ResolvedRedisSessionOptions, log: SessionLog) =>
      new SessionRuntime({
        sessions: Sessions.of(store),
        settings: options.session,
        translate: toHttpException,
        findIdentity: options.identity,
        adopt: options.adopt,
        warn: log.warn,
        location: locationOf(options),
        sessionStore: isExpressStore(options.store) ? options.store : undefined,
        hasContext: options.context,
      }),
  },
  {
    provide: FastifySessions,
    inject: [SessionRuntime],
    useFactory: (runtime: SessionRuntime) => new FastifySessions(runtime, sessionStoreOf(runtime)),
  },
  { provide: SESSION_HANDLER, inject: [SessionRuntime, FastifySessions, HttpAdapterHost], useFactory: openHandler },
  // The first of them, since a request that another one refuses may be passive too.
  { provide: APP_GUARD, inject: [SessionRuntime, ModulesContainer], useFactory: openPassiveGuard },
  {
    provide: APP_GUARD,
    inject: [SESSION_OPTIONS, CsrfGuard],
    // Nest skips a global guard that is null, so where the option is off no request pays for it.
    useFactory: ({ session }: ResolvedRedisSessionOptions, guard: CsrfGuard) => (session.csrf.everywhere ? guard : null),
  },
  {
    provide: APP_GUARD,
    inject: [SESSION_ROUTES, SessionGuard],
    useFactory: ({ globalGuard }: SessionRoutes, guard: SessionGuard) => (globalGuard ? guard : null),
  },
];

/** Before Nest takes them apart, which fails in words of its own. */
function checkGiven(method: string, options: unknown, example: string): void {
  if (typeof options !== 'object' || options === null)
    throw new RedisSessionConfigError([
      `RedisSessionModule.${method}() must be given an object of options, received ${kindOf(options)}. Write something like RedisSessionModule.${method}(${example}).`,
    ]);
}

/** Before a store is made, which would tell of its own time to whoever listens to the process. */
function hardlyMeant({ session, store = {} }: RedisSessionOptions): (string | undefined)[] {
  if (isSessionStore(store)) return suspectTimes(session, ttlGivenTo(store));
  if (isExpressStore(store)) return suspectTimes(session);
  return [suspectTtl(store), ...suspectTimes(session, store.ttl)];
}

/** Which routes have a session. */
function servedRoutes({ exclude, forRoutes }: SessionRoutes): 'all' | 'some' | 'none' {
  if (forRoutes.length === 0) return 'none';
  return exclude.length === 0 && forRoutes === ALL_ROUTES ? 'all' : 'some';
}

/** The types of adapters that hand errors from one middleware to the next, in the order in which they were mounted. */
const ROUTED_LIKE_EXPRESS: readonly (string | undefined)[] = ['express', 'node'];

interface ServedModule {
  readonly runtime: SessionRuntime;
  readonly routes: SessionRoutes;
}

function globalGuardBesideOthers(): RedisSessionConfigError {
  return new RedisSessionConfigError([
    '"globalGuard" must not be true in an application with several RedisSessionModules: the guard serves only the sessions of its own module, and would refuse the routes of the others. Leave it out, and put @UseGuards(SessionGuard) on the controllers of each module.',
  ]);
}

/** By application, the modules that serve its routes. */
const serving = new WeakMap<object, ServedModule[]>();

/**
 * HTTP sessions in Redis. Import it in the root module:
 *
 * ```ts
 * RedisSessionModule.forRoot({ redis: 'redis://127.0.0.1:6379', session: { secret } })
 * ```
 *
 * It mounts the session middleware before that of other modules. You can inject `SessionStore`, `SessionManager`, `SessionEvents`,
 * `SessionGuard`, `CsrfGuard`, `SessionContext`, `SessionMiddleware`, the Redis client (`@InjectSessionRedis()`) and the options (`@InjectSessionOptions()`).
 * On shutdown it waits for writes under way and closes the client that it made.
 *
 * @publicApi
 */
@Module({
  providers,
  exports: [
    SessionStore,
    SessionManager,
    SessionEvents,
    SessionGuard,
    CsrfGuard,
    SessionContext,
    SessionSubscriptions,
    SessionMiddleware,
    SessionRuntime,
    SESSION_HANDLER,
    SESSION_REDIS,
    SESSION_OPTIONS,
  ],
})
export class RedisSessionModule
  extends ConfigurableModuleClass
  implements NestModule, OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown
{
  readonly #unwatch: () => void;
  readonly #channel: RedisEventChannel | undefined;

  readonly #sessions: Sessions;
  readonly #connection: OpenRedis | null;
  readonly #routes: SessionRoutes;
  readonly #runtime: SessionRuntime;
  readonly #middleware: SessionMiddleware;
  readonly #adapterHost: HttpAdapterHost;
  readonly #log: SessionLog;
  readonly #modules: ModulesContainer;
  readonly #fastify: FastifyMount;

  constructor(
    store: SessionStore,
    @Inject(SESSION_CONNECTION) connection: OpenRedis | null,
    @Inject(SESSION_OPTIONS) options: ResolvedRedisSessionOptions,
    @Inject(SESSION_ROUTES) routes: SessionRoutes,
    runtime: SessionRuntime,
    middleware: SessionMiddleware,
    adapterHost: HttpAdapterHost,
    log: SessionLog,
    config: ApplicationConfig,
    // By no other type: the declarations that applications compile with must not need those of Fastify.
    @Inject(FastifySessions) fastify: object,
    modules: ModulesContainer,
  ) {
    super();
    this.#sessions = Sessions.of(store);
    this.#connection = connection;
    this.#routes = routes;
    this.#runtime = runtime;
    this.#middleware = middleware;
    this.#adapterHost = adapterHost;
    this.#log = log;
    this.#modules = modules;
    config.addGlobalFilter(new SessionAnswerFilter(adapterHost, this.#sessions.settings.logError));
    this.#unwatch = log.watch(this.#sessions.events);
    this.#channel = eventChannelOf(options, store, connection, log.warn);
    this.#fastify = new FastifyMount(adapterHost, fastify as FastifySessions, servedRoutes(routes));
  }

  /** With options at hand. See {@link RedisSessionModule}. If the options are wrong, the start fails with `RedisSessionConfigError`. */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    checkGiven('forRoot', options, '{ redis: "redis://localhost:6379", session: { secret } }');
    return super.forRoot(options);
  }

  /**
   * With options from other providers:
   *
   * ```ts
   * RedisSessionModule.forRootAsync({ inject: [ConfigService], useFactory: (config: ConfigService) => ({ redis: …, session: { secret: … } }) })
   * ```
   *
   * If the options are wrong, the start fails with `RedisSessionConfigError`.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkGiven('forRootAsync', options, '{ inject: [ConfigService], useFactory: (config) => ({ redis: …, session: { secret: … } }) }');
    return super.forRootAsync(options);
  }

  configure(consumer: MiddlewareConsumer): void {
    const { isGlobal, exclude, forRoutes } = this.#routes;
    const { httpAdapter } = this.#adapterHost;
    endEventStreams(this.#modules);
    const servesAll = servedRoutes(this.#routes) === 'all' && httpAdapter !== undefined;
    if (httpAdapter !== undefined) this.#lookAtOthers(httpAdapter);
    this.#fastify.check();
    // Its hook loads the session before everything else.
    if (servesAll && isFastify(httpAdapter)) return;
    if (servesAll && isGlobal) {
      // Where every route has a session there is no route to match, which costs more than reading the session's cookie.
      httpAdapter.use(this.#middleware.use);
      return;
    }
    consumer
      .apply(SessionMiddleware, ...(servesAll ? [] : [ownSessionMiddleware(this.#runtime)]))
      .exclude(...exclude)
      .forRoutes(...forRoutes);
  }

  /** A request has the session of one of them, whichever module its handler is in. */
  #lookAtOthers(httpAdapter: object): void {
    const runtime = this.#runtime;
    keepRuntime(httpAdapter, runtime);
    const others = serving.get(httpAdapter) ?? [];
    serving.set(httpAdapter, [...others, { runtime, routes: this.#routes }]);
    for (const other of others) {
      if (runtime.isSameAs(other.runtime)) continue;
      if (isRefusedByGlobalGuard(this.#routes, other.routes)) throw globalGuardBesideOthers();
      const both = servedByBoth(this.#routes, other.routes);
      if (both === undefined) continue;
      const cookies = [other.runtime, runtime].map(({ settings: { name } }) => JSON.stringify(name)).join(' and ');
      warnOnce(
        this.#log.warn,
        `Two RedisSessionModules serve ${both}, with the cookies ${cookies}. A request has the session of only one of them, whichever module its handler is in. Give one "forRoutes", and put the same routes into "exclude" of the other.`,
      );
    }
  }

  /** Not earlier: an application that cannot be put together is never closed, and would be kept alive by a connection. */
  onModuleInit(): void {
    this.#connection?.connect();
    this.#channel?.open();
  }

  /** Not earlier: it is for what Nest's own error handler, mounted by then, leaves. */
  onApplicationBootstrap(): void {
    const { httpAdapter } = this.#adapterHost;
    if (ROUTED_LIKE_EXPRESS.includes(httpAdapter?.getType())) httpAdapter.use(refusalMiddleware);
    this.#fastify.checkHook();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#unwatch();
    this.#sessions.store.migration?.stop();
    const { deadline } = this.#sessions.settings;
    // A store that does not answer within the deadline must not keep the application from ending.
    await answerWithin(deadline, this.#sessions.drain()).catch(() => undefined);
    await this.#channel?.close();
    await this.#connection?.close(deadline);
  }
}
