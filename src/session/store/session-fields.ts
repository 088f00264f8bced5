import { isCookieDomain } from '../cookie-domain.js';
import { LONGEST_TIME } from '../lifetime.js';
import type { PreviousSecret, Secrets } from '../rotation.js';
import type { CookieAttributes, Device, EncodedEntries, EndedSession, SessionRecord } from '../session-record.js';
import { isHandle, type Handle } from '../sid.js';
import type { Unusable } from './session-store.js';

/** Times, timeouts, secret hashes and the user, packed: many small fields cost far more memory than one. `redis/scripts/lua/_meta.lua` writes it. */
export const META_FIELD = '@meta';
/** JSON of what the application changed about the cookie; absent when it is as configured. */
export const COOKIE_FIELD = '@cookie';
/** JSON of a {@link Device}; absent unless `store.track` asks for it. */
export const DEVICE_FIELD = '@device';
/** The handle of the user's session that this one replaces, until it is first touched or saved. Apart from `@meta`, which stays short so. */
export const FROM_FIELD = '@from';
/** Until when the credential that the session was made from could come again: stays so long when the session ends. Absent where it was made from none. */
export const ADOPTED_FIELD = '@adopted';
/** What is left of a session that was ended, and only that and `@adopted`: why, and the hashes of the secrets whose holder may know. */
export const GONE_FIELD = '@gone';

const METADATA_MARK = '@';
const VERSION = '1';
const META_PARTS = 12;
/** Times are in base 36. Nine digits are 3,000 years in ms. */
const BASE = 36;
const TIME = /^[0-9a-z]{1,9}$/;
const GONE = /^1\|([^|]*)\|([\s\S]*)$/;
const LIST = ',';
const PREVIOUS = /^([^:]+):([0-9a-z]{1,9})$/;

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isText = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);

/** What `@cookie` may say, besides `null`. Anything else was not written here, and could fail every response of that session. */
const COOKIE_ATTRIBUTES = new Map<string, (value: unknown) => boolean>([
  // `false` is what express-session's cookie makes of `expires = false`.
  ['originalMaxAge', (value) => value === false || (typeof value === 'number' && Math.abs(value) <= LONGEST_TIME)],
  ['secure', isBoolean],
  ['httpOnly', isBoolean],
  ['partitioned', isBoolean],
  ['sameSite', (value) => isBoolean(value) || isText(/^(lax|strict|none)$/i)(value)],
  ['priority', isText(/^(low|medium|high)$/i)],
  ['domain', isCookieDomain],
  ['path', isText(/^[\x20-\x3a\x3d-\x7e]*$/)],
]);

