// `npm test`, `npm run test:servers`, `npm run test:packages` and `npm run test:all`: installs what is missing, runs the checks, and ends with a line
// "N passed, N failed". Nothing here needs an installed package.
import { checks } from './checks.mjs';
import { installPackages } from './install/packages.mjs';
import { installRedisServer } from './install/redis-server.mjs';
import { packageChecks, packageChecksAlone } from './package-checks.mjs';
import { serverChecks } from './server-checks.mjs';
import { runSteps, summary } from './steps/run-steps.mjs';

const WHICH = {
  own: checks,
  servers: serverChecks,
  packages: packageChecksAlone,
  all: [...checks, ...packageChecks, ...serverChecks],
};

process.chdir(`${import.meta.dirname}/..`);
installPackages();
installRedisServer();

const { passed, failed, skipped } = await runSteps(WHICH[process.argv[2] ?? 'own']);
console.log(`\n${(performance.now() / 1000).toFixed(0)} s${skipped > 0 ? `, ${skipped} skipped` : ''}`);
console.log(summary({ passed, failed, skipped: 0 }));
process.exitCode = failed > 0 ? 1 : 0;
