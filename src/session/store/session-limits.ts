import { SessionLimitError, SessionSerializationError, SessionUnsupportedError } from '../../redis-session.errors.js';
import type { EncodedEntries, EntryDelta } from '../session-record.js';
import type { StoreSettings } from './store-settings.js';

type Limits = Pick<StoreSettings, 'maxBytes' | 'maxFieldBytes' | 'maxFields'>;

/**
 * Throws `SessionLimitError` when a write would make a session too large. A session that is too large already (the limit was lowered, or parallel
 * requests each stayed below it) may still shrink.
 *
 * Throws `SessionSerializationError` for a name that cannot be stored: `__proto__`, since whoever copies such an entry by assignment sets
 * a prototype, and half a surrogate pair, which UTF-8 does not have.
 */
export function checkLimits(limits: Limits, before: EncodedEntries, { set, removed }: EntryDelta): void {
  const bytesBefore = sizeOf(before);
  let bytes = bytesBefore;
  let count = before.size;
  const drop = (name: string) => {
    const text = before.get(name);
    if (text === undefined) return;
    bytes -= sizeOfEntry(name, text);
    count--;
  };
  for (const name of removed) if (!set.has(name)) drop(name);
  for (const [name, text] of set) {
    if (name === '__proto__' || !name.isWellFormed())
      throw new SessionSerializationError(`A session entry cannot be called ${JSON.stringify(name)}. Choose another name.`);
    const size = sizeOfEntry(name, text);
    if (size > limits.maxFieldBytes && size > sizeOfEntry(name, before.get(name) ?? ''))
      throw new SessionLimitError(
        `The session entry ${JSON.stringify(name)} has ${size} bytes with its name, "store.maxFieldBytes" allows ${limits.maxFieldBytes}. Keep large data elsewhere and its id here.`,
      );
    drop(name);
    bytes += size;
    count++;
  }
  if (count > limits.maxFields && count > before.size)
    throw new SessionLimitError(
      `The session would have ${count} entries, "store.maxFields" allows ${limits.maxFields}. Group related data in one entry.`,
    );
  if (bytes > limits.maxBytes && bytes > bytesBefore)
    throw new SessionLimitError(
      `The session would have ${bytes} bytes, "store.maxBytes" allows ${limits.maxBytes}. Keep large data elsewhere and its id here.`,
    );
}

/** Throws for an entry that cannot be added to: as {@link checkLimits} does, and where integers are not stored as themselves. */
export function checkIncrement(
  before: EncodedEntries,
  name: string,
  by: number,
  settings: Limits & Pick<StoreSettings, 'serializer'>,
): void {
  const text = String(by);
  if (settings.serializer.stringify(by) !== text)
    throw new SessionUnsupportedError(
      'session.increment() needs integers to be stored as JSON has them; "store.serializer" stores them otherwise.',
    );
  checkLimits(settings, before, { set: new Map([[name, text]]), removed: [] });
}

/** In bytes, with the names. */
export function sizeOf(entries: EncodedEntries): number {
  let bytes = 0;
  for (const [name, text] of entries) bytes += sizeOfEntry(name, text);
  return bytes;
}

function sizeOfEntry(name: string, text: string): number {
  return Buffer.byteLength(name) + Buffer.byteLength(text);
}
