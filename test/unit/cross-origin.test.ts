import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { crossOriginReason, type RequestOrigin } from '../../src/http/csrf/cross-origin.js';

const RULES = { trustedOrigins: new Set(['https://app.example']), strict: false };
const reasonOf = (request: Partial<RequestOrigin>, rules = RULES) =>
  crossOriginReason(
    { method: 'POST', isWebSocket: false, fetchSite: undefined, origin: undefined, host: 'shop.example', isSecure: false, ...request },
    rules,
  );

/** Few letters, so that some are alike. */
const host = fc.stringMatching(/^[ab]{1,2}(\.[ab]{1,2}){0,2}$/);
const port = fc.option(fc.constantFrom(80, 443, 3000), { nil: undefined });
const scheme = fc.constantFrom('http', 'https');
const at = (name: string, number: number | undefined) => (number === undefined ? name : `${name}:${number}`);

describe('crossOriginReason', () => {
  test('without Sec-Fetch-Site, passes exactly those whose Origin is the host, as URLs have it', () => {
    fc.assert(
      fc.property(scheme, host, port, host, port, (protocol, theirs, theirPort, ours, ourPort) => {
        const origin = `${protocol}://${at(theirs, theirPort)}`;
        const isSame = new URL(origin).host === new URL(`${protocol}://${at(ours, ourPort)}`).host;
        expect(reasonOf({ origin, host: at(ours, ourPort) })).toBe(isSame ? undefined : 'cross-origin');
      }),
    );
  });

  test('refuses any other text in Origin, however much of our host is in it', () => {
    const piece = fc.constantFrom(
      'shop.example',
      'https://',
      'http://',
      '@',
      '.',
      ':',
      '/',
      '#',
      '?',
      '\\',
      ',',
      ' ',
      'evil',
      '443',
      '%2e',
      '[',
      ']',
      '\u212a',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1 }), (pieces) => {
        const origin = pieces.join('');
        const isOurs = /^https?:\/\/shop\.example$/.test(origin) || origin === 'https://shop.example:443';
        expect(reasonOf({ origin })).toBe(isOurs ? undefined : 'cross-origin');
      }),
      { numRuns: 1_000 },
    );
  });

  test('with Sec-Fetch-Site, passes exactly same-origin and none', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('same-site', 'cross-site', 'None', 'same-origin ')),
        (fetchSite) => {
          fc.pre(fetchSite !== 'same-origin' && fetchSite !== 'none');
          expect(reasonOf({ fetchSite, origin: 'https://shop.example' })).toBe(fetchSite === 'same-site' ? 'same-site' : 'cross-site');
        },
      ),
    );
  });

  test('passes safe methods alone, as they are written', () => {
    const refused = { fetchSite: 'cross-site', origin: 'https://evil.example' };
    expect(['GET', 'HEAD', 'OPTIONS'].map((method) => reasonOf({ ...refused, method }))).toEqual(Array(3).fill(undefined));
    for (const method of ['get', 'TRACE', 'CONNECT', 'QUERY', 'DELETE', '', undefined])
      expect(reasonOf({ ...refused, method })).toBe('cross-site');
  });

  test('trusts an origin over http where https was asked only when it is named', () => {
    const twin = { origin: 'http://shop.example', isSecure: true };
    expect(reasonOf(twin)).toBe('insecure-origin');
    expect(reasonOf(twin, { ...RULES, trustedOrigins: new Set(['http://shop.example']) })).toBeUndefined();
    expect(reasonOf({ ...twin, fetchSite: 'same-origin' })).toBeUndefined();
  });
});
