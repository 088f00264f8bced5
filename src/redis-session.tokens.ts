import { Inject } from '@nestjs/common';

export const SESSION_REDIS = Symbol('RedisSessionModule: Redis client');
export const SESSION_OPTIONS = Symbol('RedisSessionModule: resolved options');
export const SESSION_ROUTES = Symbol('RedisSessionModule: routes of the middleware');
export const SESSION_CONNECTION = Symbol('RedisSessionModule: Redis connection');

/**
 * Injects the ioredis client of the sessions: `constructor(@InjectSessionRedis() redis: Redis)`. An error where sessions need no Redis.
 *
 * @publicApi
 */
export const InjectSessionRedis = (): PropertyDecorator & ParameterDecorator => Inject(SESSION_REDIS);

/**
 * Injects the options with every default filled in: `constructor(@InjectSessionOptions() options: ResolvedRedisSessionOptions)`.
 *
 * @publicApi
 */
export const InjectSessionOptions = (): PropertyDecorator & ParameterDecorator => Inject(SESSION_OPTIONS);
