import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeHash, fieldOfEntry, recordOf } from '../../src/session/session-fields.js';
import type { Handle } from '../../src/session/sid.js';

const META = '1|1000|2000|3000|60000|current|previous|4000|3500';

describe('fieldOfEntry', () => {
  it.each([
    ['cart', 'cart'],
    ['', ''],
    ['@', '@@'],
    ['@meta', '@@meta'],
    ['@@x', '@@@x'],
    ['a@b', 'a@b'],
  ])('stores the entry %j in the field %j', (entry, field) => {
    expect(fieldOfEntry(entry)).toBe(field);
  });

  it('gives different entries different fields, none of them metadata, and decodeHash gives the entries back', () => {
    const names = fc.uniqueArray(
      fc
        .oneof(
          fc.string(),
          fc.string().map((name) => `@${name}`),
        )
        .filter((name) => name !== '__proto__'),
    );
    fc.assert(
      fc.property(names, (entries) => {
        const hash = Object.fromEntries([['@meta', META], ...entries.map((name) => [fieldOfEntry(name), `text of ${name}`])]);
        const expected = new Map(entries.map((name) => [name, `text of ${name}`]));
        expect(Object.keys(hash)).toHaveLength(entries.length + 1);
        expect(decodeHash(hash)?.entries).toEqual(expected);
      }),
    );
  });
});

describe('decodeHash', () => {
  it('reads the packed metadata', () => {
    expect(decodeHash({ '@meta': META })?.metadata).toEqual({
      createdAt: 1_000,
      lastSeenAt: 2_000,
      absoluteEndsAt: 3_000,
      idle: 60_000,
      secretHash: 'current',
      previousSecretHash: 'previous',
      previousEndsAt: 4_000,
    });
  });

  it('reads an absolute end of 0 as none', () => {
    expect(decodeHash({ '@meta': META.replace('3000', '0') })?.metadata.absoluteEndsAt).toBeUndefined();
  });

  it.each([
    '',
    '1',
    META.replace('1|', '2|'),
    `${META}|`,
    `x${META}`,
    META.replace('2000', ''),
    META.replace('2000', '2e3'),
    META.replace('2000', '9'.repeat(16)),
  ])('finds no session with the metadata %j', (packed) => {
    expect(decodeHash({ '@meta': packed, cart: '[]' })).toBeUndefined();
  });

  it('finds no session without metadata of its own', () => {
    expect(decodeHash({})).toBeUndefined();
    expect(decodeHash({ cart: '[]' })).toBeUndefined();
    expect(decodeHash(Object.create({ '@meta': META }) as Record<string, string>)).toBeUndefined();
  });

  it('leaves out metadata that it does not know, and __proto__', () => {
    const hash = JSON.parse(`{"@meta":${JSON.stringify(META)},"@later":"x","__proto__":"{}","n":"1"}`) as Record<string, string>;
    expect(decodeHash(hash)?.entries).toEqual(new Map([['n', '1']]));
  });

  it.each([
    '{}',
    '{"originalMaxAge":86400000,"secure":true,"httpOnly":false,"partitioned":true,"sameSite":"Strict","priority":"high","domain":".shop.example","path":"/a b"}',
    '{"originalMaxAge":null,"sameSite":false,"domain":null}',
  ])('reads the cookie %s', (text) => {
    expect(decodeHash({ '@meta': META, '@cookie': text })?.cookie).toEqual(JSON.parse(text));
  });

  it.each([
    '',
    'x',
    '1',
    'null',
    '[]',
    '{"maxAge":1}',
    '{"secure":1}',
    '{"path":"/;x"}',
    '{"domain":"-a"}',
    '{"__proto__":{}}',
    '{"expires":"2026-01-01"}',
  ])('finds no cookie in %j', (text) => {
    expect(decodeHash({ '@meta': META, '@cookie': text })?.cookie).toBeUndefined();
  });
});

describe('recordOf', () => {
  it('holds no secret', () => {
    const record = recordOf('the handle' as Handle, decodeHash({ '@meta': META, n: '1' })!, 'previous');
    expect(record).toEqual({
      handle: 'the handle',
      createdAt: 1_000,
      lastSeenAt: 2_000,
      absoluteEndsAt: 3_000,
      idle: 60_000,
      cookie: undefined,
      entries: new Map([['n', '1']]),
      secret: 'previous',
    });
  });
});
