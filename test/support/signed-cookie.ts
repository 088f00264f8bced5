import { createHmac } from 'node:crypto';
import { TEST_SECRET } from './create-app.js';

/** A `Cookie` header with a sid, signed as the application under test does it, or with another secret. */
export function signedCookie(sid: string, { name = 'sid', secret = TEST_SECRET } = {}): string {
  const signature = createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
  return `${name}=${encodeURIComponent(`s:${sid}.${signature}`)}`;
}
