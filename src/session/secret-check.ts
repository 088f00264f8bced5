import { timingSafeEqual } from 'node:crypto';
import { goodSecrets, type Secrets } from './rotation.js';
import type { Tombstone } from './store/session-fields.js';
import type { SecretState, SessionRecord } from './session-record.js';
import { partsOf, type Sid } from './sid.js';

/** Which of a session's secrets was presented; `undefined` for none of them. Compares in constant time. */
export function matchSecret(presented: string, secrets: Secrets, now: number): SecretState | undefined {
  const { current, unconfirmed, previous } = secrets;
  if (isSame(presented, current)) return unconfirmed.length === 0 ? 'current' : 'previous';
  if (unconfirmed.some((hash) => isSame(presented, hash))) return 'unconfirmed';
  return previous.some(({ hash, endsAt }) => now < endsAt && isSame(presented, hash)) ? 'previous' : undefined;
}

/** Which secret a request has after a write has told which one is the newest. */
export function secretAfter(sid: Sid, newest: string): SecretState {
  return newest === partsOf(sid).secretHash ? 'current' : 'previous';
}

/** Which secret somebody has who presented that one a while ago, and may still use the session. */
export function secretLater(presented: string, secrets: Secrets): SecretState {
  return matchSecret(presented, { ...secrets, previous: [] }, 0) ?? 'previous';
}

/** The hash of the secret that a request has made by a rotation and that its answer is about to tell; '' for none. */
export function toldSecret(sid: Sid, { presented }: SessionRecord): string {
  const own = partsOf(sid).secretHash;
  return own === presented ? '' : own;
}

/** Whether a request with that record may still write: not when the user has proved again who they are since, and that has ended its secret. */
export function mayWrite(
  record: SessionRecord,
  stored: { readonly authenticatedAt: number | undefined; readonly secrets: Secrets },
): boolean {
  return record.authenticatedAt === stored.authenticatedAt || goodSecrets(stored.secrets, 0).includes(record.presented);
}

/**
 * Whether `rotateAfter` asks for a new secret, that long after the latest rotation. Who still comes with the one before it two graces later has
 * not got the answer of that rotation.
 */
export function isSecretOld(secret: SecretState, ms: number, { rotateAfter, rotationGrace }: RotationTimes): boolean {
  if (rotateAfter === undefined || secret === 'unconfirmed') return false;
  return ms >= (secret === 'previous' ? 2 * rotationGrace : rotateAfter);
}

interface RotationTimes {
  readonly rotateAfter: number | undefined;
  readonly rotationGrace: number;
}

/** Whether a session that somebody else has ended was that of whoever presents this secret. */
export function isHolder(presented: string, { secretHashes }: Tombstone): boolean {
  return secretHashes.filter((hash) => isSame(presented, hash)).length > 0;
}

/** Both are written here, since a comparison in constant time needs bytes, and new buffers for each would cost more than it. */
const left = Buffer.alloc(64);
const right = Buffer.alloc(64);

function isSame(a: string, b: string): boolean {
  if (a.length !== b.length || a.length > left.length) return false;
  left.fill(0).write(a, 'latin1');
  right.fill(0).write(b, 'latin1');
  return timingSafeEqual(left, right);
}
