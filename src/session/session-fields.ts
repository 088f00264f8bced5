import { LONGEST_TIME } from './lifetime.js';
import type { CookieAttributes, EncodedEntries, SecretState, SessionRecord } from './session-record.js';
import type { Handle } from './sid.js';

/** Times, timeouts and secret hashes, packed: many small fields cost far more memory than one. `redis/lua/_meta.lua` writes it. */
export const META_FIELD = '@meta';
/** JSON of what the application changed about the cookie; absent when it is as configured. */
export const COOKIE_FIELD = '@cookie';

const METADATA_MARK = '@';
// Fifteen digits are 30,000 years, and all that a number and a date can hold.
const META = /^1\|(\d{1,15})\|(\d{1,15})\|(\d{1,15})\|(\d{1,15})\|([^|]*)\|([^|]*)\|(\d{1,15})\|(\d{1,15})$/;

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isText = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);

/** What `@cookie` may say, besides `null`. Anything else was not written here, and could fail every response of that session. */
const COOKIE_ATTRIBUTES = new Map<string, (value: unknown) => boolean>([
  ['originalMaxAge', (value) => typeof value === 'number' && Math.abs(value) <= LONGEST_TIME],
  ['secure', isBoolean],
  ['httpOnly', isBoolean],
  ['partitioned', isBoolean],
  ['sameSite', (value) => isBoolean(value) || isText(/^(lax|strict|none)$/i)(value)],
  ['priority', isText(/^(low|medium|high)$/i)],
  ['domain', isText(/^\.?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i)],
  ['path', isText(/^[\x20-\x3a\x3d-\x7e]*$/)],
]);

/** The field of an entry. A name that begins with `@` gets one more, so that no entry can pose as metadata. */
export function fieldOfEntry(name: string): string {
  return name.startsWith(METADATA_MARK) ? METADATA_MARK + name : name;
}

/** What `@meta` says. Times are epoch ms, by Redis' clock. */
export interface Metadata {
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly absoluteEndsAt: number | undefined;
  readonly idle: number;
  readonly secretHash: string;
  /** Empty when there was no rotation lately. */
  readonly previousSecretHash: string;
  /** Until when the previous secret is good; 0 while nobody has presented the current one. */
  readonly previousEndsAt: number;
}

export interface DecodedHash {
  readonly metadata: Metadata;
  readonly cookie: CookieAttributes | undefined;
  readonly entries: EncodedEntries;
}

/** Reads a hash. `undefined` when it is not one that this package wrote. */
export function decodeHash(hash: Readonly<Record<string, string>>): DecodedHash | undefined {
  const packed = Object.hasOwn(hash, META_FIELD) ? hash[META_FIELD] : undefined;
  const metadata = packed === undefined ? undefined : decodeMetadata(packed);
  if (metadata === undefined) return undefined;
  const entries = new Map<string, string>();
  for (const field of Object.keys(hash)) {
    const name = entryOfField(field);
    if (name !== undefined) entries.set(name, hash[field] ?? '');
  }
  return { metadata, cookie: decodeCookie(hash[COOKIE_FIELD]), entries };
}

export function recordOf(handle: Handle, { metadata, cookie, entries }: DecodedHash, secret: SecretState): SessionRecord {
  const { createdAt, lastSeenAt, absoluteEndsAt, idle } = metadata;
  return { handle, createdAt, lastSeenAt, absoluteEndsAt, idle, cookie, entries, secret };
}

function decodeMetadata(packed: string): Metadata | undefined {
  const parts = META.exec(packed);
  if (parts === null) return undefined;
  const [, createdAt, lastSeenAt, absoluteEndsAt, idle, secretHash = '', previousSecretHash = '', previousEndsAt] = parts;
  return {
    createdAt: Number(createdAt),
    lastSeenAt: Number(lastSeenAt),
    absoluteEndsAt: absoluteEndsAt === '0' ? undefined : Number(absoluteEndsAt),
    idle: Number(idle),
    secretHash,
    previousSecretHash,
    previousEndsAt: Number(previousEndsAt),
  };
}

/** `undefined` for metadata, and for `__proto__`, which no entry may be called: copying it with `Object.assign` would set a prototype. */
function entryOfField(field: string): string | undefined {
  if (field === '__proto__') return undefined;
  if (!field.startsWith(METADATA_MARK)) return field;
  return field.startsWith(METADATA_MARK + METADATA_MARK) ? field.slice(1) : undefined;
}

function decodeCookie(text: string | undefined): CookieAttributes | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return Object.entries(value).every(isCookieAttribute) ? value : undefined;
  } catch {
    return undefined; // The cookie is then as configured, which is what the session had before the application changed it.
  }
}

function isCookieAttribute([name, value]: [string, unknown]): boolean {
  const isValid = COOKIE_ATTRIBUTES.get(name);
  return isValid !== undefined && (value === null || isValid(value));
}
