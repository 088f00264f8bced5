import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeHash, fieldOfEntry, recordOf } from '../../src/session/store/session-fields.js';
import type { Handle } from '../../src/session/sid.js';

const META = '1|rs|rs|1jk|1aao|15o|-5k|current|newer,newest|old:2bc,older:1jk|1xg|ada|x';

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
      secrets: {
        current: 'current',
        unconfirmed: ['newer', 'newest'],
        previous: [
          { hash: 'old', endsAt: 4_000 },
          { hash: 'older', endsAt: 3_000 },
        ],
        rotatedAt: 3_500,
      },
      authenticatedAt: 1_500,
      indexedAt: 800,
      userId: 'ada|x',
    });
  });

  it.each([
    ['the sign-in, unless it is another time', '1|rs|rs|1jk|1aao|||current|newer||1xg|ada', { authenticatedAt: 1_000 }],
    ['no sign-in without a user', '1|rs|rs|1jk|1aao|||current|newer||1xg|', { authenticatedAt: undefined, userId: undefined }],
    ['no absolute end', '1|rs|rs||1aao|||current|newer||1xg|', { absoluteEndsAt: undefined }],
    ['a session that was indexed after it began', '1|rs|rs|1jk|1aao||5k|current|newer||1xg|ada', { indexedAt: 1_200 }],
    ['a session that was indexed as it began', '1|rs|rs|1jk|1aao||0|current|newer||1xg|ada', { indexedAt: 1_000 }],
    ['a session of which nobody knows when it was indexed', '1|rs|rs|1jk|1aao|||current|newer||1xg|ada', { indexedAt: undefined }],
    [
      'no rotation',
      '1|rs|rs|1jk|1aao|||current||||ada',
      { secrets: { current: 'current', unconfirmed: [], previous: [], rotatedAt: undefined } },
    ],
    ['a session that has just begun', '1|rs|0|1jk|1aao|||current||||', { createdAt: 1_000, lastSeenAt: 1_000 }],
  ])('reads %s', (_what, packed, expected) => {
    expect(decodeHash({ '@meta': packed })?.metadata).toMatchObject(expected);
  });

  it.each([
    '',
    '1',
    META.replace('1|', '2|'),
    `x${META}`,
    META.replace('|1xg|ada|x', ''),
    META.replace('|rs|rs', '||rs'),
    META.replace('|rs|rs', '|rs|'),
    META.replace('|rs|rs', '|rs|R'),
    META.replace('|rs|rs', '|rs|-1'),
    META.replace('|rs|rs', `|rs|${'z'.repeat(10)}`),
    META.replace('15o', '1.5'),
    META.replace('old:2bc', 'old'),
    META.replace('old:2bc', 'old:-1'),
    META.replace('|1xg|', '|R|'),
    META.replace('-5k', '--5k'),
    META.replace('-5k', '-'),
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
    '{"originalMaxAge":false,"path":"/"}',
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
    JSON.stringify({ domain: `${'a'.repeat(64)}.example` }),
    '{"__proto__":{}}',
    '{"expires":"2026-01-01"}',
  ])('finds no cookie in %j', (text) => {
    expect(decodeHash({ '@meta': META, '@cookie': text })?.cookie).toBeUndefined();
  });
});

describe('recordOf', () => {
  it('holds of the secret nothing but the hash of the one that was presented', () => {
    const record = recordOf('the handle' as Handle, decodeHash({ '@meta': META, n: '1' })!, {
      secret: 'previous',
      presented: 'the hash',
    });
    expect(record).toEqual({
      handle: 'the handle',
      createdAt: 1_000,
      lastSeenAt: 2_000,
      absoluteEndsAt: 3_000,
      idle: 60_000,
      userId: 'ada|x',
      authenticatedAt: 1_500,
      indexedAt: 800,
      rotatedAt: 3_500,
      cookie: undefined,
      entries: new Map([['n', '1']]),
      secret: 'previous',
      presented: 'the hash',
    });
  });
});
