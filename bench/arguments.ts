import { parseArgs } from 'node:util';
import type { Candidate } from './candidates/candidate.js';
import { CANDIDATES, noSession } from './candidates/index.js';
import { WORKLOADS, type Workload } from './workloads.js';

/** What to measure, and for how long. */
export interface Plan {
  readonly candidates: readonly Candidate[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** Once for each candidate and workload, before the first round. */
  readonly warmUpMs: number;
  /** Under load before each measurement. */
  readonly leadInMs: number;
  readonly measureMs: number;
  /** Nothing was left out, so that the result is worth keeping. */
  readonly isWhole: boolean;
  /** Candidates to profile; with any, nothing else is measured. */
  readonly profile: readonly Candidate[];
}

const USAGE = `npm run bench -- [options]

  --quick              one short round
  --rounds <n>         how often each candidate has its turn (9; 1 with --quick)
  --seconds <s>        how long each measurement is (0.4; 0.5 with --quick)
  --only <names>       candidates: ${CANDIDATES.map(({ name }) => name).join(', ')}
  --workload <names>   workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}
  --profile <names>    profile these candidates instead: writes .cpuprofile files, prints where the time goes

Names are separated by commas. "none" is always measured: the overhead of the others is what they add to it.`;

export function readArguments(args: readonly string[]): Plan {
  const { values } = parsed(args);
  const quick = values.quick === true;
  const workloads =
    values.workload === undefined ? WORKLOADS.filter(({ extra }) => extra !== true) : chosen('workload', values.workload, WORKLOADS);
  const profile = values.profile === undefined ? [] : chosen('profile', values.profile, CANDIDATES);
  return {
    candidates: profile.length > 0 ? profile : candidatesOf(values.only),
    workloads,
    rounds: positive('rounds', values.rounds ?? (quick ? '1' : '9')),
    warmUpMs: quick ? 400 : 800,
    leadInMs: quick ? 100 : 200,
    measureMs: positive('seconds', values.seconds ?? (quick ? '0.5' : '0.4')) * 1_000,
    isWhole: !quick && values.only === undefined && values.workload === undefined,
    profile,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const result = parseArgs({
      args: [...args],
      options: { quick: flag, help: flag, rounds: text, seconds: text, only: text, workload: text, profile: text },
    });
    if (result.values.help === true) stop(USAGE, 0);
    return result;
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function candidatesOf(only: string | undefined): readonly Candidate[] {
  if (only === undefined) return CANDIDATES;
  const wanted = chosen('only', only, CANDIDATES);
  return CANDIDATES.filter((candidate) => candidate === noSession || wanted.includes(candidate));
}

function chosen<T extends { readonly name: string }>(option: string, names: string, all: readonly T[]): T[] {
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    return found ?? stop(`--${option}: there is no "${name}".\n\n${USAGE}`);
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  return value > 0 ? value : stop(`--${option} must be a number above 0, received "${text}".\n\n${USAGE}`);
}

function stop(message: string, exitCode = 1): never {
  console.log(message);
  process.exit(exitCode);
}
