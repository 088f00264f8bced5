// Compiles test/package/types/app.ts against the packed package as applications do that set TypeScript up in other ways than this repository:
// each supported version, each `moduleResolution`, as ES module and as CommonJS, on Nest 11 and 12, with and without `esModuleInterop`, and with
// all declarations checked (`skipLibCheck: false`).
//
//   node scripts/steps/packed-types.mjs .cache/package.tgz
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';

import { childEnvironment, runProgram } from '../child-process.mjs';
import { ROOT } from './public-api.mjs';

const APP = path.join(ROOT, 'test/package/types/app.ts');
/** The oldest that is supported, the last of version 5, and the last. */
const TYPESCRIPT = ['5.4.5', '5.9.3', '6.0.3'];
const NEST = { 11: '11.2.10', 12: '12.5.1' };

const isVersion6 = (version) => version.startsWith('6.');
const CJS = 'app.cts';
const ESM = 'app.mts';
/** How an application may be set up. Nest 12 is ES modules, and CommonJS of another kind than Node's newest cannot name its types. */
const SETUPS = [
  { module: 'commonjs', moduleResolution: 'node10', file: 'app.ts', nest: [11], ignores: isVersion6 },
  { module: 'es2022', moduleResolution: 'node10', file: 'app.ts', nest: [11], ignores: isVersion6 },
  { module: 'node16', moduleResolution: 'node16', file: CJS, nest: [11] },
  { module: 'node16', moduleResolution: 'node16', file: ESM, nest: [11, 12] },
  { module: 'nodenext', moduleResolution: 'nodenext', file: CJS, nest: [11] },
  { module: 'nodenext', moduleResolution: 'nodenext', file: ESM, nest: [11, 12] },
  { module: 'esnext', moduleResolution: 'bundler', file: 'app.ts', nest: [11, 12] },
  { module: 'commonjs', moduleResolution: 'bundler', file: 'app.ts', nest: [11], only: isVersion6 },
];

const [tarball] = process.argv.slice(2).map((argument) => path.resolve(argument));
const folder = await mkdtemp(path.join(tmpdir(), 'packed-types-'));
try {
  await install();
  const waiting = await cases();
  const count = waiting.length;
  const problems = [];
  const worker = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) problems.push(...(await compile(one)));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  assert.deepEqual(problems, [], problems.join('\n'));
  console.log(`${count} ways to compile`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function install() {
  const compilers = TYPESCRIPT.map((version) => `typescript-${version}@npm:typescript@${version}`);
  await npmInstall(folder, compilers);
  for (const [major, version] of Object.entries(NEST)) {
    const nest = [`@nestjs/common@${version}`, `@nestjs/core@${version}`, 'reflect-metadata@0.2.2', 'rxjs@7.8.2'];
    const place = path.join(folder, `nest${major}`);
    await npmInstall(place, [tarball, ...nest, 'ioredis@5.11.1', '@types/express@5.0.6', '@types/node@20.19.43']);
    await Promise.all(['app.ts', CJS, ESM].map((name) => copyFile(APP, path.join(place, name))));
  }
}

async function npmInstall(place, packages) {
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages];
  const { code, output } = await runProgram('npm', args, { cwd: place, env: childEnvironment(), timeout: 900_000 });
  assert.equal(code, 0, output);
}

/** One for each combination, with the file that sets it up. */
async function cases() {
  const all = SETUPS.flatMap(({ nest, ...setup }) =>
    nest.flatMap((major) =>
      TYPESCRIPT.filter((version) => setup.only?.(version) ?? true).flatMap((version) =>
        [true, false].map((esModuleInterop) => ({ ...setup, version, major, esModuleInterop })),
      ),
    ),
  );
  return Promise.all(
    all.map(async ({ module, moduleResolution, file, version, major, esModuleInterop, ignores }, index) => {
      const config = path.join(folder, `nest${major}`, `tsconfig-${index}.json`);
      const compilerOptions = {
        module,
        moduleResolution,
        esModuleInterop,
        allowSyntheticDefaultImports: esModuleInterop,
        ...(ignores?.(version) || (isVersion6(version) && !esModuleInterop) ? { ignoreDeprecations: '6.0' } : {}),
        target: 'es2022',
        strict: true,
        skipLibCheck: false,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        types: ['node'],
        noEmit: true,
      };
      await writeFile(config, JSON.stringify({ compilerOptions, files: [file] }));
      const name = `TypeScript ${version}, Nest ${major}, ${file}, module ${module}, moduleResolution ${moduleResolution}, esModuleInterop ${esModuleInterop}`;
      return { name, version, config };
    }),
  );
}

async function compile({ name, version, config }) {
  const compiler = path.join(folder, 'node_modules', `typescript-${version}`, 'bin/tsc');
  const { code, output } = await runProgram(process.execPath, [compiler, '-p', config], { timeout: 900_000 });
  return code === 0 ? [] : [`${name}:\n${output}`];
}
