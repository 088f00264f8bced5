import { SessionSerializationError } from '../../redis-session.errors.js';
import { SYSTEM_CLOCK } from '../../session/clock.js';
import { Entries } from '../../session/entries.js';
import { IDENTITY_ENTRY, isIdentity } from '../../session/identity.js';
import type { CookieAttributes, EncodedEntries, StoredTerms } from '../../session/session-record.js';
import type { EntryFinder, MigrateSettings } from '../../session/store/migrate-options.js';
import type { EntrySerializer } from '../../session/store/store-options.js';
import { readWhole, wholeOf } from '../../session/store/whole-session.js';

/** Beside the entries, where this package has written the string: when the session was indexed as its user's. */
const INDEXED_AT = '@indexed';

/** A session in a string. */
export interface StringSession {
  readonly cookie: CookieAttributes;
  readonly entries: EncodedEntries;
  /** See `SessionRecord.indexedAt`; `undefined` for one that another package has written. */
  readonly indexedAt: number | undefined;
}

/** Reads and writes sessions as connect-redis does. */
export class StringCodec {
  constructor(
    private readonly whole: MigrateSettings['serializer'],
    private readonly entry: EntrySerializer,
    private readonly findIdentity: EntryFinder | undefined,
  ) {}

  /** `undefined` for what is no session. */
  decode(text: string): StringSession | undefined {
    try {
      const session = readWhole(this.whole.parse(text), this.entry);
      if (session === undefined) return undefined;
      const entries = new Map(session.entries);
      const indexedAt = Number(entries.get(INDEXED_AT));
      entries.delete(INDEXED_AT);
      return { cookie: session.cookie, entries, indexedAt: Number.isSafeInteger(indexedAt) && indexedAt > 0 ? indexedAt : undefined };
    } catch {
      return undefined; // Whatever a serializer throws at what it cannot read, that is no session.
    }
  }

  encode(entries: EncodedEntries, indexedAt: number | undefined, terms: StoredTerms): string {
    const value = wholeOf(entries, terms, SYSTEM_CLOCK.now(), this.entry);
    const text: unknown = this.whole.stringify(indexedAt === undefined ? value : { ...value, [INDEXED_AT]: indexedAt });
    if (typeof text === 'string') return text;
    throw new SessionSerializationError(
      '"store.migrate.serializer" has turned a session into something that is no text. Its stringify() must return a string.',
    );
  }

  /** Whose session it is, as requests find it. */
  userIdOf(entries: EncodedEntries): string | undefined {
    const read = new Entries(entries, this.entry, () => undefined);
    const found = this.findIdentity === undefined ? read.get(IDENTITY_ENTRY) : this.findIdentity(read.values() as never);
    return isIdentity(found) ? String(found.id) : undefined;
  }
}
