// What the header of a Lua script must say:
//
//   -- Purpose in one sentence.
//   -- KEYS[1]  the session
//   -- ARGV[1]  its idle time in ms
//   -- ARGV[2..]  pairs of name and value        (a list that runs on)
//   -- Returns  1 stored, 0 gone
//
// A shared prelude needs the sentence only: what it reads is documented by the scripts that include it.

/** Ways in which the header of one file is missing or untrue. `full` is the script with its preludes; a prelude has none. */
export function headerProblems({ name, text, full }) {
  const header = headerOf(text);
  const problems = [];
  if (!/^[A-Z].*\w/.test(header[0] ?? '')) problems.push('must begin with a comment that states its purpose in one sentence');
  if (full !== undefined) {
    if (!header.some((line) => /^Returns\b\s*\S/.test(line))) problems.push('has no "-- Returns" line in its header');
    problems.push(...parameterProblems('KEYS', header, full), ...parameterProblems('ARGV', header, full));
  }
  return problems.map((problem) => `${name}.lua ${problem}`);
}

function parameterProblems(list, header, full) {
  const code = full.replaceAll(/--.*$/gm, '');
  const { numbers, openFrom } = documented(list, header);
  const used = new Set([...code.matchAll(new RegExp(`\\b${list}\\s*\\[\\s*(\\d+)\\s*\\]`, 'g'))].map(([, number]) => Number(number)));
  const usedOtherwise = new RegExp(`\\b${list}\\b(?!\\s*\\[\\s*\\d+\\s*\\])`).test(code);

  const problems = [...used]
    .filter((number) => !numbers.has(number) && number < openFrom)
    .map((number) => `uses ${list}[${number}], which its header does not document`);
  if (!usedOtherwise) {
    const unused = [...numbers].filter((number) => !used.has(number));
    problems.push(...unused.map((number) => `documents ${list}[${number}], which it does not use`));
  } else if (numbers.size === 0 && openFrom === Infinity) {
    problems.push(`uses ${list}, of which its header documents nothing`);
  }
  return problems;
}

function documented(list, header) {
  const numbers = new Set();
  let openFrom = Infinity;
  for (const line of header) {
    const [, first, range, last] = line.match(new RegExp(`^${list}\\[(\\d+)(\\.\\.(\\d+)?)?\\]\\s+\\S`)) ?? [];
    if (first === undefined) continue;
    if (range !== undefined && last === undefined) openFrom = Math.min(openFrom, Number(first));
    else for (let number = Number(first); number <= Number(last ?? first); number++) numbers.add(number);
  }
  return { numbers, openFrom };
}

/** The comment lines at the top, without `-- `. A shebang (`#!lua flags=…`) may stand before them. */
function headerOf(text) {
  const lines = text.split('\n');
  if (lines[0]?.startsWith('#!')) lines.shift();
  const end = lines.findIndex((line) => !line.startsWith('--') || line.startsWith('-- include '));
  return lines.slice(0, end === -1 ? lines.length : end).map((line) => line.replace(/^--\s?/, ''));
}
