import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Handle } from '../../session/sid.js';
import type { Secret } from '../request/session-options.js';

const LABEL = 'nestjs-redis-session csrf token:';
const BYTES = 32;

/**
 * A token for the session of that handle: HMAC-SHA256 of the handle, so that nothing is stored and a rotation, which keeps the handle, leaves
 * open forms alone. The handle may be known; the secret is not. Under a mask that is new on each call, since a compressed page that holds
 * the same secret each time gives it away bit by bit (BREACH).
 */
export function csrfToken(handle: Handle, [secret]: readonly Secret[]): string {
  // Options without a secret do not start.
  if (secret === undefined) throw new TypeError('A CSRF token needs a secret.');
  const mask = randomBytes(BYTES);
  return Buffer.concat([mask, xor(mask, authenticate(handle, secret))]).toString('base64url');
}

/** Whether that is a token for the session of that handle, by any of the secrets. Compares in constant time. */
export function isCsrfToken(token: unknown, handle: Handle, secrets: readonly Secret[]): boolean {
  if (typeof token !== 'string') return false;
  const bytes = Buffer.from(token, 'base64url');
  // Of several texts that decode alike only the one that was given out is a token.
  if (bytes.length !== 2 * BYTES || bytes.toString('base64url') !== token) return false;
  const presented = xor(bytes.subarray(0, BYTES), bytes.subarray(BYTES));
  return secrets.some((secret) => timingSafeEqual(presented, authenticate(handle, secret)));
}

function authenticate(handle: Handle, secret: Secret): Buffer {
  return createHmac('sha256', secret).update(LABEL).update(handle).digest();
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
