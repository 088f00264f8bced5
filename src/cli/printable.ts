/** Control characters, those that change the direction of a text, and line separators. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** A text that came from elsewhere (a user id, a browser's name) as a terminal may be given it: it can move no cursor and fake no line. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
}

/** For a shell, which is given the very text; a terminal, nothing that moves its cursor. */
export function quoted(text: string): string {
  if (printable(text) === text) return `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const escaped = text.replaceAll(/[\\']/g, String.raw`\$&`);
  return `$'${escaped.replaceAll(UNPRINTABLE, (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`)}'`;
}

/** For people: 1,234,567. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

/** "1 session", "2 sessions", "2 hashes". */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${count === 1 ? noun : `${noun}${noun.endsWith('h') ? 'es' : 's'}`}`;
}

/** Where nothing was found: a mistyped prefix looks like a Redis without sessions. */
export function underPrefix(prefix: string, found: number): string {
  return found === 0 ? ` under the prefix "${printable(prefix)}"` : '';
}

const SIZES = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** For people: 1,536 bytes are "1.5 kB". */
export function sized(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1_024 && unit < SIZES.length - 1) {
    amount /= 1_024;
    unit++;
  }
  return `${unit === 0 ? grouped(amount) : amount.toFixed(1)} ${SIZES[unit] ?? ''}`;
}

const SPANS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** For people: "3 d", "45 min", in the largest unit that fits, rounded down. */
export function spanned(ms: number): string {
  const [name, unit] = SPANS.find(([, least]) => ms >= least) ?? ['s', 1_000];
  return `${grouped(Math.max(0, Math.floor(ms / unit)))} ${name}`;
}

/** Rows as columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
