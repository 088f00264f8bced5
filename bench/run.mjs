// `npm run bench`: installs what is missing, compiles the package and the benchmark, runs one program of it. Nothing here needs an installed package.
//
// The package is compiled to .cache/bench beside the benchmark, as `npm run build` would, so that a run and a build do not disturb each other.
import { spawn, spawnSync } from 'node:child_process';

import { installPackages } from '../scripts/install/packages.mjs';
import { installRedisServer } from '../scripts/install/redis-server.mjs';

process.chdir(`${import.meta.dirname}/..`);
const [program, ...args] = process.argv.slice(2);

installPackages();
installRedisServer();
// Types are checked by `npm run typecheck`.
const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'bench/tsconfig.json', '--noCheck'], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(1);

const child = spawn(process.execPath, [`.cache/bench/bench/${program}.js`, ...args], { stdio: 'inherit' });
// Ctrl-C reaches the child from the terminal, and it ends what it started.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
