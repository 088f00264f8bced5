// package-lock.json must let `npm ci` work in a fresh clone on any machine: every package has its entry, those of other platforms too (npm
// leaves out an optional package that its registry did not have when the file was written, and `npm ci` then refuses the file), it agrees
// with every package.json, and it names no registry.
//
//   node scripts/steps/lockfile.mjs --complete   adds the entries of other platforms that npm left out
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { manifestsUnlike } from '../install/manifests.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FILE = path.join(ROOT, 'package-lock.json');
const OS = ['darwin', 'win32', 'linux', 'android', 'freebsd', 'openharmony'];
const CPU = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64'];

const lock = JSON.parse(readFileSync(FILE, 'utf8'));

if (process.argv.includes('--complete')) {
  for (const { location, name, version } of missing()) lock.packages[location] = entryOf(name, version);
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
}

const left = missing().map(({ name }) => name);
const problems = [
  ...(left.length > 0 ? [`package-lock.json has no entry for ${left.join(', ')}. Run: node scripts/steps/lockfile.mjs --complete`] : []),
  ...Object.entries(lock.packages)
    .filter(([, { resolved }]) => /^https?:/.test(resolved ?? ''))
    .map(([location]) => `package-lock.json names the registry of ${location}`),
  ...manifestsUnlike(ROOT, lock).map((file) => `package-lock.json does not agree with ${file}. Run: npm install`),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${Object.keys(lock.packages).length} locked packages`);

/** Optional packages that have no entry, neither beside the package that wants them nor at the top. */
function missing() {
  return Object.entries(lock.packages).flatMap(([parent, { optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(
        ([name]) => lock.packages[`${parent}/node_modules/${name}`] === undefined && lock.packages[`node_modules/${name}`] === undefined,
      )
      .map(([name, version]) => ({ location: `node_modules/${name}`, name, version })),
  );
}

/** npm skips a package by these fields without asking for it. Native packages have them in their names. */
function entryOf(name, version) {
  const words = name.split(/[-/]/);
  const os = words.filter((word) => OS.includes(word));
  const cpu = words.filter((word) => CPU.includes(word));
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined;
  return { version, cpu, dev: true, ...(libc && { libc }), optional: true, os };
}
