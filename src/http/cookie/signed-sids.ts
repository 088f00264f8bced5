import { createHmac, timingSafeEqual } from 'node:crypto';
import { LruCache, ownCopy } from '../../session/lru-cache.js';
import type { Sid } from '../../session/sid.js';
import type { Secret } from '../request/session-options.js';
import type { SuspiciousCookies } from './suspicious-cookies.js';
import { VerifiedCookies } from './verified-cookies.js';

const SIGNED = 's:';
const MOST_CHARACTERS = 4_096;
/**
 * Each may cost a command. Those with a bad signature do not count, or a few planted ones would hide the session: what they cost is bounded by the 16 kB
 * that Node takes of headers, some 300 of them.
 */
const MOST_SIDS = 3;
/** Of HMAC-SHA256, in base64 without padding. */
const SIGNATURE_CHARACTERS = 43;
const NO_SIDS: readonly Sid[] = [];
const SIGNED_VALUES = 5_000;

/** Sids as clients have them: `s:` sid `.` HMAC-SHA256, as express-session has it. */
export class SignedSids {
  readonly #secrets: readonly Secret[];
  readonly #known = new VerifiedCookies();
  readonly #signed = new LruCache<string>(SIGNED_VALUES);

  constructor(secrets: readonly Secret[]) {
    this.#secrets = secrets;
  }

  /** The same client is often told the same again. */
  sign(sid: Sid): string {
    const [secret] = this.#secrets;
    // Options without a secret do not start.
    if (secret === undefined) throw new TypeError('A sid needs a secret that signs it.');
    let value = this.#signed.get(sid);
    if (value === undefined) {
      value = `${SIGNED}${sid}.${signatureOf(sid, secret)}`;
      this.#signed.add(ownCopy(sid), value);
    }
    return value;
  }

  /** The sids of those values whose signature is ours. The others are counted. */
  verified(values: readonly string[], suspicious: SuspiciousCookies): readonly Sid[] {
    if (values.length === 0) return NO_SIDS;
    const sids: Sid[] = [];
    let bad = 0;
    for (const value of values) {
      const sid = this.#verified(value);
      if (sid === undefined) bad += value === '' ? 0 : 1;
      else if (!sids.includes(sid)) sids.push(sid);
      if (sids.length === MOST_SIDS) break;
    }
    if (bad > 0) suspicious.add(bad);
    return sids;
  }

  /** @param raw as it stands in the header */
  #verified(raw: string): Sid | undefined {
    const known = this.#known.get(raw);
    if (known !== undefined) return known;
    const sid = raw.length > MOST_CHARACTERS ? undefined : this.#verify(decode(unquote(raw)));
    if (sid !== undefined) this.#known.add(raw, sid);
    return sid;
  }

  #verify(value: string): Sid | undefined {
    if (value.length > MOST_CHARACTERS || !value.startsWith(SIGNED)) return undefined;
    const dot = value.lastIndexOf('.');
    const sid = value.slice(SIGNED.length, dot);
    if (dot < SIGNED.length || sid === '') return undefined;
    const signature = Buffer.from(value.slice(dot + 1));
    if (signature.length !== SIGNATURE_CHARACTERS) return undefined;
    const isOurs = this.#secrets.some((secret) => {
      const expected = Buffer.from(signatureOf(sid, secret));
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    });
    return isOurs ? (sid as Sid) : undefined;
  }
}

function signatureOf(sid: string, secret: Secret): string {
  return createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function decode(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
