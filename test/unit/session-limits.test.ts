import { describe, expect, it } from '@jest/globals';
import { checkLimits } from '../../src/session/store/session-limits.js';

const LIMITS = { maxBytes: 20, maxFieldBytes: 10, maxFields: 3 };

function check(before: Record<string, string>, set: Record<string, string>, removed: string[] = []): void {
  checkLimits(LIMITS, new Map(Object.entries(before)), { set: new Map(Object.entries(set)), removed });
}

describe('checkLimits', () => {
  it('lets pass what is exactly as large as allowed', () => {
    expect(() => check({}, { a: 'x'.repeat(9), b: 'x'.repeat(9) })).not.toThrow();
    expect(() => check({}, { a: '1', b: '1', c: '1' })).not.toThrow();
  });

  it('counts bytes, not characters, and the name of an entry with it', () => {
    expect(() => check({}, { a: 'é'.repeat(4) })).not.toThrow();
    expect(() => check({}, { a: 'é'.repeat(5) })).toThrow(/"a" has 11 bytes with its name, "store.maxFieldBytes" allows 10/);
    expect(() => check({}, { ['x'.repeat(10)]: '1' })).toThrow(/11 bytes with its name/);
    expect(() => check({}, { éé: '12345', èè: '12345', c: '12' })).toThrow(/21 bytes, "store.maxBytes" allows 20/);
  });

  it('counts what is there already, without what is removed or replaced', () => {
    const before = { a: 'x'.repeat(10), b: '1', c: '1' };
    expect(() => check(before, { d: '1' })).toThrow(/4 entries, "store.maxFields" allows 3/);
    expect(() => check(before, { d: '1' }, ['b'])).not.toThrow();
    expect(() => check(before, { b: 'x'.repeat(8) })).toThrow(/"store.maxBytes" allows 20/);
    expect(() => check(before, { a: '1', b: 'x'.repeat(8) })).not.toThrow();
  });

  it('lets a session that is too large already shrink and stay as large, but not grow', () => {
    const before = { a: 'x'.repeat(30), b: '1', c: '1', d: '1' };
    expect(() => check(before, {}, ['b'])).not.toThrow();
    expect(() => check(before, { a: 'x'.repeat(29) })).not.toThrow();
    expect(() => check(before, { a: 'y'.repeat(30) })).not.toThrow();
    expect(() => check(before, { a: 'x'.repeat(31) })).toThrow(/maxFieldBytes/);
    expect(() => check(before, { b: '12' })).toThrow(/maxBytes/);
    expect(() => check(before, { a: '1', e: '1' })).toThrow(/maxFields/);
  });

  it('names the entry and never shows its value', () => {
    const thrown = () => check({}, { 'my "entry"': 'the value of it' });
    expect(thrown).toThrow(
      expect.objectContaining({ code: 'SESSION_LIMIT_EXCEEDED', message: expect.stringContaining('"my \\"entry\\""') }),
    );
    expect(thrown).not.toThrow(/the value/);
  });

  it.each(['__proto__', '\ud83c', 'a\udf6a'])('refuses the name %j', (name) => {
    expect(() => checkLimits(LIMITS, new Map(), { set: new Map([[name, '1']]), removed: [] })).toThrow(
      expect.objectContaining({ code: 'SESSION_NOT_SERIALIZABLE' }),
    );
  });

  it.each(['constructor', 'prototype', '🍪', '', '__proto', '@meta'])('has nothing against the name %j', (name) => {
    expect(() => checkLimits({ ...LIMITS, maxFieldBytes: 20 }, new Map(), { set: new Map([[name, '1']]), removed: [] })).not.toThrow();
  });
});
