export { hashedHandleOf, handleOf, secretHashOf, type Handle, type Sid } from './session/sid.js';
export { storeContract, type StoreContractCase } from './session/store/store-contract.js';
export type {
  Confirmation,
  Fence,
  FenceOptions,
  IndexedAt,
  IndexedSession,
  IndexPage,
  IndexRange,
  Reservation,
  SessionIndex,
} from './session/store/session-index.js';
export {
  SessionStore,
  type DestroyedSession,
  type Revocation,
  type RotateOptions,
  type Rotation,
  type StoreClock,
  type StoreProblem,
  type Unusable,
} from './session/store/session-store.js';
export type { SessionMigration } from './session/session-migration.js';
export type { EntrySerializer, SessionsPerUser, StoreOptions, TrackOptions } from './session/store/store-options.js';
export { storeSettings, type StoreSettings } from './session/store/store-settings.js';
export type {
  CookieAttributes,
  Device,
  EncodedEntries,
  EndedSession,
  EntryDelta,
  NewSession,
  SecretState,
  SessionFacts,
  SessionRecord,
  StoredTerms,
} from './session/session-record.js';
export { SessionStoreUnavailableError } from './redis-session.errors.js';
