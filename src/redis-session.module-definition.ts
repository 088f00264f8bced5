import { ConfigurableModuleBuilder, RequestMethod, type MiddlewareConsumer } from '@nestjs/common';
import { SESSION_ROUTES } from './redis-session.tokens.js';
import type { RedisSessionOptions } from './redis-session.options.js';

type Apply = ReturnType<MiddlewareConsumer['apply']>;

/**
 * Where the module is visible and where its middleware runs.
 *
 * @publicApi
 */
export interface RedisSessionModuleExtras {
  /**
   * Whether every module sees the providers without importing this one, and the session middleware runs before that of others.
   *
   * @default true
   */
  isGlobal?: boolean | undefined;
  /**
   * Routes without a session, as `MiddlewareConsumer.exclude()` takes them.
   *
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

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<RedisSessionOptions>({ moduleName: 'RedisSession' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createRedisSessionOptions')
    .setExtras<RedisSessionModuleExtras>(
      { isGlobal: true, exclude: [], forRoutes: ALL_ROUTES },
      (definition, { isGlobal, exclude, forRoutes }) => {
        const routes: SessionRoutes = { isGlobal: isGlobal ?? true, exclude: exclude ?? [], forRoutes: forRoutes ?? ALL_ROUTES };
        return {
          ...definition,
          global: routes.isGlobal,
          providers: [...(definition.providers ?? []), { provide: SESSION_ROUTES, useValue: routes }],
        };
      },
    )
    .build();
