import { parseArgs } from 'node:util';
import type { Candidate } from './candidates/candidate.js';
import { builtin } from './candidates/ours.js';
import { majorOf, nodeProgram, type NodeProgram } from './node-program.js';
import { packedCandidates } from './packed-versions.js';
import { PLATFORMS, type Platform } from './platforms.js';
import { WORKLOADS, type Workload } from './workloads.js';

/** What to measure, and for how long. */
export interface Plan {
  readonly platform: Platform;
  readonly candidates: readonly Candidate[];
  /** Those of them that are earlier versions. */
  readonly earlier: readonly Candidate[];
  readonly workloads: readonly Workload[];
  /** What the servers run with. */
  readonly node: NodeProgram;
  readonly rounds: number;
  /** How many server processes each candidate has; they take turns. */
  readonly processes: number;
  /** For the order within a round, and for the bootstrap. */
  readonly seed: number;
  /** How many requests a measurement takes. */
  readonly requests: number;
  /** After that time no round begins, but for the first of each server process. */
  readonly minutes: number;
  /** Candidates to profile; with any, nothing else is measured. */
  readonly profile: readonly Candidate[];
}

const ROUNDS = 24;
const REQUESTS = 3_000;
const MINUTES = 10;
const PROCESSES = 4;
const SEED = 1;
const QUICK = { rounds: 4, processes: 1 };

const USAGE = `npm run bench -- [options]

  --platform <name>    what is under Nest: ${PLATFORMS.map(({ name }) => name).join(', ')} (${PLATFORMS[0].name})
  --quick              a few rounds with one process for each candidate
  --against <versions> earlier versions to compare with: git revisions, or tarballs of "npm pack"
  --node <version>     run the servers with that Node, as 24 (the one that runs this)
  --rounds <n>         how often each candidate has its turn (${ROUNDS}; ${QUICK.rounds} with --quick)
  --processes <n>      how many server processes each candidate has (${PROCESSES}; ${QUICK.processes} with --quick)
  --requests <n>       how many requests each measurement takes (${REQUESTS})
  --minutes <n>        when to stop, though there should be more rounds (${MINUTES})
  --seed <n>           of the order in each round, and of the bootstrap (${SEED})
  --only <names>       candidates${PLATFORMS.map(({ name, candidates }) => `; on ${name}: ${candidates.map((one) => one.name).join(', ')}`).join('')}
  --workload <names>   workloads: ${WORKLOADS.map(({ name }) => name).join(', ')}
  --all                every candidate and workload
  --profile <names>    profile these candidates instead: writes .cpuprofile files, prints where the time goes

Names and versions are separated by commas. ${PLATFORMS[0].candidates
  .filter(({ isBaseline }) => isBaseline === true)
  .map(({ name }) => `"${name}"`)
  .join(' and ')} are always measured: the overhead of the others is what they add to them.`;

export function readArguments(args: readonly string[]): Plan {
  const { values } = parsed(args);
  const quick = values.quick === true;
  const all = values.all === true;
  const rounds = positive('rounds', values.rounds ?? (quick ? QUICK.rounds : ROUNDS));
  const workloads =
    values.workload === undefined ? WORKLOADS.filter(({ extra }) => all || extra !== true) : chosen('workload', values.workload, WORKLOADS);
  const [platform = PLATFORMS[0]] = values.platform === undefined ? [] : chosen('platform', values.platform, PLATFORMS);
  const { candidates } = platform;
  const profile = values.profile === undefined ? [] : chosen('profile', values.profile, candidates);
  const only =
    values.only === undefined ? candidates.filter(({ extra }) => all || extra !== true) : chosen('only', values.only, candidates);
  const node = nodeProgram(values.node);
  const earlier = packedCandidates(values.against === undefined ? [] : values.against.split(','));
  return {
    platform,
    candidates: profile.length > 0 ? profile : [...takingPart(candidates, { only, earlier, node }), ...earlier],
    earlier,
    workloads,
    node,
    rounds,
    processes: profile.length > 0 ? 1 : Math.min(rounds, positive('processes', values.processes ?? (quick ? QUICK.processes : PROCESSES))),
    seed: Number(values.seed ?? SEED),
    requests: positive('requests', values.requests ?? REQUESTS),
    minutes: positive('minutes', values.minutes ?? MINUTES),
    profile,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const result = parseArgs({
      args: [...args],
      options: {
        quick: flag,
        all: flag,
        help: flag,
        platform: text,
        against: text,
        node: text,
        rounds: text,
        processes: text,
        requests: text,
        minutes: text,
        seed: text,
        only: text,
        workload: text,
        profile: text,
      },
    });
    if (result.values.help === true) stop(USAGE, 0);
    return result;
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

/** Those chosen, what they are compared with, and the present version where earlier ones are. */
function takingPart(
  candidates: readonly Candidate[],
  { only, earlier, node }: { only: readonly Candidate[]; earlier: readonly Candidate[]; node: NodeProgram },
): readonly Candidate[] {
  const v8 = majorOf(node.versions.v8);
  return candidates.filter(
    (candidate) =>
      (candidate.beforeV8 === undefined || v8 < candidate.beforeV8) &&
      (candidate.isBaseline === true || only.includes(candidate) || (candidate === builtin && earlier.length > 0)),
  );
}

function chosen<T extends { readonly name: string }>(option: string, names: string, all: readonly T[]): T[] {
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    return found ?? stop(`--${option}: there is no "${name}".\n\n${USAGE}`);
  });
}

function positive(option: string, given: string | number): number {
  const value = Number(given);
  return value > 0 ? value : stop(`--${option} must be a number above 0, received "${given}".\n\n${USAGE}`);
}

function stop(message: string, exitCode = 1): never {
  console.log(message);
  process.exit(exitCode);
}
