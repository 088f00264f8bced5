import type { Candidate } from './candidates/candidate.js';
import { noSession } from './candidates/no-session.js';
import { builtin } from './candidates/ours.js';
import type { Figures, Measurements } from './measurement.js';
import type { Platform } from './platforms.js';
import { intervalOf, quantile, ratio, resample, RESAMPLES, seededRandom, verdictOf, type Estimate, type Verdict } from './statistics.js';

/** Noise only adds to a cost, so a low quantile of the rounds is nearer to it than the middle. */
export const LOW = 0.25;
/** And it only takes from a rate. */
const HIGH = 1 - LOW;

/** A figure of some of the rounds, in which a round may occur more than once. */
export type Statistic = (rounds: readonly number[]) => number;

/** What one candidate costs at one workload. */
export interface Cost {
  readonly workload: string;
  readonly candidate: string;
  /** CPU time of the server process, microseconds per request. */
  readonly cpu: Estimate;
  /** That over "no session". */
  readonly overhead: Estimate | undefined;
  /** Overhead to the overhead of what people run on the platform. */
  readonly toUsual: Estimate | undefined;
  /** The same with both over "no session, normalised". */
  readonly toUsualNormalised: Estimate | undefined;
}

/** `builtin` beside an earlier version of itself, at one workload. */
export interface Comparison {
  readonly workload: string;
  readonly earlier: string;
  readonly cpuThen: Estimate;
  readonly cpuNow: Estimate;
  /** Microseconds per request more than then. */
  readonly difference: Estimate;
  /** Overhead now to then, over "no session, normalised" where that was measured; without an interval where the overhead may be none. */
  readonly ofOverhead: Estimate;
  /** CPU time now to then, which decides: its interval holds 1 just when that of the difference holds 0. */
  readonly ofRequest: Estimate;
  readonly verdict: Verdict;
}

/** Reads figures out of the rounds. */
export class Findings {
  readonly platform: Platform;
  readonly #rounds: readonly number[];
  readonly #resamples: readonly (readonly number[])[];

  constructor(
    private readonly measurements: Measurements,
    { platform, processes, seed }: { platform: Platform; processes: number; seed: number },
  ) {
    this.platform = platform;
    const { rounds } = measurements;
    this.#rounds = Array.from({ length: rounds }, (_, round) => round);
    const groups = Array.from({ length: processes }, (_, process) => this.#rounds.filter((round) => round % processes === process));
    const random = seededRandom(seed);
    this.#resamples = Array.from({ length: RESAMPLES }, () => resample(groups, random));
  }

  get rounds(): number {
    return this.measurements.rounds;
  }

  estimate(statistic: Statistic): Estimate {
    return { value: statistic(this.#rounds), interval: intervalOf(this.#resamples, statistic) };
  }

  value(statistic: Statistic | undefined): number | undefined {
    return statistic?.(this.#rounds);
  }

  /** `undefined` for what was not measured, here and in all that follow. */
  figure(workload: string, candidate: Pick<Candidate, 'name'>, what: keyof Figures, share = LOW): Statistic | undefined {
    return quantileOf(
      this.measurements.rows
        .filter((row) => row.workload === workload && row.candidate === candidate.name)
        .map((row) => [row.round, row[what]]),
      share,
    );
  }

  rate(workload: string, candidate: Candidate): Statistic | undefined {
    return this.figure(workload, candidate, 'requestsPerSecond', HIGH);
  }

  cpu(workload: string, candidate: Pick<Candidate, 'name'>): Statistic | undefined {
    return this.figure(workload, candidate, 'cpu');
  }

  overhead(workload: string, candidate: Pick<Candidate, 'name'>, baseline: Candidate = noSession): Statistic | undefined {
    return both(this.cpu(workload, candidate), this.cpu(workload, baseline), (cpu, none) => cpu - none);
  }

  overheadTo(workload: string, candidate: Candidate, other: Candidate, baseline: Candidate = noSession): Statistic | undefined {
    return both(this.overhead(workload, candidate, baseline), this.overhead(workload, other, baseline), ratio);
  }

  #normalisedTo(workload: string, candidate: Candidate, other: Candidate): Statistic | undefined {
    const { normalised } = this.platform;
    return normalised && this.overheadTo(workload, candidate, other, normalised);
  }

  /** CPU time of one HGETALL alone. */
  floor(workload: string, autoPipelining: boolean): Statistic | undefined {
    return quantileOf(
      this.measurements.floors
        .filter((row) => row.workload === workload && row.autoPipelining === autoPipelining)
        .map((row) => [row.round, row.cpuPerCommand]),
      LOW,
    );
  }

  cost(workload: string, candidate: Candidate): Cost | undefined {
    const { usual } = this.platform;
    const cpu = this.cpu(workload, candidate);
    if (cpu === undefined) return undefined;
    const estimate = (statistic: Statistic | undefined) => (statistic === undefined ? undefined : this.estimate(statistic));
    const isCompared = candidate.isBaseline !== true && candidate !== usual;
    return {
      workload,
      candidate: candidate.name,
      cpu: this.estimate(cpu),
      overhead: candidate === noSession ? undefined : estimate(this.overhead(workload, candidate)),
      toUsual: isCompared ? estimate(this.overheadTo(workload, candidate, usual)) : undefined,
      toUsualNormalised: isCompared ? estimate(this.#normalisedTo(workload, candidate, usual)) : undefined,
    };
  }

  comparison(workload: string, earlier: Candidate): Comparison | undefined {
    const then = this.cpu(workload, earlier);
    const now = this.cpu(workload, builtin);
    const difference = both(now, then, (a, b) => a - b);
    const ofRequest = both(now, then, ratio);
    const ofOverhead = this.#normalisedTo(workload, builtin, earlier) ?? this.overheadTo(workload, builtin, earlier, noSession);
    if (!then || !now || !difference || !ofRequest || !ofOverhead) return undefined;
    const decisive = this.estimate(ofRequest);
    if (decisive.interval === undefined) return undefined;
    return {
      workload,
      earlier: earlier.title,
      cpuThen: this.estimate(then),
      cpuNow: this.estimate(now),
      difference: this.estimate(difference),
      ofOverhead: this.estimate(ofOverhead),
      ofRequest: decisive,
      verdict: verdictOf(decisive.interval),
    };
  }
}

/** A statistic of two others over the same rounds. */
export function both(
  left: Statistic | undefined,
  right: Statistic | undefined,
  how: (left: number, right: number) => number,
): Statistic | undefined {
  return left === undefined || right === undefined ? undefined : (rounds) => how(left(rounds), right(rounds));
}

function quantileOf(byRound: readonly (readonly [round: number, value: number])[], share: number): Statistic | undefined {
  if (byRound.length === 0) return undefined;
  const values = new Map(byRound);
  return (rounds) =>
    quantile(
      rounds.map((round) => values.get(round) ?? Number.NaN),
      share,
    );
}
