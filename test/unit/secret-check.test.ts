import { describe, expect, it } from '@jest/globals';
import { firstPresented, matchSecret } from '../../src/session/secret-check.js';
import type { Metadata } from '../../src/session/session-fields.js';
import type { SecretState, SessionRecord } from '../../src/session/session-record.js';
import { generateSid, handleOf, secretHashOf } from '../../src/session/sid.js';

const NOW = 1_000;

function metadata(parts: Partial<Metadata>): Metadata {
  return {
    createdAt: 0,
    lastSeenAt: 0,
    absoluteEndsAt: undefined,
    idle: 1,
    secretHash: 'new',
    previousSecretHash: '',
    previousEndsAt: undefined,
    authenticatedAt: undefined,
    rotatedAt: undefined,
    userId: undefined,
    ...parts,
  };
}

const NEVER_ROTATED = metadata({});
const UNCONFIRMED = metadata({ previousSecretHash: 'old' });
const IN_GRACE = metadata({ previousSecretHash: 'old', previousEndsAt: NOW + 1 });
const AFTER_GRACE = metadata({ previousSecretHash: 'old', previousEndsAt: NOW });

describe('matchSecret', () => {
  it.each<[string, string, Metadata, SecretState | undefined]>([
    ['current one', 'new', NEVER_ROTATED, 'current'],
    ['wrong one', 'neW', NEVER_ROTATED, undefined],
    ['longer one', 'new!', NEVER_ROTATED, undefined],
    ['empty one', '', NEVER_ROTATED, undefined],
    ['new one after a rotation', 'new', UNCONFIRMED, 'unconfirmed'],
    ['old one while nobody presented the new one', 'old', UNCONFIRMED, 'previous'],
    ['new one after that', 'new', IN_GRACE, 'current'],
    ['old one in its grace', 'old', IN_GRACE, 'previous'],
    ['old one after its grace', 'old', AFTER_GRACE, undefined],
    ['new one after the grace', 'new', AFTER_GRACE, 'current'],
    ['wrong one after a rotation', 'older', UNCONFIRMED, undefined],
    ['empty one after a rotation', '', UNCONFIRMED, undefined],
  ])('the %s', (_what, presented, stored, expected) => {
    expect(matchSecret(presented, stored, NOW)).toBe(expected);
  });
});

describe('firstPresented', () => {
  const sid = generateSid();
  const recordWith = (secret: SecretState): SessionRecord => ({
    handle: handleOf(sid),
    createdAt: 0,
    lastSeenAt: 0,
    absoluteEndsAt: undefined,
    idle: 1,
    userId: undefined,
    authenticatedAt: undefined,
    rotatedAt: undefined,
    device: undefined,
    cookie: undefined,
    entries: new Map(),
    secret,
  });

  it('is the hash of a secret that awaits confirmation, and nothing otherwise', () => {
    expect(firstPresented(sid, recordWith('unconfirmed'))).toBe(secretHashOf(sid));
    expect(firstPresented(sid, recordWith('current'))).toBe('');
    expect(firstPresented(sid, recordWith('previous'))).toBe('');
  });
});
