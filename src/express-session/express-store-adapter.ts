import type { SessionData as ExpressSessionData, Store } from 'express-session';
import { RedisSessionError, SessionStoreUnavailableError, SessionUnsupportedError } from '../redis-session.errors.js';
import {
  applyDelta,
  type CookieAttributes,
  type EncodedEntries,
  type EntryDelta,
  type Terms,
  type NewSession,
  type SessionRecord,
} from '../session/session-record.js';
import { sendableCookie } from '../session/store/session-fields.js';
import { answerWithin } from '../session/deadline.js';
import { SessionStore } from '../session/store/session-store.js';
import { hashedHandleOf, type Handle, type Sid } from '../session/sid.js';
import type { StoreOptions } from '../session/store/store-options.js';

/** A store made for express-session. */
export type ExpressStore = Pick<Store, 'get' | 'set' | 'destroy' | 'touch'>;

export function isExpressStore(store: unknown): store is ExpressStore {
  const { get, set, destroy } = Object(store) as Partial<Record<keyof ExpressStore, unknown>>;
  return [get, set, destroy].every((method) => typeof method === 'function');
}

/** What such a store does not keep. */
const UNKNOWN = {
  userId: undefined,
  authenticatedAt: undefined,
  indexedAt: undefined,
  rotatedAt: undefined,
  device: undefined,
  presented: '',
} as const;

type SessionData = Record<string, unknown> & { cookie?: CookieAttributes };

/** What a wrapped store is given beside the options. */
interface Wrapping {
  /** Makes of the store's own errors one that is safe to log. */
  readonly classify?: (error: unknown) => RedisSessionError;
  /** Whether a session is written again, as it was loaded, where the store has no `touch`: what `session.resave` is for there. */
  readonly rewrites?: boolean;
}

/**
 * Keeps sessions in any store that was made for express-session: one value per sid, saved as a whole.
 *
 * Such a store cannot do what the contract asks: the last of two saves wins as a whole, a late save brings an ended session back, there is
 * no absolute timeout, no secret apart from the key and no handle to call a session by, and each request touches.
 */
export class ExpressStoreAdapter extends SessionStore {
  readonly index = undefined;
  readonly #writes = new Set<Promise<unknown>>();
  readonly #classify: NonNullable<Wrapping['classify']>;
  readonly #rewrites: boolean;

  readonly #store: ExpressStore;

  constructor(
    store: ExpressStore,
    options: StoreOptions = {},
    { classify = () => new SessionStoreUnavailableError('store'), rewrites = false }: Wrapping = {},
  ) {
    super(options);
    this.#store = store;
    this.#classify = classify;
    this.#rewrites = rewrites;
  }

  override handleOf(sid: Sid): Handle {
    return hashedHandleOf(sid);
  }

  override canRotate(): boolean {
    return false;
  }

  async find(sid: Sid): Promise<SessionRecord | undefined> {
    let data: unknown;
    try {
      // Stores in files say so when there is no such session, and express-session understands them.
      data = await this.#call((done) => this.#store.get(sid, (error, found) => (error?.code === 'ENOENT' ? done() : done(error, found))));
    } catch (error) {
      const isBadData = error instanceof SyntaxError || (error instanceof SessionStoreUnavailableError && error.reason === 'WRONGTYPE');
      if (!isBadData) throw error;
      return this.#reject(sid);
    }
    if (data === undefined || data === null) return undefined;
    // What express-session stores always has a cookie; it fails the request when it finds none.
    const { cookie, ...values } = data as SessionData;
    if (typeof cookie !== 'object' || cookie === null) return this.#reject(sid);
    return {
      handle: this.handleOf(sid),
      createdAt: undefined,
      lastSeenAt: lastSeenBy(cookie),
      absoluteEndsAt: undefined,
      ...UNKNOWN,
      idle: typeof cookie.originalMaxAge === 'number' ? cookie.originalMaxAge : this.settings.idle,
      cookie: sendableCookie(cookie),
      entries: this.#encode(values),
      secret: 'current',
    };
  }

