import { Inject } from '@nestjs/common';
import { SESSION_OPTIONS, SESSION_REDIS } from '../redis-session.tokens.js';

/**
 * Injects {@link SESSION_REDIS}: `constructor(@InjectSessionRedis() redis: Redis)`.
 *
 * @publicApi
 */
export const InjectSessionRedis = (): PropertyDecorator & ParameterDecorator => Inject(SESSION_REDIS);

/**
 * Injects {@link SESSION_OPTIONS}: `constructor(@InjectSessionOptions() options: ResolvedRedisSessionOptions)`.
 *
 * @publicApi
 */
export const InjectSessionOptions = (): PropertyDecorator & ParameterDecorator => Inject(SESSION_OPTIONS);
