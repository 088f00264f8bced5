import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { runProgram } from '../child-process.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../../.cache/node');

/** The path of another version of Node, which is installed apart from everything else, by the npm package "node", where it is missing. */
export async function installNode(version) {
  const folder = path.join(FOLDER, version);
  const program = path.join(folder, 'node_modules/node/bin/node');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', `node@${version}`];
  const { output } = await runProgram('npm', args, { cwd: folder, timeout: 900_000 });
  if (!existsSync(program)) throw new Error(`npm ${args.join(' ')} did not install a Node:\n${output}`);
  return program;
}
