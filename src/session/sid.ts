import { hash, randomFillSync } from 'node:crypto';
import { LruCache, ownCopy } from './lru-cache.js';

declare const sidBrand: unique symbol;
declare const handleBrand: unique symbol;

/** What the cookie carries, signed. Whoever has it has the session, so it is never logged and never stored. */
export type Sid = string & { readonly [sidBrand]: true };

/** The public name of a session: Redis key, lists, logs, revocation. Knowing it opens nothing. */
export type Handle = string & { readonly [handleBrand]: true };

const HANDLE_BYTES = 16;
const SECRET_BYTES = 24;
export const SID_BYTES = HANDLE_BYTES + SECRET_BYTES;
const HANDLE_LENGTH = 22;
/** 132 bits as base64url. Finding a secret for it, from a dump of the store, is as far out of reach as guessing the sid is. */
const HASH_LENGTH = 22;
const HANDLE = /^[A-Za-z0-9_-]{22}([A-Za-z0-9_-]{21})?$/;
const OUR_FORM = /^[A-Za-z0-9_-]{54}$/;

/** A new sid: a random handle (128 bits) followed by a random secret (192 bits), 54 characters base64url. OWASP ASVS 5.0, 7.2.3. */
export function generateSid(): Sid {
  return newSid(randomText(HANDLE_BYTES) as Handle);
}

/** A sid with a new secret for the session of that handle. */
export function newSid(handle: Handle): Sid {
  return (handle + randomText(SECRET_BYTES)) as Sid;
}

/** The sid of bytes that nobody can guess: handle and secret, as in a random one. */
export function sidOfBytes(bytes: Buffer): Sid {
  return (bytes.toString('base64url', 0, HANDLE_BYTES) + bytes.toString('base64url', HANDLE_BYTES, SID_BYTES)) as Sid;
}

/** A sid that is not in our form, from a custom `genid`, is named by its SHA-256. */
export function handleOf(sid: Sid): Handle {
  return isOurForm(sid) ? (sid.slice(0, HANDLE_LENGTH) as Handle) : hashedHandleOf(sid);
}

/** The handle where the whole sid is a secret, as in stores made for express-session. */
export function hashedHandleOf(sid: Sid): Handle {
  return sha256(sid) as Handle;
}

/** What a store keeps of the secret, enough to recognise it, not enough to present it: the beginning of its SHA-256. */
export function secretHashOf(sid: Sid): string {
  return sha256(isOurForm(sid) ? sid.slice(HANDLE_LENGTH) : sid).slice(0, HASH_LENGTH);
}

/** Whether a text can be a handle, ours or that of a custom sid. */
export function isHandle(text: unknown): text is Handle {
  return typeof text === 'string' && HANDLE.test(text);
}

/** What a store needs of a sid to find its session. */
export interface SidParts {
  /** A copy that is no part of another text. */
  readonly sid: Sid;
  readonly handle: Handle;
  readonly secretHash: string;
}

const GENERATION = 5_000;
const known = new LruCache<SidParts>(GENERATION);

/** The same as {@link handleOf} and {@link secretHashOf}, worked out once for a sid that comes again and again. */
export function partsOf(sid: Sid): SidParts {
  let parts = known.get(sid);
  if (parts === undefined) {
    const own = ownCopy(sid);
    parts = { sid: own, handle: handleOf(own), secretHash: ownCopy(secretHashOf(own)) };
    known.add(own, parts);
  }
  return parts;
}

export function isOurForm(sid: Sid): boolean {
  return OUR_FORM.test(sid);
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url');
}

/** Filled as a whole: asking for random bytes costs more than the bytes. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

/** Random bytes that nobody had before and nobody will have again, as base64url. */
function randomText(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const text = pool.toString('base64url', used, used + bytes);
  pool.fill(0, used, used + bytes);
  used += bytes;
  return text;
}
