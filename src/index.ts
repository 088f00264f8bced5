export { RedisSessionModule } from './redis-session.module.js';
export type { RedisSessionModuleExtras } from './redis-session.module-definition.js';
export type { RedisSessionOptions, RedisSessionOptionsFactory, ResolvedRedisSessionOptions } from './redis-session.options.js';
export { SESSION_OPTIONS, SESSION_REDIS } from './redis-session.tokens.js';
export {
  CrossOriginError,
  RedisSessionConfigError,
  RedisSessionError,
  SessionConflictError,
  SessionGoneError,
  SessionLimitError,
  SessionMisuseError,
  SessionRefusedError,
  SessionSerializationError,
  SessionStoreUnavailableError,
  SessionUnsupportedError,
} from './redis-session.errors.js';

export { CsrfExempt } from './nest/csrf-exempt.decorator.js';
export { CsrfGuard } from './nest/csrf.guard.js';
export type { CsrfOptions } from './http/csrf/csrf-options.js';
export { FreshLogin } from './nest/fresh-login.decorator.js';
export { Identity } from './nest/identity.decorator.js';
export { InjectSessionOptions, InjectSessionRedis } from './nest/inject.decorators.js';
export { Passive } from './nest/passive.decorator.js';
export { peekSession } from './http/request/peek-session.js';
export { Public } from './nest/public.decorator.js';
export { Roles } from './nest/roles.decorator.js';
export { Session } from './nest/session.decorator.js';
export { SessionContext } from './nest/session-context.js';
export { SessionGuard } from './nest/session.guard.js';
export { SessionSubscriptions, type SubscriptionOptions } from './nest/session-subscriptions.js';
export { SessionHttpException } from './nest/http-exceptions.js';
export { SessionMiddleware } from './nest/session.middleware.js';
export { fromJwt, type JwtPayload, type JwtOptions } from './http/request/from-jwt.js';
export type { Adopter, Credential } from './http/request/adopter.js';
export type { HttpSession, LoginOptions, SessionEntries, SessionMembers } from './http/request/http-session.js';
export type { SessionOptions } from './http/request/session-options.js';

export type { RedisClient } from './redis/client/redis-client.js';
export { RedisEventChannel } from './redis/events/redis-event-channel.js';
export { MigratingSessionStore, type MigratingStoreOptions } from './redis/migration/migrating-session-store.js';
export { RedisSessionStore } from './redis/store/redis-session-store.js';

export { MemorySessionStore } from './session/store/memory-session-store.js';
export type { SessionDiagnostics } from './session/diagnostics.js';
export type { SessionEventMap } from './session/session-event-map.js';
export { SessionEvents } from './session/session-events.js';
export { SessionManager, type SessionInfo, type SessionPage } from './session/session-manager.js';
export type { ConversionProgress, ConversionRun, MigrationPace, SessionMigration, StringCount } from './session/session-migration.js';
export { SessionStore } from './session/store/session-store.js';
export type { MigrateOptions, MigrationPhase } from './session/store/migrate-options.js';
export type { StoreOptions } from './session/store/store-options.js';
export type { Handle } from './session/sid.js';
