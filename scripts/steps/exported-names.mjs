// Compares what each entry of the built package exports with the reviewed list in test/package/exported-names.txt, so that no name becomes
// public or disappears by accident. After a change that is meant: npm run exports:accept
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { conclude, createProgram, entries, exportsOf, ROOT } from './public-api.mjs';

const require = createRequire(import.meta.url);
const LIST = path.join(ROOT, 'test/package/exported-names.txt');

const all = entries();
const program = createProgram(all.map(({ declarations }) => declarations));
const lines = [];
const problems = [];

for (const { module, declarations, commonJs } of all) {
  // By its name, as an application does: the package may import itself.
  const [imported, required] = [await import(module), require(module)];
  const values = Object.keys(required);
  // For jest, which requires the build in CommonJS.
  const inCommonJs = Object.keys(require(commonJs)).toSorted();
  if (inCommonJs.join() !== values.toSorted().join()) problems.push(`${module}: the build in CommonJS exports other names`);
  const different = new Set([...values, ...Object.keys(imported)].filter((name) => imported[name] !== required[name]));
  problems.push(...[...different].map((name) => `${module}: ${name} is not the same by import and by require`));
  const declared = exportsOf(program, declarations);
  lines.push(...values.map((name) => `${module} value ${name}`));
  lines.push(...declared.filter(({ isValue }) => !isValue).map(({ name }) => `${module} type ${name}`));

  const typed = new Set(declared.filter(({ isValue }) => isValue).map(({ name }) => name));
  problems.push(...values.filter((name) => !typed.has(name)).map((name) => `${module}: ${name} exists but has no type`));
  problems.push(...[...typed].filter((name) => !values.includes(name)).map((name) => `${module}: ${name} has a type but does not exist`));
}

lines.sort((a, b) => (a < b ? -1 : 1));
if (process.argv.includes('--accept')) {
  await writeFile(LIST, lines.map((line) => `${line}\n`).join(''));
} else {
  const accepted = (await readFile(LIST, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const differences = [
    ...lines.filter((line) => !accepted.includes(line)).map((line) => `${line} is exported but not in the list`),
    ...accepted.filter((line) => !lines.includes(line)).map((line) => `${line} is in the list but not exported`),
  ];
  if (differences.length > 0) problems.push(...differences, 'If that is meant: npm run exports:accept');
}

conclude(problems, `${lines.length} exported names in ${all.length} entries`);
