import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const BUILDS = [
  {
    name: 'the package',
    command: ['node_modules/@nestjs/cli/bin/nest.js', 'build'],
    reads: ['src', 'package.json', 'package-lock.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'],
    writes: 'dist',
  },
  {
    name: 'the sample',
    command: ['node_modules/typescript/bin/tsc', '-p', 'sample/tsconfig.build.json'],
    reads: ['dist', 'sample/src', 'sample/package.json', 'package-lock.json', 'sample/tsconfig.json', 'sample/tsconfig.build.json'],
    writes: 'sample/dist',
  },
];

/** Builds the package and then the sample, each unless its output is what these very sources gave the last time. */
export function buildSample() {
  for (const { name, command, reads, writes } of BUILDS) {
    const stamp = path.join('.cache', `demo-${writes.replace('/', '-')}`);
    const state = () => fingerprint([...reads, writes]);
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state()) continue;

    console.log(`Building ${name}`);
    rmSync(stamp, { force: true });
    rmSync(writes, { recursive: true, force: true });
    const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
    if (status !== 0) {
      console.error(`${name} could not be built.`);
      process.exit(1);
    }
    mkdirSync(path.dirname(stamp), { recursive: true });
    writeFileSync(stamp, state());
  }
}

function fingerprint(places) {
  const hash = createHash('sha256');
  for (const file of places.flatMap(filesOf).toSorted())
    hash.update(`${file}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

function filesOf(place) {
  if (!existsSync(place)) return [];
  if (statSync(place).isFile()) return [place];
  const entries = readdirSync(place, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
