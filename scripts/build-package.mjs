// Builds the package into dist/:
//
//   dist/cjs  the implementation, in CommonJS, which every Node, bundler and test runner can load
//   dist/esm  an entry for `import` over each of its entry points, so that both ways lead to the same classes; and the declarations once more,
//             as those of ES modules: TypeScript does not let a declaration file of CommonJS import Nest 12
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { ENTRY_POINTS } from './entry-points.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const CJS = path.join(ROOT, 'dist/cjs');
const ESM = path.join(ROOT, 'dist/esm');
const require = createRequire(import.meta.url);

rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
const compiler = require.resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
if (status !== 0) process.exit(1);

writeFileSync(path.join(CJS, 'package.json'), '{ "type": "commonjs" }\n');
letOptionalPeersBeMissing();
cpSync(CJS, ESM, { recursive: true, filter: (file) => path.extname(file) === '' || file.endsWith('.d.ts') });
for (const { file } of ENTRY_POINTS) writeFileSync(path.join(ESM, `${file}.js`), thinEntry(file));

/** Bundlers let a package be missing that is required in a `try`. What is loaded on demand may be missing. */
function letOptionalPeersBeMissing() {
  const { peerDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const always = new Set(ENTRY_POINTS.flatMap(({ file }) => [...packagesRequiredBy(path.join(CJS, `${file}.js`))]));
  const onDemand = Object.keys(peerDependencies).filter((name) => !always.has(name));
  const required = new RegExp(String.raw`require\((["'])(${onDemand.join('|')})\1\)`, 'g');
  for (const name of readdirSync(CJS, { recursive: true }).filter((one) => one.endsWith('.js'))) {
    const file = path.join(CJS, name);
    const code = readFileSync(file, 'utf8');
    const changed = code.replaceAll(required, (call) => `(() => { try { return ${call}; } catch (error) { throw error; } })()`);
    if (changed !== code) writeFileSync(file, changed);
  }
}

function thinEntry(file) {
  const main = path.join(CJS, `${file}.js`);
  const names = Object.keys(require(main));
  const nest = [...packagesRequiredBy(main)].filter((name) => name.startsWith('@nestjs/'));
  return [
    ...(nest.length > 0 ? ['// Nest 12 is ES modules. Loaded before, they can be required, also while somebody else imports them.'] : []),
    ...nest.map((name) => `import '${name}';`),
    `export {\n${names.map((name) => `  ${name},\n`).join('')}} from '../cjs/${file}.js';`,
    '',
  ].join('\n');
}

/** What a file requires as it is loaded, itself or by another file of the package. */
function packagesRequiredBy(file, seen = new Set(), packages = new Set()) {
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^(?:(?:const|var) \w+ = \w*\(?)?require\(["']([^"']+)["']\)/gm)) {
    if (name.startsWith('.')) packagesRequiredBy(path.resolve(path.dirname(file), name), seen, packages);
    else packages.add(name);
  }
  return packages;
}
