import { describe, expect, it } from '@jest/globals';
import { isIdentity, isSameUser } from '../../src/session/identity.js';

describe('isIdentity', () => {
  it.each([{ id: 'ada' }, { id: 0 }, { id: -1.5 }, { id: '0', roles: [] }])('%p is one', (value) => {
    expect(isIdentity(value)).toBe(true);
  });

  it.each([
    undefined,
    null,
    '',
    'ada',
    7,
    [],
    {},
    { id: '' },
    { id: null },
    { id: Number.NaN },
    { id: Number.POSITIVE_INFINITY },
    { id: ['ada'] },
    { id: 1n },
    { id: 'half a pair \ud83d' },
    { ID: 1 },
  ])('%p is nobody', (value) => {
    expect(isIdentity(value)).toBe(false);
  });
});

describe('isSameUser', () => {
  it('compares ids as text', () => {
    expect(isSameUser({ id: 7 }, { id: '7' })).toBe(true);
    expect(isSameUser({ id: 'ada' }, { id: 'Ada' })).toBe(false);
  });
});
