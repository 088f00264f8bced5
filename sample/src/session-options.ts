import type { ConfigService } from '@nestjs/config';
import type { MigrationPhase, RedisSessionOptions } from 'nestjs-redis-session';

const HALF_AN_HOUR = 30 * 60 * 1_000;

export function sessionOptions(config: ConfigService): RedisSessionOptions {
  const session = {
    name: 'sid',
    secret: config.getOrThrow<string>('SESSION_SECRET'),
    cookie: { maxAge: HALF_AN_HOUR },
    csrf: true,
  };
  const deadline = config.get<string>('SESSION_DEADLINE');
  const store = {
    ...(deadline === undefined ? {} : { deadline: Number(deadline) }),
    // So that users recognise their devices in the list.
    track: { ip: true, userAgent: true },
    // As many as one looks through; the device that was away for longest makes room.
    maxSessionsPerUser: { limit: 10, policy: 'evict-least-recent' },
  } as const;
  // Memory only when it is asked for: with no REDIS_URL the application does not start.
  if (config.get('SESSION_STORE') === 'memory') return { session, store: { kind: 'memory', ...store } };
  // For as long as sessions of connect-redis are left: 'prepare', then 'convert'.
  const migrate = config.get<MigrationPhase>('SESSION_MIGRATE');
  return { redis: config.get<string>('REDIS_URL'), session, store: { ...store, ...(migrate === undefined ? {} : { migrate }) } };
}
