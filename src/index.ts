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

export { CsrfExempt } from './nest/csrf-exempt.decorator.js';
export { CsrfGuard } from './nest/csrf.guard.js';
export type { CsrfOptions, CsrfSettings } from './http/csrf/csrf-options.js';
export { FreshLogin } from './nest/fresh-login.decorator.js';
export { Identity } from './nest/identity.decorator.js';
export { peekSession } from './http/request/peek-session.js';
export { Public } from './nest/public.decorator.js';
export { Roles } from './nest/roles.decorator.js';
export { Session } from './nest/session.decorator.js';
export { SessionGuard } from './nest/session.guard.js';
export { SessionHttpException, type SessionHttpExceptionDetails } from './nest/http-exceptions.js';
export { SessionMiddleware } from './nest/session.middleware.js';
export type { HttpSession, LoginOptions, SessionCallback, SessionEntries, SessionMembers } from './http/request/http-session.js';
export type { SessionCookieOptions, SessionOptions, SessionSettings } from './http/request/session-options.js';
export type { IdentityFinder } from './http/request/session-runtime.js';

export type { RedisClient, RedisConnection } from './redis/client/redis-client.js';
export { RedisEventChannel } from './redis/events/redis-event-channel.js';
export { RedisSessionStore } from './redis/store/redis-session-store.js';

export { MemorySessionStore } from './session/store/memory-session-store.js';
export { SessionEvents, type SessionEvent, type SessionEventMap, type SessionEventName } from './session/session-events.js';
export type {
  SessionIndex,
  Confirmation,
  Fence,
  FenceOptions,
  IndexedAt,
  IndexedSession,
  IndexPage,
  IndexRange,
  Reservation,
} from './session/store/session-index.js';
export { SessionManager, type ListOptions, type SessionInfo, type SessionPage } from './session/session-manager.js';
export { SessionStore, type Revocation, type RotateOptions } from './session/store/session-store.js';
export type { EntrySerializer, SessionsPerUser, StoreOptions, TrackOptions } from './session/store/store-options.js';
export type { StoreSettings } from './session/store/store-settings.js';
export type {
  CookieAttributes,
  Device,
  EncodedEntries,
  EndedSession,
  EntryDelta,
  Terms,
  NewSession,
  SecretState,
  SessionFacts,
  SessionRecord,
} from './session/session-record.js';
export type { Handle, Sid } from './session/sid.js';
