import { Injectable, Module, RequestMethod, type ExecutionContext } from '@nestjs/common';
import type { Redis } from 'ioredis';
import {
  fromJwt,
  InjectSessionOptions,
  InjectSessionRedis,
  RedisSessionModule,
  SessionGuard,
  SessionStore,
  type Identity,
  type RedisSessionOptions,
  type RedisSessionOptionsFactory,
  type ResolvedRedisSessionOptions,
} from 'nestjs-redis-session';
import './augmentations.js';

@Injectable()
class Config implements RedisSessionOptionsFactory {
  readonly values: Record<string, string> = {};

  createRedisSessionOptions(): RedisSessionOptions {
    return { redis: { host: 'localhost', port: 6379 }, session: { secret: this.values['SECRET'] ?? '' } };
  }
}

@Injectable()
export class StaffGuard extends SessionGuard {
  protected override authorize(identity: Identity, _context: ExecutionContext): boolean {
    return identity.roles.includes('staff');
  }
}

@Injectable()
export class Service {
  constructor(
    @InjectSessionRedis() readonly redis: Redis,
    @InjectSessionOptions() readonly options: ResolvedRedisSessionOptions,
    readonly store: SessionStore,
  ) {}
}

@Module({
  imports: [
    RedisSessionModule.forRoot({ redis: 'redis://localhost', session: { secret: 's' }, exclude: ['health'], isGlobal: false }),
    RedisSessionModule.forRootAsync({
      inject: [Config],
      useFactory: (config: Config) => ({
        redis: config.values['REDIS_URL'],
        session: { secret: config.values['SECRET'] ?? '', cookie: { sameSite: 'lax', maxAge: 1_800_000 }, rolling: 'touch' },
        store: { prefix: 'shop:', absoluteTtl: false },
        identity: (session) => session.passport?.user,
      }),
      forRoutes: [{ path: 'shop', method: RequestMethod.ALL }],
    }),
    RedisSessionModule.forRoot({
      redis: 'redis://localhost',
      session: { secret: 's' },
      adopt: fromJwt({
        verify: (token) => ({ sub: token, roles: ['staff'] }),
        until: new Date(0),
        identity: ({ sub, roles }) => ({ id: sub, roles }),
      }),
    }),
    RedisSessionModule.forRoot({
      redis: 'redis://localhost',
      session: { secret: 's' },
      // @ts-expect-error of a token alone nobody knows the roles that the application declares
      adopt: fromJwt({ verify: (token) => ({ sub: token }), until: new Date(0) }),
    }),
    RedisSessionModule.forRootAsync({ useClass: Config }),
    RedisSessionModule.forRootAsync({ useExisting: Config, isGlobal: false }),
    // @ts-expect-error no such option
    RedisSessionModule.forRoot({ redis: 'redis://localhost', session: { secret: 's', maxAge: 1 } }),
    // @ts-expect-error the secret is needed
    RedisSessionModule.forRoot({ redis: 'redis://localhost', session: {} }),
    // @ts-expect-error an identity has what the application declares of it
    RedisSessionModule.forRoot({ redis: 'redis://localhost', session: { secret: 's' }, identity: () => ({ id: 1 }) }),
  ],
})
export class AppModule {}
