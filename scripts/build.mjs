import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const BUILDS = [
  {
    name: 'the package',
    command: ['scripts/build-package.mjs'],
    reads: [
      'src',
      'scripts/build-package.mjs',
      'scripts/entry-points.mjs',
      'package.json',
      'package-lock.json',
      'nest-cli.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'tsconfig.build-esm.json',
    ],
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
export function buildAll() {
  for (const { name, command, reads, writes } of BUILDS) {
    const stamp = path.join(ROOT, '.cache', `build-${writes.replace('/', '-')}`);
    const state = () => fingerprint([...reads, writes]);
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state()) continue;

    console.log(`Building ${name}`);
    rmSync(stamp, { force: true });
    rmSync(path.join(ROOT, writes), { recursive: true, force: true });
    const { status } = spawnSync(process.execPath, command, { cwd: ROOT, stdio: 'inherit' });
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
  for (const file of places.flatMap(filesOf).toSorted()) {
    const content = createHash('sha256').update(readFileSync(path.join(ROOT, file)));
    hash.update(`${file}\0`).update(content.digest());
  }
  return hash.digest('hex');
}

/** The files at or below a place, as paths from the root. */
function filesOf(place) {
  const absolute = path.join(ROOT, place);
  if (!existsSync(absolute)) return [];
  if (statSync(absolute).isFile()) return [place];
  const entries = readdirSync(absolute, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
}

if (process.argv[1] === import.meta.filename) buildAll();
