import { expect, test } from '@jest/globals';
import { SuspiciousCookies } from '../../src/http/cookie/suspicious-cookies.js';

const MINUTE = 60_000;

test('suspicious cookies are told of at once, and then at most once in ten minutes, with their number', () => {
  const lines: string[] = [];
  let now = 5;
  const cookies = new SuspiciousCookies(
    (line) => lines.push(line),
    () => now,
  );
  cookies.add(1);
  for (let count = 0; count < 500; count++) cookies.add(2);
  now += 9 * MINUTE;
  cookies.add(1);
  expect(lines).toEqual([expect.stringMatching(/^Possibly suspicious: 1 session cookie.* keep the one before it, .*\[new, old\]/)]);
  now += MINUTE;
  cookies.add(3);
  cookies.add(3);
  expect(lines.slice(1)).toEqual([expect.stringMatching(/^Possibly suspicious: 1004 session cookie/)]);
});
