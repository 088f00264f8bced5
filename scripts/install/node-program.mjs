// Installs a version of Node by the npm package "node", apart from everything else: node node-program.mjs <version>
// The last line that it prints is the path of the program.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { runProgram } from '../../scripts/child-process.mjs';

const [version = ''] = process.argv.slice(2);
const folder = path.resolve('.cache/bench/node', version);
const program = path.join(folder, 'node_modules/node/bin/node');
if (!existsSync(program)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', `node@${version}`];
  const { output } = await runProgram('npm', args, { cwd: folder, timeout: 300_000 });
  if (!existsSync(program)) {
    console.error(`npm ${args.join(' ')} did not install a Node:\n${output}`);
    process.exit(1);
  }
}
console.log(program);
