// Packs a version of this package and installs it apart from the present one: node packed-version.mjs <git revision or tarball>
// The last line that it prints is JSON: { version, folder }. Its peers (Nest, express, ioredis …) are those of this repository.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { runProgram } from '../../scripts/child-process.mjs';

const FOLDER = '.cache/bench/against';
const ENTRY = `import * as express from 'nestjs-redis-session/express';

export { RedisSessionModule } from 'nestjs-redis-session';

// The versions before it have its methods on \`req.session\`.
export const sessionOf = express.sessionOf ?? ((request) => request.session);
`;

const [wanted = ''] = process.argv.slice(2);
const tarball = wanted.endsWith('.tgz') ? path.resolve(wanted) : undefined;
const version = tarball === undefined ? await revisionOf(wanted) : nameOf(tarball);
const folder = path.resolve(FOLDER, version);
const entry = path.join(folder, 'entry.mjs');
// Written last. A revision is for ever the same, and so is a tarball of that name, which has its hash in it.
if (!existsSync(entry)) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await install(tarball ?? (await pack(version)));
  writeFileSync(entry, ENTRY);
}
console.log(JSON.stringify({ version, folder }));

async function revisionOf(name) {
  return (await run('git', ['rev-parse', '--short', '--verify', '--end-of-options', `${name}^{commit}`])).trim();
}

function nameOf(file) {
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 7);
  return `${path.basename(file, '.tgz')}-${hash}`;
}

/** Builds the sources of that revision as `npm run build` did then, with the packages that are installed here now. */
async function pack(revision) {
  const source = path.join(folder, 'source');
  const archive = path.join(folder, 'source.tar');
  mkdirSync(source);
  await run('git', ['archive', '--output', archive, revision]);
  await run('tar', ['-x', '-f', archive, '-C', source]);
  await run('npm', ['run', 'build'], source);
  await run('npm', ['pack', '--pack-destination', folder], source);
  const file = path.join(folder, 'package.tgz');
  renameSync(
    path.join(
      folder,
      readdirSync(folder).find((name) => name.endsWith('.tgz')),
    ),
    file,
  );
  rmSync(source, { recursive: true });
  rmSync(archive);
  return file;
}

async function install(file) {
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  // Peers are found in the node_modules of the repository, so that both versions run over the same ones.
  await run('npm', ['install', '--legacy-peer-deps', '--prefer-offline', '--no-audit', '--no-fund', file], folder);
}

async function run(program, args, cwd = '.') {
  const { code, output } = await runProgram(program, args, { cwd, timeout: 300_000 });
  if (code === 0) return output;
  console.error(`${program} ${args.join(' ')} failed:\n${output}`);
  return process.exit(1);
}
