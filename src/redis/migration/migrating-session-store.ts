import { RedisSessionConfigError, SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { absoluteOf, idleOf, LONGEST_STRETCH, LONGEST_TIME } from '../../session/lifetime.js';
import {
  applyDelta,
  isEnded,
  latestEnd,
  LONG_AGO,
  type EncodedEntries,
  type EndedSession,
  type EntryDelta,
  type NewSession,
  type SessionFacts,
  type SessionRecord,
  type StoredTerms,
} from '../../session/session-record.js';
import { handleOf, isOurForm, secretHashOf, type Handle, type Sid } from '../../session/sid.js';
import { tellConverted } from '../../session/diagnostics.js';
import { endOne } from '../../session/indexed-sessions.js';
import { Sessions } from '../../session/sessions.js';
import {
  migrateOptionProblems,
  resolveMigrateOptions,
  type EntryFinder,
  type MigrateOptions,
  type MigrateSettings,
  type MigrationPhase,
} from '../../session/store/migrate-options.js';
import { decodeTombstone, encodeCookie, fieldOfEntry, sendableCookie, storableCookie } from '../../session/store/session-fields.js';
import {
  DEFAULT_REASON,
  TOMBSTONE_MS,
  type DestroyedSession,
  type Revocation,
  type RotateOptions,
  type Rotation,
  type SessionStore,
  type StoreClock,
  type StoreProblem,
  type Unusable,
} from '../../session/store/session-store.js';
import type { StoreOptions } from '../../session/store/store-options.js';
import type { StoreSettings } from '../../session/store/store-settings.js';
import { idleOfWhole } from '../../session/store/whole-session.js';
import type { RedisClient } from '../client/redis-client.js';
import { isWrongType, toStoreError } from '../client/redis-errors.js';
import { TAKEN } from '../store/redis-writer.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { RedisHash } from '../store/redis-loads.js';
import { isFarTooLarge, partsOf, RedisSessionStore, type RedisStoreParts } from '../store/redis-session-store.js';
import { MigratingIndex } from './migrating-index.js';
import { RedisStrings, type StringValue } from './redis-strings.js';
import { StringCodec, type StringSession } from './string-codec.js';
import { StringMigration, type StringOutcome, type StringState } from './string-migration.js';

/** Options of a {@link MigratingSessionStore}. */
export interface MigratingStoreOptions extends StoreOptions {
  /** The phase, or also where connect-redis keeps its sessions. */
  migrate: MigrationPhase | MigrateOptions;
  /**
   * Where the identity is found, for applications that keep it elsewhere: the same function that the middleware has.
   *
   * @default the entry `identity`, which `login()` sets
   */
  identity?: EntryFinder | undefined;
}

type Found = SessionRecord | EndedSession | Unusable | undefined;

const FOREIGN_DATA: Unusable = { unusable: 'data' };
/** Each attempt fails only when somebody else has written to the string meanwhile. */
const MOST_ATTEMPTS = 100;

/** What a string does not say. */
const UNKNOWN = {
  createdAt: undefined,
  absoluteEndsAt: undefined,
  userId: undefined,
  authenticatedAt: undefined,
  rotatedAt: undefined,
  device: undefined,
  secret: 'current',
  presented: '',
} as const;

/** Where the record of a string was read from. Its sid and data are nobody's to see who looks at the record. */
const LOADED = Symbol('loaded string');

class LoadedString {
  readonly #sid: Sid;
  readonly #text: string;

  constructor(sid: Sid, text: string) {
    this.#sid = sid;
    this.#text = text;
  }

  get sid(): Sid {
    return this.#sid;
  }

  get text(): string {
    return this.#text;
  }
}

interface StringRecord extends SessionRecord {
  readonly [LOADED]: LoadedString;
}

/**
 * Keeps sessions as `RedisSessionStore` does, and serves those that connect-redis keeps: in the phase `'prepare'` as they are, in the phase `'convert'` by making
 * hashes of them. Nobody is signed out by that, and what has ended stays ended, whichever processes convert, write and end at once.
 *
 * A string and its hash lie under two keys, which no script can change at once. So a string is sealed first: from then on it is final, and its end moves no
 * more. The hash is made of it, and then it goes. Whoever meets a sealed string completes that.
 *
 * @publicApi
 */
export class MigratingSessionStore implements SessionStore {
  readonly settings: StoreSettings;
  readonly clock: StoreClock;
  readonly index: MigratingIndex;
  readonly migration: StringMigration;
  /** As given. */
  readonly identity: EntryFinder | undefined;
  readonly #migrate: MigrateSettings;
  readonly #hashes: RedisSessionStore;
  readonly #parts: RedisStoreParts;
  readonly #strings: RedisStrings;
  readonly #codec: StringCodec;

  /**
   * Throws `RedisSessionConfigError` for wrong options, and for a client that cannot be used.
   *
   * @param client a Redis client, which stays the caller's to configure and close
   */
  constructor(client: RedisClient, { migrate, identity, ...options }: MigratingStoreOptions) {
    const problems = migrateOptionProblems(migrate, options);
    if (problems.length > 0) throw new RedisSessionConfigError(problems);
    this.#hashes = new RedisSessionStore(client, options);
    this.settings = this.#hashes.settings;
    this.clock = this.#hashes.clock;
    this.identity = identity;
    this.#migrate = resolveMigrateOptions(migrate, this.settings);
    this.#parts = partsOf(this.#hashes);
    this.#parts.barredMs = TOMBSTONE_MS;
    this.#strings = new RedisStrings(this.#parts.writer, this.#migrate.prefix);
    this.#codec = new StringCodec(this.#migrate.serializer, this.settings.serializer, identity);
    this.index = new MigratingIndex(this.#hashes.index, (handle) => this.#isHash(handle));
    const { phase, prefix } = this.#migrate;
    this.migration = new StringMigration(this.#parts.port, {
      phase,
      prefix,
      others: this.#parts.keys.notBefore(''),
      look: (sid) => this.#look(sid),
      convert: (sid) => this.#convertOne(sid),
      logError: this.settings.logError,
    });
  }

  /** As every store, and in the phase `'convert'` makes a hash of a string that it finds. */
  async find(sid: Sid): Promise<Found> {
    const key = this.#parts.keys.session(handleOf(sid));
    const [string, hash, found] = await Promise.all([
      this.#strings.read(sid),
      // One command for both.
      this.#parts.loads.load(key).catch(noHash),
      this.#hashes.find(sid),
    ]);
    if (decodeTombstone(hash) !== undefined) {
      if (string !== undefined) this.#later(this.#strings.end(sid));
      return isRecord(found) ? undefined : found;
    }
    if (string?.isSealed === true) return this.#finish(sid, string);
    if (isRecord(found)) {
      // What an application without this package has written late.
      if (string !== undefined) this.#later(this.#strings.end(sid));
      return found;
    }
    // Between the two looks, it may have moved from there to here.
    if (string === undefined) return found ?? this.#hashes.find(sid);
    if (this.#migrate.phase === 'prepare') return this.#serve(sid, string);
    return found ?? this.#convert(sid, string);
  }

  async create(sid: Sid, session: NewSession): Promise<SessionRecord | 'exists' | 'taken' | 'gone'> {
    if (this.#migrate.phase === 'convert' || (await this.#isBarred(sid))) return this.#hashes.create(sid, session);
    const { entries, terms, indexedAt } = session;
    const text = this.#codec.encode(entries, indexedAt, terms);
    const at = await this.#strings.create(sid, text, terms.idle);
    if (at === undefined) return 'exists';
    return recordOf(sid, text, { entries, indexedAt, cookie: terms.cookie, idle: terms.idle, lastSeenAt: at });
  }

  async save(sid: Sid, record: SessionRecord, delta: EntryDelta, terms: StoredTerms): Promise<SessionRecord | undefined> {
    if (!isString(record)) return this.#hashes.save(sid, record, delta, terms);
    const outcome = await this.#rewrite(record, terms, () => delta);
    if (isRewritten(outcome)) {
      return recordOf(sid, outcome.text, {
        entries: applyDelta(record.entries, delta),
        indexedAt: delta.userId === undefined ? record.indexedAt : delta.indexedAt,
        cookie: terms.cookie,
        idle: terms.idle,
        lastSeenAt: outcome.at,
      });
    }
    return outcome && this.#hashes.save(sid, outcome, delta, terms);
  }

  async touch(sid: Sid, record: SessionRecord, terms: StoredTerms): Promise<SessionRecord | undefined> {
    if (!isString(record)) return this.#hashes.touch(sid, record, terms);
    const outcome = await this.#strings.touch(sid, terms.idle);
    if (typeof outcome === 'number') return { ...record, lastSeenAt: outcome, idle: terms.idle, cookie: terms.cookie };
    const moved = await this.#moved(sid, outcome);
    return moved && this.#hashes.touch(sid, moved, terms);
  }

  /**
   * The string goes first: from then on nobody can seal it. What was made of it meanwhile, or is made of it by a process that is late, is ended and barred at
   * its own key.
   */
  async destroy(sid: Sid, copied?: SessionRecord): Promise<DestroyedSession | 'gone' | 'changed'> {
    if (copied !== undefined && isString(copied)) return this.#destroyCopied(sid, copied);
    const text = await this.#strings.end(sid);
    const ending = this.#hashes.destroy(sid, copied);
    const destroyed = await (text === undefined ? ending : this.#begun(ending));
    if (destroyed !== 'gone' || text === undefined || copied !== undefined) return destroyed;
    return { userId: this.#userIdOf(this.#codec.decode(text)) };
  }

  /** Whether a string under that sid would be taken for the one that its holder has ended. A sid that is made by chance never comes again. */
  async #isBarred(sid: Sid): Promise<boolean> {
    if (isOurForm(sid)) return false;
    const hash = await this.#parts.loads.load(this.#parts.keys.session(handleOf(sid))).catch(noHash);
    return decodeTombstone(hash) !== undefined;
  }

  drain(): Promise<void> {
    return this.#hashes.drain();
  }

  inspect(): Promise<readonly StoreProblem[]> {
    return this.#hashes.inspect();
  }

  async rotate(sid: Sid, record: SessionRecord, next: Sid, options: RotateOptions): Promise<Rotation | undefined> {
    // A string is kept under its whole sid; a session like that moves instead.
    return isString(record) ? { rotated: false, record } : this.#hashes.rotate(sid, record, next, options);
  }

  async increment(record: SessionRecord, name: string, by: number): Promise<number | 'no integer' | undefined> {
    if (!isString(record)) return this.#hashes.increment(record, name, by);
    let sum: number | undefined;
    const add = (entries: EncodedEntries): EntryDelta | undefined => {
      sum = sumOf(entries.get(name), by);
      return sum === undefined ? undefined : { set: new Map([[name, String(sum)]]), removed: [] };
    };
    const outcome = await this.#rewrite(record, undefined, add);
    if (isRewritten(outcome)) return sum ?? 'no integer';
    return outcome && this.#hashes.increment(outcome, name, by);
  }

  async reload(record: SessionRecord): Promise<Found> {
    return isString(record) ? this.find(record[LOADED].sid) : this.#hashes.reload(record);
  }

  describe(handles: readonly Handle[]): Promise<readonly (SessionFacts | undefined)[]> {
    return this.#hashes.describe(handles);
  }

  revoke(handle: Handle, revocation: Revocation): Promise<boolean> {
    return this.#hashes.revoke(handle, revocation);
  }

  compareAndSet(...args: Parameters<RedisSessionStore['compareAndSet']>): Promise<boolean> {
    return this.#hashes.compareAndSet(...args);
  }

  endBefore(userId: string, time?: number): Promise<number> {
    return this.#hashes.endBefore(userId, time);
  }

  /** A string as it is, unless its user's sessions have all been ended since. */
  async #serve(sid: Sid, string: StringValue): Promise<Found> {
    const session = this.#codec.decode(string.text);
    if (session === undefined) return FOREIGN_DATA;
    const ended = await this.#endedBy(sid, session);
    if (ended !== undefined) {
      await this.#strings.end(sid);
      return ended;
    }
    const idle = this.#idleOf(session);
    const { entries, indexedAt, cookie } = session;
    return recordOf(sid, string.text, {
      entries,
      indexedAt,
      cookie: sendableCookie(cookie),
      idle,
      lastSeenAt: string.at - (idle - (string.left ?? 0)),
    });
  }

  async #convert(sid: Sid, { text }: StringValue): Promise<Found> {
    const session = this.#readable(text);
    if (session === undefined) return FOREIGN_DATA;
    const sealed = await this.#strings.seal(sid, this.#idleOf(session));
    return sealed === undefined ? this.#hashes.find(sid) : this.#finish(sid, sealed);
  }

  /** Makes a hash of a sealed string, whoever has sealed it, and then ends the string. */
  async #finish(sid: Sid, sealed: StringValue): Promise<Found> {
    const session = this.#readable(sealed.text);
    if (session === undefined) return FOREIGN_DATA;
    const userId = this.#userIdOf(session);
    const indexedAt = userId === undefined ? undefined : await this.#reserve(sid, session, userId);
    if (typeof indexedAt === 'object') return this.#endRevoked(sid, indexedAt);
    const status = await this.#createHash(sid, session, { left: sealed.left ?? this.#idleOf(session), userId, indexedAt });
    if (status === STATUS.taken) return FOREIGN_DATA;
    const [found] = await Promise.all([this.#hashes.find(sid), this.#strings.endSealed(sid)]);
    if (isRecord(found)) this.#later(this.#name(found));
    // What it was to become has been ended, so nothing is to be named.
    else if (userId !== undefined) this.#later(this.#hashes.index.remove(userId, [handleOf(sid)]));
    return found;
  }

  /** The session is the user's from the moment that its hash is there, so it is named before. An `EndedSession` when all of theirs have been ended since. */
  async #reserve(sid: Sid, session: StringSession, userId: string): Promise<number | EndedSession | undefined> {
    const ended = await this.#endedByTime(session, userId);
    if (ended !== undefined) return ended;
    const handle = handleOf(sid);
    const replaces = { handle, indexedAt: session.indexedAt };
    const answer = await this.#hashes.index.reserve(userId, handle, { ms: this.#lifeOf(session), replaces });
    // Without a limit, it is never full.
    return answer === 'full' ? undefined : answer;
  }

  async #endRevoked(sid: Sid, ended: EndedSession): Promise<Found> {
    await this.#strings.endSealed(sid);
    // Another process may have made a hash of it before, which is over too, or has become another user's.
    return (await this.#hashes.find(sid)) ?? ended;
  }

  async #createHash(sid: Sid, session: StringSession, { left, userId, indexedAt }: Conversion): Promise<number> {
    const args = [
      secretHashOf(sid),
      this.#idleOf(session),
      left,
      this.#absoluteOf(session) ?? 0,
      userId ?? '',
      session.indexedAt ?? LONG_AGO,
      indexedAt ?? 0,
      encodeCookie(storableCookie(session.cookie)),
    ];
    for (const [name, text] of session.entries) args.push(fieldOfEntry(name), text);
    const key = this.#parts.keys.session(handleOf(sid));
    const { status } = await this.#parts.writer.run('convert', key, args, TAKEN);
    if (status === STATUS.done) tellConverted(userId !== undefined);
    return status;
  }

  /** Makes the index name the session for as long as it can live, or ends it where all of its user's have been ended meanwhile. */
  async #name(record: SessionRecord): Promise<void> {
    const { userId } = record;
    if (userId === undefined) return;
    const ended = await this.#hashes.index.refresh(userId, record, latestEnd(record));
    if (ended !== undefined) await endOne(Sessions.of(this), userId, record, ended.endedReason);
  }

  /** The hash that a string has become; `undefined` when the session has ended. */
  async #moved(sid: Sid, sealed: StringValue | undefined): Promise<SessionRecord | undefined> {
    const found = sealed === undefined ? await this.#hashes.find(sid) : await this.#finish(sid, sealed);
    return isRecord(found) ? found : undefined;
  }

  /**
   * Writes a change to a string, and again to what others have written meanwhile. Answers with what it has written; with its hash where it has become one, to which the
   * change is to be written; `undefined` when the session has ended.
   */
  async #rewrite(
    { [LOADED]: { sid, text: loaded } }: StringRecord,
    terms: StoredTerms | undefined,
    changeOf: (entries: EncodedEntries) => EntryDelta | undefined,
  ): Promise<Rewritten | SessionRecord | undefined> {
    let text = loaded;
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const session = this.#codec.decode(text);
      if (session === undefined) return undefined;
      const delta = changeOf(session.entries);
      if (delta === undefined) return { text, at: 0 };
      const next = this.#textOf(session, delta, terms);
      const outcome = await this.#strings.save(sid, text, next, terms?.idle ?? this.#idleOf(session));
      if (typeof outcome === 'number') return { text: next, at: outcome };
      if (outcome === undefined || outcome.isSealed) return this.#moved(sid, outcome);
      text = outcome.text;
    }
    throw new SessionStoreUnavailableError('too many writers');
  }

  #textOf(session: StringSession, delta: EntryDelta, terms: StoredTerms | undefined): string {
    const indexedAt = delta.userId === undefined ? session.indexedAt : delta.indexedAt;
    const { cookie } = session;
    const kept = { idle: this.#idleOf(session), grace: 0, cookie, wholeCookie: cookie };
    return this.#codec.encode(applyDelta(session.entries, delta), indexedAt, terms ?? kept);
  }

  async #destroyCopied(sid: Sid, copied: StringRecord): Promise<DestroyedSession | 'gone' | 'changed'> {
    const string = await this.#strings.read(sid);
    if (string?.isSealed === false) {
      const session = this.#codec.decode(string.text);
      if (session === undefined || !areSame(session.entries, copied.entries)) return 'changed';
      const outcome = await this.#strings.endIf(sid, string.text);
      if (outcome === 'changed') return outcome;
      if (outcome === 'ended') {
        await this.#begun(this.#hashes.destroy(sid));
        return { userId: this.#userIdOf(session) };
      }
    }
    // It has become a hash meanwhile, which is to be copied anew, or has ended. Of what was read before that, nothing is to be made.
    return (await this.#moved(sid, string?.isSealed === true ? string : undefined)) === undefined ? 'gone' : 'changed';
  }

  /** The rest of an end whose string is gone: also when Redis refuses it, something has happened. */
  async #begun<Answer>(ending: Promise<Answer>): Promise<Answer> {
    try {
      return await ending;
    } catch (error) {
      this.settings.logError(toStoreError(error));
      throw new SessionStoreUnavailableError('outcome unknown');
    }
  }

  async #look(sid: Sid): Promise<StringState> {
    const string = await this.#strings.read(sid);
    if (string === undefined) return 'gone';
    if (this.#readable(string.text) === undefined) return 'unreadable';
    return string.isSealed ? 'sealed' : 'left';
  }

  /** As a request does it, but that nothing is touched. */
  async #convertOne(sid: Sid): Promise<StringOutcome> {
    const string = await this.#strings.read(sid);
    if (string === undefined) return 'gone';
    const found = string.isSealed ? await this.#finish(sid, string) : await this.#convert(sid, string);
    if (isRecord(found)) return 'converted';
    return found === FOREIGN_DATA ? 'unreadable' : 'gone';
  }

  /** Word of it when all sessions of its user have been ended since it was indexed. */
  async #endedBy(sid: Sid, session: StringSession): Promise<EndedSession | undefined> {
    const userId = this.#userIdOf(session);
    if (userId === undefined) return undefined;
    const { indexedAt } = session;
    return (await this.#endedByTime(session, userId)) ?? this.#hashes.index.endedBy(userId, { handle: handleOf(sid), indexedAt });
  }

  async #endedByTime({ indexedAt = 0 }: StringSession, userId: string): Promise<EndedSession | undefined> {
    const isOver = this.settings.revokeBefore && (await this.#parts.notBefore.isBefore(userId, indexedAt));
    return isOver ? { endedReason: DEFAULT_REASON } : undefined;
  }

  /** Of what would be no session as a hash for its size, nothing is made. */
  #readable(text: string): StringSession | undefined {
    const session = this.#codec.decode(text);
    if (session === undefined) return undefined;
    const hash = Object.fromEntries(session.entries);
    return isFarTooLarge(hash, Object.keys(hash), this.settings) ? undefined : session;
  }

  #userIdOf(session: StringSession | undefined): string | undefined {
    return session && this.#codec.userIdOf(session.entries);
  }

  #idleOf({ cookie }: StringSession): number {
    return idleOf({ idle: idleOfWhole(cookie, this.settings), cookie, wholeCookie: cookie }, this.settings);
  }

  #absoluteOf(session: StringSession): number | undefined {
    const { cookie } = session;
    return absoluteOf({ idle: this.#idleOf(session), stretch: LONGEST_STRETCH, cookie, wholeCookie: cookie }, this.settings);
  }

  /** How long its hash can live that nobody names again. */
  #lifeOf(session: StringSession): number {
    return this.#absoluteOf(session) ?? Math.min(2 * this.#idleOf(session), LONGEST_TIME);
  }

  async #isHash(handle: Handle): Promise<boolean> {
    if (this.#migrate.phase === 'convert') return true;
    const [facts] = await this.#hashes.describe([handle]);
    return facts !== undefined;
  }

  /** Nobody waits for it; when it fails, whoever comes next does it again. */
  #later(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.settings.logError(toStoreError(error)));
  }
}

