export { RedisSessionModule } from './redis-session.module.js';
export type { RedisSessionModuleExtras } from './redis-session.module-definition.js';
export type {
  EventScope,
  RedisSessionOptions,
  RedisSessionOptionsFactory,
  RedisSessionStoreOptions,
  ResolvedRedisSessionOptions,
  StoreKind,
} from './redis-session.options.js';
export { InjectSessionOptions, InjectSessionRedis, SESSION_OPTIONS, SESSION_REDIS } from './redis-session.tokens.js';
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

export { CsrfExempt } from './http/csrf-exempt.decorator.js';
export { CsrfGuard } from './http/csrf.guard.js';
export type { CsrfOptions, CsrfSettings } from './http/csrf-options.js';
export { FreshLogin } from './http/fresh-login.decorator.js';
export { Identity } from './http/identity.decorator.js';
export { peekSession } from './http/peek-session.js';
export { Public } from './http/public.decorator.js';
export { Roles } from './http/roles.decorator.js';
export { Session } from './http/session.decorator.js';
export { SessionGuard } from './http/session.guard.js';
export { SessionHttpException, type SessionHttpExceptionDetails } from './http/http-exceptions.js';
export { SessionMiddleware } from './http/session.middleware.js';
export type { HttpSession, LoginOptions, SessionCallback, SessionEntries, SessionMembers } from './http/http-session.js';
export type { SessionCookieOptions, SessionOptions, SessionSettings } from './http/session-options.js';
export type { IdentityFinder } from './http/session-runtime.js';

export type { RedisClient, RedisConnection } from './redis/redis-client.js';
export { RedisEventChannel } from './redis/redis-event-channel.js';
export { RedisSessionStore } from './redis/redis-session-store.js';

export { MemorySessionStore } from './session/memory-session-store.js';
export { SessionEvents, type SessionEvent, type SessionEventMap, type SessionEventName } from './session/session-events.js';
export {
  SessionIndex,
  type Confirmation,
  type Fence,
  type FenceOptions,
  type IndexedAt,
  type IndexedSession,
  type IndexPage,
  type IndexRange,
  type Reservation,
} from './session/session-index.js';
export { SessionManager, type ListOptions, type SessionInfo, type SessionPage } from './session/session-manager.js';
export { SessionStore, type Revocation, type RotateOptions } from './session/session-store.js';
export type { EntrySerializer, SessionsPerUser, StoreOptions, TrackOptions } from './session/store-options.js';
export type { StoreSettings } from './session/store-settings.js';
export type {
  CookieAttributes,
  Device,
  EncodedEntries,
  EndedSession,
  EntryDelta,
  Lease,
  NewSession,
  SecretState,
  SessionFacts,
  SessionRecord,
} from './session/session-record.js';
export type { Handle, Sid } from './session/sid.js';
