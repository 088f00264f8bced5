import type { CookieAttributes, EncodedEntries, StoredTerms } from '../session-record.js';
import type { EntrySerializer } from './store-options.js';

/** A session as express-session keeps it: one value, in which the cookie stands beside the entries. */
export interface WholeSession {
  readonly cookie: CookieAttributes;
  readonly entries: EncodedEntries;
}

/** Reads such a value. `undefined` for what is no session: what express-session stores always has a cookie. */
export function readWhole(data: unknown, serializer: EntrySerializer): WholeSession | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { cookie, ...values } = data as Record<string, unknown>;
  if (typeof cookie !== 'object' || cookie === null) return undefined;
  const entries = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const text = serializer.stringify(value);
    if (text !== undefined && name !== '__proto__') entries.set(name, text);
  }
  return { cookie, entries };
}

/** Such a value, for a session that is written now. Its expiry is new each time: a store may take the time to live from it. */
export function wholeOf(entries: EncodedEntries, { idle, wholeCookie }: StoredTerms, now: number, serializer: EntrySerializer): object {
  const values = Object.fromEntries([...entries].map(([name, text]) => [name, serializer.parse(text)]));
  const isKept = typeof wholeCookie.originalMaxAge === 'number';
  return { ...values, cookie: { ...wholeCookie, expires: isKept ? new Date(now + idle) : null } };
}

/** Of the cookie in such a value, how long a session lives that nobody uses, in ms. */
export function idleOfWhole({ originalMaxAge }: CookieAttributes, settings: { readonly idle: number }): number {
  return typeof originalMaxAge === 'number' ? originalMaxAge : settings.idle;
}
