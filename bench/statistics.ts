/** The ends of what a value may be, as far as chance goes. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What was measured, and how far chance may have moved it; without an interval where it could not be told. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval | undefined;
}

/** How a new figure stands to an old one. */
export type Verdict = 'no difference' | 'less' | 'more';

/** Of the resamples of a bootstrap, so many lie within the interval. */
export const CONFIDENCE = 0.95;
export const RESAMPLES = 2_000;

/** Numbers from 0 up to 1, always the same ones for the same seed (the generator mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same elements in another order (Fisher and Yates). */
export function shuffled<T>(elements: readonly T[], random: () => number): T[] {
  const rest = [...elements];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return order;
}

/** The value below which that share of the others lies, between two neighbours in proportion; NaN for no values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).toSorted();
  const position = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(position)] ?? Number.NaN, sorted[Math.ceil(position)] ?? Number.NaN];
  return below + (above - below) * (position - Math.floor(position));
}

/**
 * Draws as many rounds as there are, with replacement: first groups, then rounds of each group. The rounds of a group have something in
 * common (the same server process), so they tell less than as many rounds that have not.
 */
export function resample(groups: readonly (readonly number[])[], random: () => number): number[] {
  return groups.flatMap(() => {
    const group = one(groups, random) ?? [];
    return group.flatMap(() => one(group, random) ?? []);
  });
}

/**
 * The bootstrap interval of a statistic of rounds, by percentiles. `undefined` when the statistic has no value in some resample, as a ratio
 * has none when what it is divided by is not above zero.
 */
export function intervalOf(
  resamples: readonly (readonly number[])[],
  statistic: (rounds: readonly number[]) => number,
): Interval | undefined {
  const values = resamples.map(statistic);
  if (values.length === 0 || values.some((value) => Number.isNaN(value))) return undefined;
  const tail = (1 - CONFIDENCE) / 2;
  return { low: quantile(values, tail), high: quantile(values, 1 - tail) };
}

/** NaN unless what it is divided by is above zero: of a cost that is none, nothing is a part. */
export function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : Number.NaN;
}

/** Of the interval of the ratio of new to old: "no difference" where it holds 1. */
export function verdictOf({ low, high }: Interval): Verdict {
  if (high < 1) return 'less';
  return low > 1 ? 'more' : 'no difference';
}

function one<T>(elements: readonly T[], random: () => number): T | undefined {
  return elements[Math.floor(random() * elements.length)];
}
