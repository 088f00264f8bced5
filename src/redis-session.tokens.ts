/**
 * The Redis client of the sessions, one of ioredis unless you gave another, for factories (`inject: [SESSION_REDIS]`) and tests (`overrideProvider(SESSION_REDIS)`). Throws if
 * your sessions need no Redis.
 *
 * @publicApi
 */
export const SESSION_REDIS = Symbol('RedisSessionModule: Redis client');

/**
 * The options with every default filled in, a `ResolvedRedisSessionOptions`, for factories: `inject: [SESSION_OPTIONS]`.
 *
 * @publicApi
 */
export const SESSION_OPTIONS = Symbol('RedisSessionModule: resolved options');

export const SESSION_ROUTES = Symbol('RedisSessionModule: routes of the middleware');
export const SESSION_HANDLER = Symbol('RedisSessionModule: session middleware');
export const SESSION_CONNECTION = Symbol('RedisSessionModule: Redis connection');
