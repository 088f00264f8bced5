import { createHmac } from 'node:crypto';
import type { Sid } from '../../src/session/sid.js';
import { TEST_SECRET } from './create-app.js';

/** A `Cookie` header with a sid, signed as the application under test does it, or with another secret. */
export function signedCookie(sid: string, { name = 'sid', secret = TEST_SECRET } = {}): string {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
  return `${name}=${encodeURIComponent(`s:${sid}.${signature}`)}`;
}

/** The sid in a `Cookie` or `Set-Cookie` header of one cookie. */
export function sidOf(cookie: string): Sid {
  const [pair = ''] = cookie.split(';');
  return decodeURIComponent(pair.slice(pair.indexOf('=') + 1)).replace(/^s:(.*)\.[^.]*$/, '$1') as Sid;
}
