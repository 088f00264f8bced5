import { ConfigurableModuleBuilder, RequestMethod, type MiddlewareConsumer, type Provider } from '@nestjs/common';
import { SESSION_ROUTES } from './redis-session.tokens.js';
import type { RedisSessionOptions } from './redis-session.options.js';

type Apply = ReturnType<MiddlewareConsumer['apply']>;

/**
 * Where the module is visible, and where its middleware and its guard run.
 *
 * @publicApi
 */
export interface RedisSessionModuleExtras {
  /**
   * Whether all modules see the providers without importing this one, and the session middleware runs before theirs.
   *
   * @default true
   */
  isGlobal?: boolean | undefined;
  /**
   * Puts `SessionGuard` before every handler of the application; open single handlers with `@Public()`. Not in an application with several
   * `RedisSessionModule`s: a guard serves only the sessions of its own module.
   *
   * @daily
   * @default false
   */
  globalGuard?: boolean | undefined;
  /**
   * Routes without a session, as `MiddlewareConsumer.exclude()` takes them.
   *
   * @daily
   * @default []
   */
  exclude?: Parameters<Apply['exclude']> | undefined;
  /**
   * Routes with a session, as `MiddlewareConsumer.forRoutes()` takes them.
   *
   * @default all
   */
  forRoutes?: Parameters<Apply['forRoutes']> | undefined;
}

/** The same with the defaults filled in. */
export type SessionRoutes = { readonly [Name in keyof RedisSessionModuleExtras]-?: NonNullable<RedisSessionModuleExtras[Name]> };

/** Under a global prefix, many releases of Nest 11 and 12 mount a wildcard below the prefix and not on the prefix itself. */
export const ALL_ROUTES: SessionRoutes['forRoutes'] = ['{*path}', { path: '/', method: RequestMethod.ALL }];

/** The options as they were given, out of sight of who prints the dynamic module. Nest may tell modules apart by what they print. */
export class GivenOptions {
  static #count = 0;
  readonly #options: RedisSessionOptions;
  readonly #number = ++GivenOptions.#count;

  constructor(options: RedisSessionOptions) {
    this.#options = options;
  }

  static of(given: RedisSessionOptions | GivenOptions): RedisSessionOptions {
    return given instanceof GivenOptions ? given.#options : given;
  }

  toJSON(): string {
    return `options ${this.#number}`;
  }
}

function outOfSight(provider: Provider): Provider {
  const isOptions = 'useValue' in provider && provider.provide === MODULE_OPTIONS_TOKEN;
  return isOptions ? { provide: MODULE_OPTIONS_TOKEN, useValue: new GivenOptions(provider.useValue as RedisSessionOptions) } : provider;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RedisSessionOptions>({ moduleName: 'RedisSession' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRedisSessionOptions')
    .setExtras<RedisSessionModuleExtras>(
      { isGlobal: true, globalGuard: false, exclude: [], forRoutes: ALL_ROUTES },
      (definition, { isGlobal, globalGuard, exclude, forRoutes }) => {
        const routes: SessionRoutes = {
          isGlobal: isGlobal ?? true,
          globalGuard: globalGuard ?? false,
          exclude: exclude ?? [],
          forRoutes: forRoutes ?? ALL_ROUTES,
        };
        return {
          ...definition,
          global: routes.isGlobal,
          providers: [...(definition.providers ?? []).map(outOfSight), { provide: SESSION_ROUTES, useValue: routes }],
        };
      },
    )
    .build();
