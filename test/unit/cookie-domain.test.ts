import { describe, expect, test } from '@jest/globals';
import { serialize } from 'cookie';
import { isCookieDomain } from '../../src/session/cookie-domain.js';

const LABEL = 'a'.repeat(63);

describe('the domain of a cookie', () => {
  test.each([
    'example.com',
    '.example.com',
    'a',
    '1.2.3.4',
    'xn--e1afmkfd.com',
    `${LABEL}.com`,
    `www.${LABEL}`,
    `${LABEL}.${LABEL}.${LABEL}`,
  ])('may be %s, which can be sent', (domain) => {
    expect(isCookieDomain(domain)).toBe(true);
    expect(() => serialize('name', 'value', { domain })).not.toThrow();
  });

  test.each<unknown>(['', '.', 'a.', '-a', 'a-', 'a..b', 'a_b', 'a:1', 'a;b', `${LABEL}a.com`, `www.${LABEL}a`, ['a'], 1, null])(
    'may not be %j',
    (domain) => {
      expect(isCookieDomain(domain)).toBe(false);
    },
  );
});
