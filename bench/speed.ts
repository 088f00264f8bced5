// `npm run bench`: see docs/performance.md.
import { startRedis } from '../test/support/start-redis.js';
import { readArguments } from './arguments.js';
import { Contest } from './contest.js';
import { goalsOf } from './goals.js';
import { profileCandidates } from './profile.js';
import { describeEnvironment, loadWarning, summaryOf } from './report/environment.js';
import { saveResult } from './report/result-file.js';
import { goalTable, speedTables } from './report/tables.js';

const plan = readArguments(process.argv.slice(2));
const redis = await startRedis();
const contest = new Contest(redis, plan);
try {
  const environment = await describeEnvironment(redis);
  console.log(summaryOf(environment));
  await contest.prepare();
  if (plan.profile.length > 0) await profileCandidates(contest, plan);
  else {
    const measurements = await contest.run();
    const goals = goalsOf(measurements);
    console.log(speedTables(measurements, plan));
    console.log(`\n${goalTable(goals)}\n`);
    for (const warning of [loadWarning(environment), ...contest.warnings]) if (warning !== undefined) console.log(warning);
    const settings = { rounds: plan.rounds, warmUpMs: plan.warmUpMs, leadInMs: plan.leadInMs, measureMs: plan.measureMs };
    console.log(await saveResult('speed', { environment, settings, goals, ...measurements }, plan));
  }
} catch (error) {
  console.error(contest.output);
  throw error;
} finally {
  contest.stop();
  await redis.stop();
}
