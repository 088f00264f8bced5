// `npm run faults`: see arguments.ts, or type `npm run faults -- --help`.
import { writeFile } from 'node:fs/promises';
import { number, textTable } from '../bench/report/text-table.js';
import { readArguments } from './arguments.js';
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

const plan = readArguments(process.argv.slice(2));
const trials: Trial[] = [];
for (const fault of plan.faults) {
  const trial = await tryFault(fault, plan);
  trials.push(trial);
  console.log(`${trial.fault} (${trial.topology}): ${trial.broken.length === 0 ? 'every promise kept' : trial.broken.join('; ')}`);
}
console.log(
  `\nmiddleware ${plan.middleware}, ${plan.seconds} s each, ${plan.visitors} visitors, seed ${plan.seed}, min-replicas-to-write ${plan.minReplicas}\n`,
);
console.log(textTable(HEAD, trials.map(rowOf)));
if (plan.json !== undefined) {
  const { middleware, seconds, visitors, seed, minReplicas } = plan;
  await writeFile(
    plan.json,
    `${JSON.stringify({ date: new Date().toISOString(), middleware, seconds, visitors, seed, minReplicas, trials }, null, 2)}\n`,
  );
}
process.exitCode = trials.some(({ broken }) => broken.length > 0) ? 1 : 0;

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
