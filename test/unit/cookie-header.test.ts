import { describe, expect, test } from '@jest/globals';
import { parse } from 'cookie';
import { cookieValues } from '../../src/http/cookie/cookie-header.js';

const NAME = '__Host-sid';
/** As Node gives a header: a character for each byte. */
const asReceived = (text: string) => Buffer.from(text).toString('latin1');
const codePoints = (end: number) => Array.from({ length: end }, (_, code) => String.fromCodePoint(code));

/** Unicode's white space and what else `trim()` takes for it, and all control and format characters, as characters and as the bytes of UTF-8. */
const SUSPECTS = codePoints(0x110000 - 1)
  .filter((character) => /[\p{White_Space}\p{Cc}\p{Cf}\p{Z}\s]/u.test(character))
  .flatMap((character) => [character, asReceived(character)]);
/** RFC 6265bis, section 5.6, step 4: what browsers strip. */
const isWhiteSpace = (text: string) => text === ' ' || text === '\t';

describe('the cookies of a name in a header', () => {
  const characters = new Set([...codePoints(256), ...SUSPECTS]);
  characters.delete(';');
  characters.delete('=');

  test.each<[string, (suspect: string) => string]>([
    ['before the name', (suspect) => `${suspect}${NAME}=x`],
    ['after the name', (suspect) => `${NAME}${suspect}=x`],
    ['on both sides of the name', (suspect) => `a=1; ${suspect}${NAME}${suspect}=x; b=2`],
  ])('are not those with any other character than space and tab %s, as the package cookie has it', (_where, header) => {
    for (const suspect of characters) {
      const found = cookieValues(header(suspect), NAME);
      expect([suspect, found]).toEqual([suspect, isWhiteSpace(suspect) ? ['x'] : []]);
      expect([suspect, found[0]]).toEqual([suspect, parse(header(suspect))[NAME]]);
    }
  });

  test('have values that lose space and tab alone at their ends, as in the package cookie', () => {
    for (const suspect of characters) {
      const header = `${NAME}=${suspect}x${suspect}y${suspect}; b=2`;
      const [found] = cookieValues(header, NAME);
      expect([suspect, found]).toEqual([suspect, isWhiteSpace(suspect) ? `x${suspect}y` : `${suspect}x${suspect}y${suspect}`]);
      expect([suspect, found]).toEqual([suspect, parse(header, { decode: (text) => text })[NAME]]);
    }
  });

  test.each([
    ['', []],
    ['=', []],
    [';', []],
    [NAME, []],
    [`${NAME};x=1`, []],
    [`x;${NAME}=1`, ['1']],
    [`=${NAME}=1`, []],
    [`${NAME}=`, ['']],
    [`${NAME}==`, ['=']],
    [`${NAME}=;${NAME}=2`, ['', '2']],
    [` \t${NAME}\t = \t 1 \t`, ['1']],
    [`${NAME}=1;;; ;${NAME}=2;`, ['1', '2']],
    [`__host-sid=1; ${NAME}s=2; x${NAME}=3; ${NAME} x=4; x ${NAME}=5`, []],
  ])('are in %j: %j', (header, values) => {
    expect(cookieValues(header, NAME)).toEqual(values);
  });

  test.each<[string, (length: number) => string]>([
    ['separators', (length) => ';'.repeat(length)],
    ['separators, and one sign at the end', (length) => `${';'.repeat(length - 1)}=`],
    ['names without a value', (length) => 'a;'.repeat(length / 2)],
    ['names without a value, and one cookie at the end', (length) => `${'a;'.repeat(length / 2 - 2)}a=1;`],
    ['signs', (length) => '='.repeat(length)],
    ['cookies', (length) => 'a=1;'.repeat(length / 4)],
    ['our cookies', (length) => `${NAME}=1;`.repeat(length / 13)],
    ['spaces', (length) => `${' '.repeat(length / 2)}=${' '.repeat(length / 2 - 1)}`],
    ['spaces around our name', (length) => `${' '.repeat(length / 4)}${NAME}${' '.repeat(length / 4)}=${' '.repeat(length / 2)}`],
    ['spaces and separators', (length) => ' ;'.repeat(length / 2)],
  ])('are found in a time that doubles with the length of a header of %s', (_what, make) => {
    const steps = [1_000, 2_000, 4_000, 64_000].map((length) => stepsOf(make(length)) / make(length).length);
    for (const perCharacter of steps) expect(perCharacter).toBeLessThan(5);
  });
});

/** How many characters are looked at. */
function stepsOf(header: string): number {
  let steps = 0;
  const counted: Pick<string, 'length' | 'indexOf' | 'startsWith' | 'charCodeAt' | 'slice' | 'trim'> = {
    length: header.length,
    indexOf: (character, from = 0) => {
      const found = header.indexOf(character, from);
      steps += (found < 0 ? header.length : found + 1) - Math.min(from, header.length);
      return found;
    },
    startsWith: (text, from) => ((steps += text.length), header.startsWith(text, from)),
    charCodeAt: (index) => (steps++, header.charCodeAt(index)),
    slice: (start = 0, end = header.length) => ((steps += end - start), header.slice(start, end)),
    trim: () => ((steps += header.length), header.trim()),
  };
  cookieValues(counted as string, NAME);
  return steps;
}
