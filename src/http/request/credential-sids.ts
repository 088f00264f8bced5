import { createHmac, hkdfSync } from 'node:crypto';
import { sidOfBytes, SID_BYTES, type Sid } from '../../session/sid.js';
import type { Secret } from './session-options.js';

/** Keeps these keys apart from all else that is made of the secrets. */
const PURPOSE = 'nestjs-redis-session: adopt';
const KEY_BYTES = 32;

/**
 * The sids of sessions that are made from credentials: an HMAC over the credential's key, so that each request with it comes to the same session, and nothing
 * tells the key or the sid to somebody who has not the secret too.
 */
export class CredentialSids {
  readonly #secrets: readonly Secret[];
  #keys: readonly Buffer[] | undefined;

  constructor(secrets: readonly Secret[]) {
    this.#secrets = secrets;
  }

  /** By each of the secrets. Options without a secret do not start. */
  of(key: string): readonly [Sid, ...Sid[]] {
    this.#keys ??= this.#secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES)));
    const sids = this.#keys.map((derived) => sidOfBytes(createHmac('sha512', derived).update(key).digest().subarray(0, SID_BYTES)));
    return sids as [Sid, ...Sid[]];
  }
}
