import { SessionMisuseError } from '../redis-session.errors.js';
import { Entries } from './entries.js';
import { IDENTITY_ENTRY, isIdentity, type Identity } from './identity.js';
import type { EntrySerializer } from './store-options.js';

/** The text of an identity. Throws `SessionMisuseError` when it would be none, or another user's, once it is read again. */
export function encodeIdentity(identity: Identity, serializer: EntrySerializer): string {
  const entries = new Entries(new Map(), serializer, () => undefined);
  entries.set(IDENTITY_ENTRY, identity);
  const text = entries.encoded([IDENTITY_ENTRY]).get(IDENTITY_ENTRY);
  if (text === undefined || userIdIn(text, serializer) !== String(identity.id))
    throw new SessionMisuseError(
      'session.login() got an identity that is none, or another, once it is stored. Give it plain data: { id: user.id, … }.',
    );
  return text;
}

function userIdIn(text: string, serializer: EntrySerializer): string | undefined {
  const stored = new Entries(new Map([[IDENTITY_ENTRY, text]]), serializer, () => undefined).get(IDENTITY_ENTRY);
  return isIdentity(stored) ? String(stored.id) : undefined;
}
