import { describe, expect, it } from '@jest/globals';
import { isPositive, kindOf, unknownNames } from '../../src/session/option-checks.js';

describe('unknownNames', () => {
  const known = ['prefix', 'ttl', 'absoluteTtl', 'touchAfter', 'maxBytes'];

  it('says nothing of known names, whatever their value', () => {
    expect(unknownNames('store', { prefix: undefined, ttl: 1 }, known)).toEqual([]);
  });

  it.each([
    ['Prefix', 'prefix'],
    ['prefx', 'prefix'],
    ['tll', 'ttl'],
    ['absoluteTTL', 'absoluteTtl'],
    ['touchAftr', 'touchAfter'],
    ['maxByte', 'maxBytes'],
  ])('asks of %s whether %s was meant', (name, meant) => {
    expect(unknownNames('store', { [name]: 1 }, known)).toEqual([`"store.${name}" is not an option. Did you mean "${meant}"?`]);
  });

  it('lists the known names when none is near', () => {
    expect(unknownNames('store', { compression: 1 }, known)).toEqual([
      '"store.compression" is not an option. Known names: prefix, ttl, absoluteTtl, touchAfter, maxBytes.',
    ]);
  });

  it('names an option of no group by itself', () => {
    expect(unknownNames('', { prefx: 1 }, known)).toEqual(['"prefx" is not an option. Did you mean "prefix"?']);
  });

  it('has no trouble with names that every object has', () => {
    expect(unknownNames('', { constructor: 1, toString: 1 }, known)).toHaveLength(2);
  });
});

describe('isPositive', () => {
  it.each([1, 0.001, Number.MAX_VALUE])('%p is', (value) => expect(isPositive(value)).toBe(true));
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, null, undefined])('%p is not', (value) =>
    expect(isPositive(value)).toBe(false),
  );
});

describe('kindOf', () => {
  it.each([
    [null, 'null'],
    [undefined, 'undefined'],
    [['a secret'], 'an array'],
    [-1, '-1'],
    [Number.NaN, 'NaN'],
    ['', 'an empty string'],
    ['a secret', 'a string'],
    [{ password: 'a secret' }, 'an object'],
    [true, 'a boolean'],
    [() => 'a secret', 'a function'],
  ])('%p is shown as %s', (value, shown) => expect(kindOf(value)).toBe(shown));
});
