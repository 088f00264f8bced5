/**
 * Names in `options` that are not options, each with the real one that was probably meant.
 *
 * @param elsewhere names that people put here, and the full names of what they are looking for
 */
export function unknownNames(
  group: string,
  options: object,
  known: readonly string[],
  elsewhere: ReadonlyMap<string, string> = new Map(),
): string[] {
  return Object.keys(options)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = elsewhere.get(name) ?? nearest(name, known);
      const cure = meant === undefined ? `Known names: ${known.join(', ')}.` : `Did you mean "${meant}"?`;
      return `"${group === '' ? name : `${group}.${name}`}" is not an option. ${cure}`;
    });
}

/** For `unknownNames`: options that live in another group. */
export function namesOf(group: string, names: readonly string[]): [string, string][] {
  return names.map((name) => [name, `${group}.${name}`]);
}

/** The options that were given: what is there and `undefined`, as `config.get()` yields it, is no wish. */
export function withoutUndefined<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: Exclude<Options[Name], undefined> } {
  // `Object.fromEntries` does not know that the names are those that went in.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

export function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** Names what was received without showing it: a value may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return String(value);
  if (value === '') return 'an empty string';
  return `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`;
}

/** The known name that was probably meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const byDistance = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(Math.min(name.length, candidate.length) / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return byDistance[0]?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
