const SPACE = 0x20;
const TAB = 0x09;

/**
 * The values of the cookies of that name in a `Cookie` header, as they stand there, in their order. What has no `=` is no cookie.
 *
 * White space is space and tab, as for browsers (RFC 6265bis, section 5.6): to them `\xA0__Host-sid` is a name like any other, which pages over http and
 * of neighbouring domains may set. The time is in proportion to the length, whatever it holds: each character is looked at once for `;` and once for `=`.
 */
export function cookieValues(header: string, name: string): string[] {
  const values: string[] = [];
  let equals = header.indexOf('=');
  for (let start = 0; equals >= 0;) {
    const semicolon = header.indexOf(';', start);
    const end = semicolon < 0 ? header.length : semicolon;
    if (equals < end && isNamed(header, start, equals, name)) values.push(trimmed(header, equals + 1, end));
    start = end + 1;
    if (equals < start) equals = header.indexOf('=', start);
  }
  return values;
}

function isNamed(header: string, start: number, end: number, name: string): boolean {
  const from = startOf(header, start, end);
  return header.startsWith(name, from) && endOf(header, from, end) === from + name.length;
}

function trimmed(header: string, start: number, end: number): string {
  const from = startOf(header, start, end);
  return header.slice(from, endOf(header, from, end));
}

function startOf(header: string, start: number, end: number): number {
  let index = start;
  while (index < end && isWhiteSpace(header.charCodeAt(index))) index++;
  return index;
}

function endOf(header: string, start: number, end: number): number {
  let index = end;
  while (index > start && isWhiteSpace(header.charCodeAt(index - 1))) index--;
  return index;
}

function isWhiteSpace(code: number): boolean {
  return code === SPACE || code === TAB;
}
