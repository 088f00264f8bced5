import { timingSafeEqual } from 'node:crypto';
import type { Metadata, Tombstone } from './session-fields.js';
import type { SecretState, SessionRecord } from './session-record.js';
import { secretHashOf, type Sid } from './sid.js';

/** Which of a session's secrets was presented; `undefined` for none of them. Compares in constant time. */
export function matchSecret(presentedHash: string, metadata: Metadata, now: number): SecretState | undefined {
  const { secretHash, previousSecretHash, previousEndsAt } = metadata;
  const awaitsConfirmation = previousSecretHash !== '' && previousEndsAt === undefined;
  if (isSame(presentedHash, secretHash)) return awaitsConfirmation ? 'unconfirmed' : 'current';
  const previousIsGood = previousSecretHash !== '' && (previousEndsAt === undefined || now < previousEndsAt);
  return previousIsGood && isSame(presentedHash, previousSecretHash) ? 'previous' : undefined;
}

/**
 * The hash of a new secret that this request was the first to present, else ''. One that this request has itself brought about by a
 * rotation was presented by nobody yet, and may never reach its holder.
 */
export function firstPresented(sid: Sid, record: SessionRecord): string {
  return record.secret === 'unconfirmed' ? secretHashOf(sid) : '';
}

/** Which secret a request has that was the first to present it, or whose secret may have been replaced, once a write has told the current one. */
export function secretAfter(sid: Sid, record: SessionRecord, currentHash: string): SecretState {
  if (currentHash !== secretHashOf(sid)) return 'previous';
  return record.secret === 'unconfirmed' ? 'current' : record.secret;
}

/**
 * Whether `renewAfter` asks for a new secret, that long after the latest rotation. Who still comes with the one before it may not have got the
 * answer of that rotation, which can be replaced once the grace is over.
 */
export function isSecretOld(secret: SecretState, ms: number, { renewAfter, rotationGrace }: RotationTimes): boolean {
  if (renewAfter === undefined || secret === 'unconfirmed') return false;
  return ms >= (secret === 'previous' ? rotationGrace : renewAfter);
}

interface RotationTimes {
  readonly renewAfter: number | undefined;
  readonly rotationGrace: number;
}

/** Whether a session that somebody else has ended was that of whoever presents this secret. */
export function isHolder(presentedHash: string, { secretHashes }: Tombstone): boolean {
  return secretHashes.filter((hash) => isSame(presentedHash, hash)).length > 0;
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
