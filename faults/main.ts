// `npm run faults`: see arguments.ts, or type `npm run faults -- --help`.
import { writeFile } from 'node:fs/promises';
import { number, textTable } from '../bench/report/text-table.js';
import { readArguments } from './arguments.js';
import { tryMove, type MoveTrial } from './migration/trial.js';
import { tryFault, type Trial } from './trial.js';

const HEAD = [
  'fault',
  'times',
  'requests',
  'writes',
  'lost',
  'ends',
  'undone',
  'sessions lost',
  'no TTL',
  '503s',
  'longest 503',
  'recovery',
  'slowest',
  'log lines',
  'heap kB/s',
];

const MOVE_HEAD = [
  'migration during',
  'times',
  'requests',
  'sign-ins',
  'writes',
  'lost',
  'overwritten by old',
  'ends',
  'undone',
  'undone by old',
  'signed out',
  'revoked late',
  'no TTL',
  '503s',
  'log lines',
];

const plan = readArguments(process.argv.slice(2));
const trials: Trial[] = [];
for (const fault of plan.faults) {
  const trial = await tryFault(fault, plan);
  trials.push(trial);
  tell(trial.fault, trial);
}
const moves: MoveTrial[] = [];
for (const fault of plan.moves) {
  const trial = await tryMove(fault, plan);
  moves.push(trial);
  tell(`migration during ${trial.during}`, trial);
}
console.log(
  `\nmiddleware ${plan.middleware}, ${plan.seconds} s each, ${plan.visitors} visitors, seed ${plan.seed}, min-replicas-to-write ${plan.minReplicas}\n`,
);
if (trials.length > 0) console.log(textTable(HEAD, trials.map(rowOf)));
if (moves.length > 0) console.log(textTable(MOVE_HEAD, moves.map(moveRowOf)));
if (plan.json !== undefined) {
  const { middleware, seconds, visitors, seed, minReplicas } = plan;
  await writeFile(
    plan.json,
    `${JSON.stringify({ date: new Date().toISOString(), middleware, seconds, visitors, seed, minReplicas, trials, moves }, null, 2)}\n`,
  );
}
process.exitCode = [...trials, ...moves].some(({ broken }) => broken.length > 0) ? 1 : 0;

function tell(name: string, { topology, broken }: Pick<Trial, 'topology' | 'broken'>): void {
  console.log(`${name} (${topology}): ${broken.length === 0 ? 'every promise kept' : broken.join('; ')}`);
}

function moveRowOf({ during, faults, account, logLines }: MoveTrial): string[] {
  const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, count) => all + count, 0);
  const counts = [
    faults,
    account.requests,
    account.signIns,
    account.writes,
    sum(account.lostWrites),
    account.overwrittenWrites,
    sum(account.ends),
    sum(account.undoneEnds),
    account.resurrectedEnds,
    account.signedOut,
    account.revokedLate,
    account.keysWithoutTtl,
    account.unavailable,
    logLines,
  ];
  return [during, ...counts.map((count) => number(count))];
}

function rowOf({
  fault,
  faults,
  requests,
  account,
  keysWithoutTtl,
  longestUnavailable,
  longestRecovery,
  slowest,
  logLines,
  heapSlope,
}: Trial): string[] {
  const { acknowledgedWrites, lostWrites, acknowledgedEnds, undoneEnds, lostSessions, unavailable } = account;
  const counts = [
    faults,
    requests,
    acknowledgedWrites,
    lostWrites,
    acknowledgedEnds,
    undoneEnds,
    lostSessions,
    keysWithoutTtl,
    unavailable,
  ];
  return [
    fault,
    ...counts.map((count) => number(count)),
    `${number(longestUnavailable / 1_000, 1)} s`,
    `${number(longestRecovery / 1_000, 1)} s`,
    `${number(slowest / 1_000, 1)} s`,
    number(logLines),
    number(heapSlope),
  ];
}
