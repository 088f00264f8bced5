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
  type CrossOriginReason,
  type RedisSessionErrorCode,
} from './redis-session.errors.js';
export type { ExpressStore } from './express-session/express-store-adapter.js';
export type { CsrfOptions } from './http/csrf/csrf-options.js';
export type { Http2SessionHandler, NodeRequest, SessionHandler } from './http/request/session-handler.js';
export { RedisEventChannel } from './redis/events/redis-event-channel.js';
export { MigratingSessionStore, type MigratingStoreOptions } from './redis/migration/migrating-session-store.js';
export { RedisSessionStore } from './redis/store/redis-session-store.js';
export type { SessionDiagnostics } from './session/diagnostics.js';
export { SessionEvents } from './session/session-events.js';
export { MemorySessionStore } from './session/store/memory-session-store.js';
export { SessionManager, type ListOptions, type SessionInfo, type SessionPage } from './session/session-manager.js';
export type { SessionMigration } from './session/session-migration.js';
export { SessionStore } from './session/store/session-store.js';
export type { StoreOptions } from './session/store/store-options.js';
export { fromJwt, type JwtPayload, type JwtOptions } from './http/request/from-jwt.js';
export type { Adopter, Credential } from './http/request/adopter.js';
export type { HttpSession, LoginOptions, SessionEntries } from './http/request/http-session.js';
export { peekSession } from './http/request/peek-session.js';
export { sessionOf } from './http/request/session-of.js';
export type { Identity } from './nest/identity.decorator.js';
export type { IdentityFinder } from './http/request/session-runtime.js';
export { csrfMiddleware, sessionMiddleware } from './redis-session.node.js';
export type { SessionMiddlewareOptions } from './redis-session.without-nest.js';
