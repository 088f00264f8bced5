import { SessionLimitError, SessionSerializationError, SessionUnsupportedError } from '../../redis-session.errors.js';
import { applyDelta, type EncodedEntries, type EntryDelta } from '../session-record.js';
import type { StoreSettings } from './store-settings.js';

type Limits = Pick<StoreSettings, 'maxBytes' | 'maxFieldBytes' | 'maxFields'>;

/**
 * The entries after a write. Throws `SessionLimitError` when a write would make a session too large. A session that is too large already (the limit was lowered,
 * or parallel requests each stayed below it) may still shrink.
 *
 * Throws `SessionSerializationError` for a name that cannot be stored: `__proto__`, since whoever copies such an entry by assignment sets
 * a prototype, and half a surrogate pair, which UTF-8 does not have.
 */
export function applyWithin(limits: Limits, before: EncodedEntries, delta: EntryDelta): EncodedEntries {
  for (const [name, text] of delta.set) {
    if (name === '__proto__' || !name.isWellFormed())
      throw new SessionSerializationError(`A session entry cannot be called ${JSON.stringify(name)}. Choose another name.`);
    const bytes = sizeOf([[name, text]]);
    if (bytes > limits.maxFieldBytes && bytes > sizeOf([[name, before.get(name) ?? '']]))
      throw new SessionLimitError(
        `The session entry ${JSON.stringify(name)} has ${bytes} bytes with its name, "store.maxFieldBytes" allows ${limits.maxFieldBytes}. Keep large data elsewhere and its id here.`,
      );
  }
  const after = applyDelta(before, delta);
  if (after.size > limits.maxFields && after.size > before.size)
    throw new SessionLimitError(
      `The session would have ${after.size} entries, "store.maxFields" allows ${limits.maxFields}. Group related data in one entry.`,
    );
  const bytes = sizeOf(after);
  if (bytes > limits.maxBytes && bytes > sizeOf(before))
    throw new SessionLimitError(
      `The session would have ${bytes} bytes, "store.maxBytes" allows ${limits.maxBytes}. Keep large data elsewhere and its id here.`,
    );
  return after;
}

/** Throws for an entry that cannot be added to: as {@link applyWithin} does, and where integers are not stored as themselves. */
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
  applyWithin(settings, before, { set: new Map([[name, text]]), removed: [] });
}

function sizeOf(entries: Iterable<readonly [name: string, text: string]>): number {
  let bytes = 0;
  for (const [name, text] of entries) bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
  return bytes;
}
