// Builds the package into dist/esm and dist/cjs. scripts/entry-points.mjs says who gets which. Both have declarations, since TypeScript does not
// let one of CommonJS import Nest 12.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { ENTRY_POINTS } from './entry-points.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const CJS = path.join(ROOT, 'dist/cjs');
const ESM = path.join(ROOT, 'dist/esm');
const require = createRequire(import.meta.url);

rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
compile('tsconfig.build.json');
compile('tsconfig.build-esm.json');
writeFileSync(path.join(CJS, 'package.json'), '{ "type": "commonjs" }\n');
cpSync(CJS, ESM, { recursive: true, filter: (file) => path.extname(file) === '' || file.endsWith('.d.ts') });
letOptionalPeersBeMissing();
const { bin } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
for (const file of Object.values(bin)) chmodSync(path.join(ROOT, file), 0o755);

function compile(project) {
  const nest = require.resolve('@nestjs/cli/bin/nest.js');
  const { status } = spawnSync(process.execPath, [nest, 'build', '--path', project], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Bundlers let a package be missing that is loaded in a `try`. Optional peers that are loaded on demand may be missing. */
function letOptionalPeersBeMissing() {
  const { peerDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const always = new Set(ENTRY_POINTS.flatMap(({ file }) => [...packagesRequiredBy(path.join(CJS, `${file}.js`))]));
  const onDemand = Object.keys(peerDependencies).filter((name) => !always.has(name));
  const argument = String.raw`\((["'])(?:${onDemand.join('|')})\1\)`;
  const tries = (before, call) => `(${before}() => { try { return ${call}; } catch (error) { throw error; } })()`;
  rewrite(CJS, new RegExp(`\\brequire${argument}`, 'g'), (call) => tries('', call));
  rewrite(ESM, new RegExp(`\\bimport${argument}`, 'g'), (call) => tries('async ', `await ${call}`));
}

function rewrite(folder, pattern, replacement) {
  for (const name of readdirSync(folder, { recursive: true }).filter((one) => one.endsWith('.js'))) {
    const file = path.join(folder, name);
    const code = readFileSync(file, 'utf8');
    const changed = code.replaceAll(pattern, replacement);
    if (changed !== code) writeFileSync(file, changed);
  }
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
