// The entry points of the package: under which name each is imported, and the file of src/ that it is. package.json's `exports` and
// `typesVersions` are written from this list: npm run entries
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const MANIFEST = path.resolve(import.meta.dirname, '../package.json');

/** The one that is imported by the name of the package alone stands first. */
export const ENTRY_POINTS = [
  { name: '.', file: 'index' },
  { name: './express', file: 'express' },
  { name: './fastify', file: 'fastify' },
  { name: './health', file: 'health' },
  { name: './metrics', file: 'metrics' },
  { name: './node', file: 'node' },
  { name: './store', file: 'store' },
  { name: './testing', file: 'testing' },
  { name: './websocket', file: 'websocket' },
];

/**
 * What the build makes of an entry point, by condition. All of Node 20.19 and 22.12 or later, and all bundlers, know `module-sync` or `module`: they get
 * ES modules, whether the package is imported or required, so that a process has each class once. jest in CommonJS gets what it can load.
 */
export function builtFiles({ file }) {
  const esm = `./dist/esm/${file}.js`;
  return {
    import: { types: `./dist/esm/${file}.d.ts`, default: esm },
    require: { types: `./dist/cjs/${file}.d.ts`, 'module-sync': esm, module: esm, default: `./dist/cjs/${file}.js` },
  };
}

function withEntryPoints({ exports: _exports, typesVersions: _typesVersions, main: _main, types: _types, ...manifest }) {
  const [first, ...others] = ENTRY_POINTS.map((entry) => ({ ...entry, built: builtFiles(entry) }));
  const fields = Object.entries(manifest);
  const place = fields.findIndex(([name]) => name === 'engines') + 1;
  return Object.fromEntries([
    ...fields.slice(0, place),
    ['main', first.built.require.default],
    ['types', first.built.require.types],
    ['exports', { ...Object.fromEntries([first, ...others].map(({ name, built }) => [name, built])), './package.json': './package.json' }],
    // For `moduleResolution: node10`, which does not read `exports`.
    ['typesVersions', { '*': Object.fromEntries(others.map(({ name, built }) => [name.slice('./'.length), [built.require.types]])) }],
    ...fields.slice(place),
  ]);
}

if (process.argv[1] === import.meta.filename) {
  const present = readFileSync(MANIFEST, 'utf8');
  const wanted = `${JSON.stringify(withEntryPoints(JSON.parse(present)), null, 2)}\n`;
  if (!process.argv.includes('--check')) writeFileSync(MANIFEST, wanted);
  else if (JSON.stringify(JSON.parse(present)) !== JSON.stringify(JSON.parse(wanted))) {
    console.error('package.json does not have the entry points of scripts/entry-points.mjs. Type: npm run entries');
    process.exitCode = 1;
  }
  console.log(`${ENTRY_POINTS.length} entry points`);
}
