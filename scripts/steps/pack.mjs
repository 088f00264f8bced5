// Packs the built package into the file given, as npm would publish it.
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

import { runProgram } from '../child-process.mjs';

const target = path.resolve(process.argv[2]);
const folder = `${target}.d`;

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const { code, output } = await runProgram('npm', ['pack', '--pack-destination', folder], { timeout: 900_000 });
const [tarball] = readdirSync(folder);
if (code !== 0 || tarball === undefined) {
  console.error(output);
  process.exit(1);
}
renameSync(path.join(folder, tarball), target);
rmSync(folder, { recursive: true });
console.log(output);