/** A string that was written. */
interface Rewritten {
  readonly text: string;
  readonly at: number;
}

/** A string that becomes a hash. */
interface Conversion {
  /** In ms until it ends. */
  readonly left: number;
  readonly userId: string | undefined;
  readonly indexedAt: number | undefined;
}

type StringFacts = Pick<SessionRecord, 'entries' | 'indexedAt' | 'cookie' | 'idle' | 'lastSeenAt'>;

function recordOf(sid: Sid, text: string, known: StringFacts): StringRecord {
  return { ...UNKNOWN, handle: handleOf(sid), ...known, [LOADED]: new LoadedString(sid, text) };
}

function isRewritten(outcome: Rewritten | SessionRecord | undefined): outcome is Rewritten {
  return outcome !== undefined && 'text' in outcome;
}

function isString(record: SessionRecord): record is StringRecord {
  return LOADED in record;
}

function isRecord(found: Found): found is SessionRecord {
  return found !== undefined && !isEnded(found as SessionRecord | EndedSession) && 'entries' in found;
}

/** A key of another type holds none. */
function noHash(error: unknown): RedisHash {
  if (isWrongType(error)) return {};
  throw toStoreError(error);
}

function areSame(entries: EncodedEntries, others: EncodedEntries): boolean {
  if (entries.size !== others.size) return false;
  for (const [name, text] of entries) if (others.get(name) !== text) return false;
  return true;
}

/** `undefined` where one of the two is no integer that JavaScript knows exactly. */
function sumOf(text: string | undefined, by: number): number | undefined {
  const before = text === undefined ? 0 : /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  const sum = before + by;
  return Number.isSafeInteger(before) && Number.isSafeInteger(sum) ? sum : undefined;
}