const DEVICE_FACTS = new Map<string, (value: unknown) => boolean>([
  ['ip', isText(/^/)],
  ['userAgent', isText(/^/)],
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
  readonly authenticatedAt: number | undefined;
  /** See {@link SessionRecord.indexedAt}. */
  readonly indexedAt: number | undefined;
  readonly secrets: Secrets;
  readonly userId: string | undefined;
}

export interface DecodedHash {
  readonly metadata: Metadata;
  readonly cookie: CookieAttributes | undefined;
  readonly device: Device | undefined;
  /** Whether the session was made from a credential. */
  readonly isAdopted: boolean;
  readonly entries: EncodedEntries;
}

/** Reads a hash. `undefined` when it is not one that this package wrote. */
export function decodeHash(hash: Readonly<Record<string, string>>): DecodedHash | undefined {
  const metadata = decodeMetadata(fieldOf(hash, META_FIELD));
  if (metadata === undefined) return undefined;
  const entries = new Map<string, string>();
  for (const field of Object.keys(hash)) {
    const name = entryOfField(field);
    if (name !== undefined) entries.set(name, hash[field] ?? '');
  }
  return {
    metadata,
    cookie: decodeCookie(hash[COOKIE_FIELD]),
    device: decodeDevice(hash[DEVICE_FIELD]),
    isAdopted: fieldOf(hash, ADOPTED_FIELD) !== undefined,
    entries,
  };
}

/** The record of a session, for a request that has presented that secret. */
export function recordOf(
  handle: Handle,
  { metadata, cookie, device, entries }: Omit<DecodedHash, 'isAdopted'>,
  request: Presentation,
): SessionRecord {
  const { createdAt, lastSeenAt, absoluteEndsAt, idle, userId, authenticatedAt, indexedAt, secrets } = metadata;
  const { rotatedAt } = secrets;
  const { secret, presented } = request;
  return {
    handle,
    createdAt,
    lastSeenAt,
    absoluteEndsAt,
    idle,
    userId,
    authenticatedAt,
    indexedAt,
    rotatedAt,
    device,
    cookie,
    entries,
    secret,
    presented,
  };
}

type Presentation = Pick<SessionRecord, 'secret' | 'presented'>;

/** What was left when a session was ended, and by which secrets its holder is known. Without a reason where its own holder has ended it. */
export interface Tombstone extends EndedSession {
  readonly secretHashes: readonly string[];
}

/** What a look at a session that has ended finds; its own holder is told nothing. */
export function endOf({ endedReason }: Tombstone): EndedSession | Unusable {
  return endedReason === '' ? { unusable: 'left' } : { endedReason };
}

/** When a session began: one that was made from a credential, when its user had signed in. */
export function beganAt({ createdAt, indexedAt = createdAt }: Pick<Metadata, 'createdAt' | 'indexedAt'>, isAdopted: boolean): number {
  return isAdopted ? Math.min(createdAt, indexedAt) : createdAt;
}

/** `undefined` when the hash is not what is left of an ended session. */
export function decodeTombstone(hash: Readonly<Record<string, string>>): Tombstone | undefined {
  const parts = GONE.exec(fieldOf(hash, GONE_FIELD) ?? '');
  // Where Redis had no memory for the word, its place is kept.
  if (parts === null) return fieldOf(hash, ADOPTED_FIELD) === undefined ? undefined : { endedReason: '', secretHashes: [] };
  const [, hashes = '', endedReason = ''] = parts;
  return { endedReason, secretHashes: hashes.split(LIST) };
}

export function decodeMetadata(packed: string | null | undefined): Metadata | undefined {
  if (typeof packed !== 'string') return undefined;
  const parts = packed.split('|');
  const [version, created, seen, ends, idle, authenticated, indexed, current, unconfirmed = '', previous = '', rotated] = parts;
  // A user id may hold the separator: it comes last.
  const userId = parts.slice(META_PARTS - 1).join('|');
  if (version !== VERSION || parts.length < META_PARTS || current === undefined) return undefined;
  const createdAt = timeOf(created);
  const since = (part: string | undefined) => (part === '' ? undefined : createdAt + timeOf(part));
  const metadata = {
    createdAt,
    lastSeenAt: createdAt + timeOf(seen),
    absoluteEndsAt: since(ends),
    idle: timeOf(idle),
    authenticatedAt: userId === '' ? undefined : authenticated === '' ? createdAt : timeOf(authenticated),
    indexedAt: indexed?.startsWith('-') === true ? createdAt - timeOf(indexed.slice(1)) : since(indexed),
    secrets: {
      current,
      unconfirmed: unconfirmed === '' ? NONE : unconfirmed.split(LIST),
      previous: previous === '' ? NONE : previous.split(LIST).map((part) => previousOf(part, createdAt)),
      rotatedAt: since(rotated),
    },
    userId: userId === '' ? undefined : userId,
  };
  return isDamaged(metadata) ? undefined : metadata;
}

/** Of nearly every session, which thereby needs no list of its own. */
const NONE: readonly never[] = [];

/** Whether one of the times is none. A sum is NaN as soon as one of its parts is. */
function isDamaged({ createdAt, lastSeenAt, absoluteEndsAt = 0, idle, authenticatedAt = 0, indexedAt = 0, secrets }: Metadata): boolean {
  const { rotatedAt = 0, previous } = secrets;
  const sum = createdAt + lastSeenAt + absoluteEndsAt + idle + authenticatedAt + indexedAt + rotatedAt;
  return Number.isNaN(sum) || previous.some(({ endsAt }) => Number.isNaN(endsAt));
}

function previousOf(part: string, createdAt: number): PreviousSecret {
  const [, hash = '', ends] = PREVIOUS.exec(part) ?? [];
  return { hash, endsAt: createdAt + timeOf(ends) };
}

/** NaN for what is no time. */
function timeOf(part: string | undefined): number {
  return part !== undefined && TIME.test(part) ? Number.parseInt(part, BASE) : Number.NaN;
}

function fieldOf(hash: Readonly<Record<string, string>>, field: string): string | undefined {
  return Object.hasOwn(hash, field) ? hash[field] : undefined;
}

/** The entry that a field holds. `undefined` for metadata, and for `__proto__`, which no entry may be called: copying it with `Object.assign` would set a prototype. */
export function entryOfField(field: string): string | undefined {
  if (field === '__proto__') return undefined;
  if (!field.startsWith(METADATA_MARK)) return field;
  return field.startsWith(METADATA_MARK + METADATA_MARK) ? field.slice(1) : undefined;
}

/** Empty for none. */
export function encodeCookie(cookie: CookieAttributes | undefined): string {
  return cookie === undefined ? '' : JSON.stringify(cookie);
}

/** When it cannot be read, the cookie is as configured, which is what the session had before the application changed it. */
function decodeCookie(text: string | undefined): CookieAttributes | undefined {
  return decodeObject(text, COOKIE_ATTRIBUTES);
}

/** Of the attributes that another program has stored, those that a cookie can have. */
export function sendableCookie(cookie: CookieAttributes): CookieAttributes {
  return Object.fromEntries(
    Object.entries(cookie).filter(([name, value]) => value === null || COOKIE_ATTRIBUTES.get(name)?.(value) === true),
  );
}

/** Of these, those that are kept with a session: not when the cookie expires, which is the session's to say. */
export function storableCookie(cookie: CookieAttributes): CookieAttributes {
  return Object.fromEntries(Object.entries(sendableCookie(cookie)).filter(([name]) => COOKIE_ATTRIBUTES.has(name)));
}

/** What is no handle was not written here. */
export function decodeFrom(text: string | null | undefined): Handle | undefined {
  return isHandle(text) ? text : undefined;
}

export function decodeDevice(text: string | null | undefined): Device | undefined {
  return decodeObject(text, DEVICE_FACTS);
}

function decodeObject(text: string | null | undefined, known: ReadonlyMap<string, (value: unknown) => boolean>): object | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const isKnown = ([name, part]: [string, unknown]) => known.has(name) && (part === null || known.get(name)?.(part) === true);
    return Object.entries(value).every(isKnown) ? value : undefined;
  } catch {
    return undefined; // Nobody has written it here, and it is of no weight.
  }
}
