import { describe, expect, it } from '@jest/globals';
import {
  intervalOf,
  quantile,
  ratio,
  resample,
  seededRandom,
  shuffled,
  verdictOf,
  type Interval,
  type Verdict,
} from '../../bench/statistics.js';

const ROUNDS = Array.from({ length: 24 }, (_, round) => round);
const GROUPS = [0, 1, 2, 3].map((group) => ROUNDS.filter((round) => round % 4 === group));
const RUNS = 60;
const RESAMPLES = 150;

/** A cost with noise that only adds, as that of a machine with neighbours, and server processes that differ by up to `luck` from it. */
function noisy(cost: number, random: () => number, luck: number): number[] {
  const offsets = GROUPS.map(() => (2 * random() - 1) * luck);
  return ROUNDS.map((round) => cost + (offsets[round % GROUPS.length] ?? 0) - 20 * Math.log(1 - random()));
}

function lowQuartile(values: readonly number[]): (rounds: readonly number[]) => number {
  return (rounds) =>
    quantile(
      rounds.map((round) => values[round] ?? Number.NaN),
      0.25,
    );
}

/** The interval of the ratio of two costs, each measured once in each round, and what they are without noise. */
function measured(now: number, then: number, seed: number, luck = 0): Interval {
  const random = seededRandom(seed);
  const [nowCost, thenCost] = [lowQuartile(noisy(now, random, luck)), lowQuartile(noisy(then, random, luck))];
  const resamples = Array.from({ length: RESAMPLES }, () => resample(GROUPS, random));
  const interval = intervalOf(resamples, (rounds) => ratio(nowCost(rounds), thenCost(rounds)));
  if (interval === undefined) throw new Error('A ratio of costs has an interval.');
  return interval;
}

function shareOfRuns(holds: (seed: number) => boolean): number {
  return Array.from({ length: RUNS }, (_, seed) => seed).filter(holds).length / RUNS;
}

/** The low quartile of the noise itself, which both costs have on top. */
const NOISE = -20 * Math.log(0.75);

describe('the statistics of the benchmark', () => {
  it('gives the quantile between two neighbours in proportion', () => {
    expect(quantile([4, 1, 3, 2, 5], 0.25)).toBe(2);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
    expect(quantile([7], 0.25)).toBe(7);
    expect(quantile([], 0.25)).toBeNaN();
  });

  it('draws the same numbers from the same seed, others from another, evenly from 0 to 1', () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 10_000 }, () => random());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const values = draw(3);
    const counts = Array.from({ length: 10 }, (_, tenth) => values.filter((value) => Math.floor(value * 10) === tenth).length);
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('shuffles without losing or doubling anything, by the seed', () => {
    const order = shuffled(ROUNDS, seededRandom(5));
    expect(order.toSorted((a, b) => a - b)).toEqual(ROUNDS);
    expect(order).not.toEqual(ROUNDS);
    expect(shuffled(ROUNDS, seededRandom(5))).toEqual(order);
  });

  it('resamples groups, and within each drawn group its rounds', () => {
    const random = seededRandom(7);
    for (let draw = 0; draw < 50; draw++) {
      const rounds = resample(GROUPS, random);
      expect(rounds).toHaveLength(ROUNDS.length);
      for (let start = 0; start < rounds.length; start += 6)
        expect(new Set(rounds.slice(start, start + 6).map((round) => round % 4)).size).toBe(1);
    }
  });

  it('puts the true ratio into the interval in most runs', () => {
    for (const [now, then] of [
      [80, 100],
      [100, 100],
      [130, 100],
    ] as const) {
      const truth = (now + NOISE) / (then + NOISE);
      const holdsTruth = ({ low, high }: Interval) => low <= truth && truth <= high;
      expect(shareOfRuns((seed) => holdsTruth(measured(now, then, seed)))).toBeGreaterThan(0.85);
    }
  });

  it('says "no difference" exactly when the interval holds 1', () => {
    expect(verdictOf({ low: 0.9, high: 1.1 })).toBe('no difference');
    expect(verdictOf({ low: 1, high: 1.1 })).toBe('no difference');
    expect(verdictOf({ low: 0.9, high: 1 })).toBe('no difference');
    expect(verdictOf({ low: 0.9, high: 0.999 })).toBe('less');
    expect(verdictOf({ low: 1.001, high: 1.1 })).toBe('more');
  });

  it('tells a cost of half as much from noise, and the same cost not', () => {
    const verdictIs = (verdict: Verdict, now: number, then: number) =>
      shareOfRuns((seed) => verdictOf(measured(now, then, seed)) === verdict);
    expect(verdictIs('less', 50, 100)).toBe(1);
    expect(verdictIs('more', 100, 50)).toBe(1);
    expect(verdictIs('no difference', 100, 100)).toBeGreaterThan(0.85);
  });

  it('does not take the luck of single server processes for a difference', () => {
    expect(shareOfRuns((seed) => verdictOf(measured(100, 100, seed, 30)) === 'no difference')).toBeGreaterThan(0.85);
  });

  it('has no interval for a ratio to a cost that may be none', () => {
    const costs = [3, -1, 2, 4];
    const resamples = [[0], [1], [2]];
    expect(intervalOf(resamples, ([round = 0]) => ratio(1, costs[round] ?? 0))).toBeUndefined();
    expect(intervalOf([[0], [2]], ([round = 0]) => ratio(6, costs[round] ?? 0))).toEqual({ low: 2.025, high: 2.975 });
    expect(intervalOf([], () => 1)).toBeUndefined();
  });
});
