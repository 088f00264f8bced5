import { readdirSync } from 'node:fs';
import path from 'node:path';

import { build, fewApps, fewQuickStarts, pack, TARBALL } from './package-checks.mjs';
import { command } from './steps/command.mjs';
import { jest } from './steps/jest.mjs';
import { sampleTests } from './steps/sample.mjs';

const needs = 'build';

/** What `npm test` runs, in order. */
export const checks = [
  {
    atOnce: 2,
    steps: [
      build,
      command('format', ['prettier', '--check', '.']),
      command('lockfile', ['node', 'scripts/steps/lockfile.mjs'], { proof: /^[1-9]\d* locked/m }),
      command('entry points', ['node', 'scripts/entry-points.mjs', '--check'], { proof: /^[1-9]\d* entry points/m }),
      command('embedded Lua', ['node', 'scripts/embed-lua.mjs', '--check'], { proof: /^[1-9]\d* scripts?/m }),
    ],
  },
  {
    // the sample imports the built package
    atOnce: 2,
    steps: [
      command('types', ['tsc', '--noEmit', '-p', 'tsconfig.json']),
      command('lint', ['oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'sample', 'scripts', 'bench', 'faults'], {
        proof: /on [1-9]\d* files?/,
      }),
      command('types of the sample', ['tsc', '--noEmit', '-p', 'sample/tsconfig.json'], { needs }),
      command('types of the benchmarks', ['tsc', '--noEmit', '-p', 'bench/tsconfig.json']),
      command('types of the fault trials', ['tsc', '--noEmit', '-p', 'faults/tsconfig.json']),
      command('import rules', ['depcruise', '--config', '.dependency-cruiser.cjs', 'src'], { proof: /\([1-9]\d* modules/ }),
      command('what is loaded', ['depcruise', '--config', '.dependency-cruiser.loaded.cjs', 'src'], { proof: /\([1-9]\d* modules/ }),
      command('dead code', ['knip']),
      command('retired words', ['node', 'scripts/steps/retired-words.mjs'], { proof: /^[1-9]\d* names/m }),
    ],
  },
  {
    atOnce: 1,
    steps: [jest('tests', { folders: testFolders(), timeout: 3_600_000 })],
  },
  {
    atOnce: 2,
    steps: [
      pack,
      command('publint', ['publint', '--strict'], { needs, proof: /All good/ }),
      command('exported names', ['node', 'scripts/steps/exported-names.mjs'], { needs, proof: /^[1-9]\d* exported/m }),
      command('docblocks', ['node', 'scripts/steps/docblocks.mjs'], { proof: /^[1-9]\d* exports/m }),
      command('code in the docs', ['node', 'scripts/steps/docs-code.mjs'], { needs, proof: /^[1-9]\d* blocks/m }),
      command('documents', ['node', 'scripts/steps/documents.mjs'], { proof: /, [1-9]\d* links/ }),
      command('option page', ['node', 'scripts/options-page.mjs', '--check'], { proof: /^[1-9]\d* options/m }),
      command('pictures', ['node', 'scripts/pictures.mjs', '--check'], { proof: /^[1-9]\d* pictures/m }),
    ],
  },
  {
    atOnce: 1,
    steps: [
      command('types seen from outside', ['attw', TARBALL], { needs: 'pack', proof: /🟢 \(CJS\)[^]*🟢 \(ESM\)/ }),
      sampleTests({ needs }),
    ],
  },
  { atOnce: 2, steps: [...fewApps, ...fewQuickStarts] },
];

/** Each of them must hold a test. */
function testFolders() {
  return readdirSync(path.join(import.meta.dirname, '../test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['support', 'package'].includes(entry.name))
    .map(({ name }) => `test/${name}`);
}
