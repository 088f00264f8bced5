import { describe, expect, it } from '@jest/globals';
import type { Secrets } from '../../src/session/rotation.js';
import { matchSecret } from '../../src/session/secret-check.js';
import type { SecretState } from '../../src/session/session-record.js';

const NOW = 1_000;

const NEVER_ROTATED: Secrets = { current: 'new', unconfirmed: [], previous: [], rotatedAt: undefined };
const UNCONFIRMED: Secrets = { ...NEVER_ROTATED, current: 'old', unconfirmed: ['new', 'newer'] };
const IN_GRACE: Secrets = { ...NEVER_ROTATED, previous: [{ hash: 'old', endsAt: NOW + 1 }] };
const AFTER_GRACE: Secrets = { ...NEVER_ROTATED, previous: [{ hash: 'old', endsAt: NOW }] };

describe('matchSecret', () => {
  it.each<[string, string, Secrets, SecretState | undefined]>([
    ['current one', 'new', NEVER_ROTATED, 'current'],
    ['wrong one', 'neW', NEVER_ROTATED, undefined],
    ['longer one', 'new!', NEVER_ROTATED, undefined],
    ['empty one', '', NEVER_ROTATED, undefined],
    ['new one after a rotation', 'new', UNCONFIRMED, 'unconfirmed'],
    ['new one after another rotation', 'newer', UNCONFIRMED, 'unconfirmed'],
    ['old one while nobody presented a new one', 'old', UNCONFIRMED, 'previous'],
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
