// `npm run bench`: see docs/performance.md.
import { startRedis } from '../test/support/start-redis.js';
import { readArguments } from './arguments.js';
import { Contest } from './contest.js';
import { Findings } from './findings.js';
import { goalsOf } from './goals.js';
import { profileCandidates } from './profile.js';
import { describeEnvironment, loadWarning, summaryOf } from './report/environment.js';
import { saveRawRounds, saveResult } from './report/result-file.js';
import { summaryOfRun } from './report/summary.js';
import { comparisonTable, goalTable, speedTables } from './report/tables.js';
import { quantile } from './statistics.js';

/** With fewer rounds intervals come out too narrow, and a result is not worth keeping. */
const ROUNDS_KEPT = 12;
/** Above this share of a core the load generator may be what limits. */
const LOADER_LIMIT = 0.85;

const plan = readArguments(process.argv.slice(2));
const redis = await startRedis();
const contest = new Contest(redis, plan);
try {
  const environment = await describeEnvironment(redis, plan.node.versions, plan.platform.packages);
  console.log(summaryOf(environment));
  await contest.prepare();
  if (plan.profile.length > 0) await profileCandidates(contest, plan);
  else {
    const measurements = await contest.run();
    const findings = new Findings(measurements, plan);
    const comparisons = plan.workloads.flatMap(({ name }) => plan.earlier.flatMap((earlier) => findings.comparison(name, earlier) ?? []));
    console.log(speedTables(findings, plan));
    console.log(`\n${goalTable(goalsOf(findings))}\n`);
    if (comparisons.length > 0) console.log(`${comparisonTable(comparisons)}\n`);
    const loaderShare = quantile(
      measurements.rows.map(({ loaderCpuShare }) => loaderCpuShare),
      0.5,
    );
    if (findings.rounds < plan.rounds) console.log(`${findings.rounds} of ${plan.rounds} rounds within ${plan.minutes} minutes.`);
    if (findings.rounds < ROUNDS_KEPT)
      console.log(`Intervals of fewer than ${ROUNDS_KEPT} rounds are too narrow: take them for a first idea.`);
    if (loaderShare > LOADER_LIMIT) console.log(`The load generator used ${(loaderShare * 100).toFixed(0)} % of a core.`);
    const busy = loadWarning(environment);
    if (busy !== undefined) console.log(busy);
    console.log(saveRawRounds(environment, measurements));
    console.log(
      await saveResult(
        plan.platform.resultKind,
        { environment, ...summaryOfRun(findings, comparisons, plan) },
        { isWhole: findings.rounds >= ROUNDS_KEPT },
      ),
    );
  }
} catch (error) {
  console.error(contest.output);
  throw error;
} finally {
  contest.stop();
  await redis.stop();
}