  async create(sid: Sid, { entries, terms }: NewSession): Promise<SessionRecord> {
    await this.#set(sid, entries, terms);
    return {
      handle: this.handleOf(sid),
      createdAt: undefined,
      lastSeenAt: Date.now(),
      absoluteEndsAt: undefined,
      ...UNKNOWN,
      idle: terms.idle ?? this.settings.idle,
      cookie: terms.cookie,
      entries,
      secret: 'current',
    };
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: Terms): Promise<SessionRecord> {
    const entries = applyDelta(record.entries, delta);
    await this.#set(sid, entries, terms);
    return { ...record, entries, lastSeenAt: Date.now(), cookie: terms.cookie, idle: terms.idle ?? this.settings.idle };
  }

  async touch(sid: Sid, record: SessionRecord, terms: Terms): Promise<SessionRecord> {
    const { touch } = this.#store;
    if (touch !== undefined) await this.#write((done) => touch.call(this.#store, sid, this.#data(record.entries, terms), done));
    else if (this.#rewrites) await this.#set(sid, record.entries, terms);
    return { ...record, lastSeenAt: Date.now(), cookie: terms.cookie, idle: terms.idle ?? this.settings.idle };
  }

  async rotate(): Promise<never> {
    throw new SessionUnsupportedError('A store made for express-session cannot change the secret of a session: the sid is its key.');
  }

  async increment(): Promise<never> {
    throw new SessionUnsupportedError('A store made for express-session cannot add to an entry: it saves sessions as a whole.');
  }

  async destroy(sid: Sid): Promise<boolean> {
    await this.#write((done) => this.#store.destroy(sid, done));
    return true;
  }

  /** Without looking: between a look and the end others may write all the same. */
  async destroyCopied(_copied: SessionRecord, sid: Sid): Promise<'ended'> {
    await this.destroy(sid);
    return 'ended';
  }

  async describe(): Promise<never> {
    throw byHandle();
  }

  async revoke(): Promise<never> {
    throw byHandle();
  }

  async compareAndSet(): Promise<never> {
    throw byHandle();
  }

  async endBefore(): Promise<never> {
    throw byHandle();
  }

  async now(): Promise<number> {
    return Date.now();
  }

  isRotationDue(): boolean {
    return false;
  }

  isTouchDue(): boolean {
    return true;
  }

  msSinceSeen({ lastSeenAt }: SessionRecord): number {
    return Math.max(0, Date.now() - lastSeenAt);
  }

  async drain(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #set(sid: Sid, entries: EncodedEntries, terms: Terms): Promise<void> {
    await this.#write((done) => this.#store.set(sid, this.#data(entries, terms), done));
  }

  /** The value as express-session writes it. Its expiry is new each time: a store may take the time to live from it. */
  #data(entries: EncodedEntries, { idle, wholeCookie }: Terms): ExpressSessionData {
    const values = Object.fromEntries([...entries].map(([name, text]) => [name, this.settings.serializer.parse(text)]));
    const expires = idle === undefined ? null : new Date(Date.now() + idle);
    return { ...values, cookie: { ...wholeCookie, expires } } as unknown as ExpressSessionData;
  }

  #encode(values: Record<string, unknown>): EncodedEntries {
    const entries = new Map<string, string>();
    for (const [name, value] of Object.entries(values)) {
      const text = this.settings.serializer.stringify(value);
      if (text !== undefined && name !== '__proto__') entries.set(name, text);
    }
    return entries;
  }

  #reject(sid: Sid): undefined {
    this.events.emit('rejected', { handle: this.handleOf(sid), what: 'session' });
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
function lastSeenBy({ expires, originalMaxAge }: CookieAttributes): number {
  const isKept = typeof originalMaxAge === 'number' && (typeof expires === 'string' || expires instanceof Date);
  const seenAt = isKept ? new Date(expires).getTime() - originalMaxAge : Number.NaN;
  return Number.isNaN(seenAt) ? Date.now() : seenAt;
}

function byHandle(): SessionUnsupportedError {
  return new SessionUnsupportedError(
    'A store made for express-session cannot call a session by its handle: the sid is its key. Set "store.kind" to "hash".',
  );
}
