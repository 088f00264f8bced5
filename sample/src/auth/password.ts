import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt);

// OWASP Password Storage Cheat Sheet: N = 2^14, r = 8, p = 5 (16 MiB of memory)
const COST = { N: 2 ** 14, r: 8, p: 5 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** A password as it is stored: `salt:key`, both base64url. */
export type PasswordHash = `${string}:${string}`;

export async function hashOf(password: string): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, COST);
  return `${salt.toString('base64url')}:${key.toString('base64url')}`;
}

export async function isPasswordOf(hash: PasswordHash, password: string): Promise<boolean> {
  const [salt = '', key = ''] = hash.split(':');
  const derived = await derive(password, Buffer.from(salt, 'base64url'), KEY_BYTES, COST);
  return timingSafeEqual(derived, Buffer.from(key, 'base64url'));
}
