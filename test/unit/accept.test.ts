import { describe, expect, test } from '@jest/globals';
import accepts from 'accepts';
import fc from 'fast-check';
import { prefersHtml } from '../../src/http/response/accept.js';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

describe('HTML rather than JSON', () => {
  test.each<[accept: string | undefined, isPreferred: boolean]>([
    [undefined, false],
    ['', false],
    ['*/*', false],
    [BROWSER, true],
    [BROWSER.replaceAll(',', ' , ').replaceAll(';', ' ; '), true],
    ['TEXT/HTML', true],
    ['text/html', true],
    ['text/*', true],
    ['application/json', false],
    ['application/*', false],
    ['application/json, text/plain, */*', false],
    ['text/html, */*; q=0.01', true],
    ['text/html, */*', true],
    ['text/html, application/json', true],
    ['application/json, text/html', false],
    ['application/json, text/*', false],
    ['text/html;q=0.4, application/json;q=0.5', false],
    ['text/html;q=0.5, application/json;q=0.4', true],
    ['text/html;q=0, */*', false],
    ['application/json;q=0, */*', true],
    ['text/*;q=0.2, text/html;q=0.9, application/json;q=0.5', true],
    ['text/*;q=0.9, text/html;q=0.2, application/json;q=0.5', false],
    ['image/png', false],
    ['text/html;level=1', false],
    ['text/html;q=2, application/json;q=0.1', false],
    ['text/html;q=much', false],
    ['text/plain;note="a, text/html"', false],
    ['text/plain;note="a\\", text/html', false],
    [',,;;q=1,', false],
  ])('for %j: %s', (accept, isPreferred) => {
    expect(prefersHtml(accept)).toBe(isPreferred);
  });

  test('as request.accepts() of Express has it', () => {
    const type = fc.constantFrom('text/html', 'application/json', 'text/*', 'application/*', '*/*', 'text/plain', 'image/png');
    const quality = fc.constantFrom('', ';q=0', ';q=0.3', ';q=0.5', ';q=1', '; q=0.75');
    const list = fc.array(
      fc.tuple(type, quality).map((parts) => parts.join('')),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(list, (ranges) => {
        const accept = ranges.join(', ');
        const request = { headers: accept === '' ? {} : { accept } } as never;
        expect(prefersHtml(accept)).toBe(accepts(request).type(['json', 'html']) === 'html');
      }),
      { numRuns: 1_000 },
    );
  });

  test('in a time that grows with the length only', () => {
    const hostile = ['"', '\\', '"\\', ';"', ','].map((piece) => piece.repeat(100_000));
    for (const accept of hostile) expect(prefersHtml(accept)).toBe(false);
  });
});
