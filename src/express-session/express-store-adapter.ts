import type { SessionData as ExpressSessionData, Store } from 'express-session';
import { RedisSessionError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import {
  applyDelta,
  type CookieAttributes,
  type EncodedEntries,
  type EntryDelta,
  type NewSession,
  type SessionRecord,
  type StoredTerms,
} from '../session/session-record.js';
import { sendableCookie } from '../session/store/session-fields.js';
import { answerWithin } from '../session/deadline.js';
import { SYSTEM_CLOCK } from '../session/clock.js';
import type { DestroyedSession, SessionStore, Unusable } from '../session/store/session-store.js';
import { hashedHandleOf, type Sid } from '../session/sid.js';
import type { StoreOptions } from '../session/store/store-options.js';
import { storeSettings, type StoreSettings } from '../session/store/store-settings.js';
import { idleOfWhole, readWhole, wholeOf } from '../session/store/whole-session.js';

/** A store made for express-session. */
export type ExpressStore = Pick<Store, 'get' | 'set' | 'destroy' | 'touch'>;

export function isExpressStore(store: unknown): store is ExpressStore {
  const { get, set, destroy } = Object(store) as Partial<Record<keyof ExpressStore, unknown>>;
  return [get, set, destroy].every((method) => typeof method === 'function');
}

const FOREIGN_DATA: Unusable = { unusable: 'data' };

/** What such a store does not keep. */
const UNKNOWN = {
  createdAt: undefined,
  absoluteEndsAt: undefined,
  userId: undefined,
  authenticatedAt: undefined,
  indexedAt: undefined,
  rotatedAt: undefined,
  device: undefined,
  presented: '',
} as const;

/** What a wrapped store is given beside the options. */
interface Wrapping {
  /** Makes of the store's own errors one that is safe to log. */
  readonly classify?: (error: unknown) => RedisSessionError;
  /** Whether a session is written again, as it was loaded, where the store has no `touch`: what `session.resave` is for there. */
  readonly rewrites?: boolean;
  /** What is wrong with where that store keeps sessions, as {@link SessionStore.inspect} has it. */
  readonly inspect?: NonNullable<SessionStore['inspect']>;
}

/**
 * Keeps sessions in any store that was made for express-session: one value per sid, saved as a whole.
 *
 * Such a store cannot do what the contract asks: the last of two saves wins as a whole, a late save brings an ended session back, there is
 * no absolute timeout, no secret apart from the key and no handle to call a session by, and each request touches.
 */
export class ExpressStoreAdapter implements SessionStore {
  readonly settings: StoreSettings;
  readonly clock = SYSTEM_CLOCK;
  readonly inspect?: NonNullable<SessionStore['inspect']>;
  readonly #writes = new Set<Promise<unknown>>();
  readonly #classify: NonNullable<Wrapping['classify']>;
  readonly #rewrites: boolean;

  readonly #store: ExpressStore;

  constructor(
    store: ExpressStore,
    options: StoreOptions = {},
    { classify = () => new SessionStoreUnavailableError('store'), rewrites = false, inspect }: Wrapping = {},
  ) {
    // It may go by the latest touch alone, and not know when that was.
    this.settings = { ...storeSettings(options), touchAfter: 0 };
    this.#store = store;
    this.#classify = classify;
    this.#rewrites = rewrites;
    if (inspect !== undefined) this.inspect = inspect;
  }

  async find(sid: Sid): Promise<SessionRecord | Unusable | undefined> {
    let data: unknown;
    try {
      // Stores in files say so when there is no such session, and express-session understands them.
      data = await this.#call((done) => this.#store.get(sid, (error, found) => (error?.code === 'ENOENT' ? done() : done(error, found))));
    } catch (error) {
      const isBadData = error instanceof SyntaxError || (error instanceof SessionStoreUnavailableError && error.reason === 'WRONGTYPE');
      if (!isBadData) throw error;
      return FOREIGN_DATA;
    }
    if (data === undefined || data === null) return undefined;
    const whole = readWhole(data, this.settings.serializer);
    if (whole === undefined) return FOREIGN_DATA;
    const { cookie, entries } = whole;
    return {
      ...UNKNOWN,
      handle: hashedHandleOf(sid),
      lastSeenAt: lastSeenBy(cookie, this.clock.now()),
      idle: idleOfWhole(cookie, this.settings),
      cookie: sendableCookie(cookie),
      entries,
      secret: 'current',
    };
  }

  async create(sid: Sid, { entries, terms }: NewSession): Promise<SessionRecord> {
    const now = this.clock.now();
    await this.#set(sid, entries, terms, now);
    return {
      ...UNKNOWN,
      handle: hashedHandleOf(sid),
      lastSeenAt: now,
      idle: terms.idle,
      cookie: terms.cookie,
      entries,
      secret: 'current',
    };
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): Promise<SessionRecord> {
    const entries = applyDelta(record.entries, delta);
    const now = this.clock.now();
    await this.#set(sid, entries, terms, now);
    return { ...record, entries, lastSeenAt: now, cookie: terms.cookie, idle: terms.idle };
  }

  async touch(sid: Sid, record: SessionRecord, terms: StoredTerms): Promise<SessionRecord> {
    const { touch } = this.#store;
    const now = this.clock.now();
    if (touch !== undefined) await this.#write((done) => touch.call(this.#store, sid, this.#data(record.entries, terms, now), done));
    else if (this.#rewrites) await this.#set(sid, record.entries, terms, now);
    return { ...record, lastSeenAt: now, cookie: terms.cookie, idle: terms.idle };
  }

  /** Also a copied session, without looking: between a look and the end others may write all the same. */
  async destroy(sid: Sid): Promise<DestroyedSession> {
    await this.#write((done) => this.#store.destroy(sid, done));
    return { userId: undefined };
  }

  async drain(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #set(sid: Sid, entries: EncodedEntries, terms: StoredTerms, now: number): Promise<void> {
    await this.#write((done) => this.#store.set(sid, this.#data(entries, terms, now), done));
  }

  #data(entries: EncodedEntries, terms: StoredTerms, now: number): ExpressSessionData {
    return wholeOf(entries, terms, now, this.settings.serializer) as ExpressSessionData;
  }

  async #write(call: (done: (error?: unknown) => void) => void): Promise<void> {
    const write = this.#call<void>(call);
    this.#writes.add(write);
    try {
      await write;
    } finally {
      this.#writes.delete(write);
    }
  }

  #call<T>(call: (done: (error?: unknown, value?: T) => void) => void): Promise<T | undefined> {
    const answer = new Promise<T | undefined>((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(error instanceof SyntaxError || error instanceof RedisSessionError ? error : this.#classify(error));
      try {
        call((error, value) => (error === undefined || error === null ? resolve(value) : fail(error)));
      } catch (error) {
        fail(error);
      }
    });
    // Such a store may never call back.
    return answerWithin(this.settings.deadline, answer);
  }
}

/** Such a store keeps only when the cookie expires: `originalMaxAge` after it was last written or touched. */
function lastSeenBy({ expires, originalMaxAge }: CookieAttributes, now: number): number {
  const isKept = typeof originalMaxAge === 'number' && (typeof expires === 'string' || expires instanceof Date);
  const seenAt = isKept ? new Date(expires).getTime() - originalMaxAge : Number.NaN;
  return Number.isNaN(seenAt) ? now : seenAt;
}
