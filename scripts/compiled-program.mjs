// For what is run by hand and written in TypeScript: installs what is missing, compiles the package and a folder of the repository to
// .cache/<folder>, side by side, and runs one program of it. A run and a build do not disturb each other. Nothing here needs an installed package.
import { spawn, spawnSync } from 'node:child_process';

import { installPackages } from './install/packages.mjs';
import { installRedisServer } from './install/redis-server.mjs';

/** Ends this process as the program ends. */
export function runCompiled(folder, program, args) {
  process.chdir(`${import.meta.dirname}/..`);
  installPackages();
  installRedisServer();
  // Types are checked by `npm run typecheck` and `npm test`.
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', `${folder}/tsconfig.json`, '--noCheck'], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(1);

  const child = spawn(process.execPath, [`.cache/${folder}/${folder}/${program}.js`, ...args], { stdio: 'inherit' });
  // Ctrl-C reaches the child from the terminal, and it ends what it started.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
