// The code in README.md and docs/ is true: every ```ts block compiles against the built package, and every name that a block imports from the
// package is exported by it.
//
// A block is a module. It may leave out what a reader takes for granted: names of the example application (test/package/docs-prelude.ts),
// names that an earlier block of the same page exports, and imports from this package and from Nest. A block that is no module may be the
// members of a class (a handler) or of an object (a few options, the metadata of a module).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

import { documents, fencedBlocks } from './markdown.mjs';
import { conclude, createProgram, entries, exportsOf, ROOT } from './public-api.mjs';

const FOLDER = path.join(ROOT, '.cache/docs');
const PRELUDE = path.join(ROOT, 'test/package/docs-prelude.ts');
const TAKEN_FOR_GRANTED = [...entries().map(({ module }) => module), '@nestjs/common', '@nestjs/core', '@nestjs/config'];
const CANNOT_FIND_NAME = new Set([2304, 2503, 2552, 18004]);
const OPTIONS = {
  // as in an application that Nest's own template made, where a class of the application may be a type only
  emitDecoratorMetadata: false,
  verbatimModuleSyntax: false,
  strictPropertyInitialization: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  exactOptionalPropertyTypes: false,
  allowUnusedLabels: true,
  types: ['node'],
};

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });

const pages = documents();
const blocks = pages.flatMap(({ file, text }) =>
  fencedBlocks(text)
    // A test of a packed application is compiled there, with what it imports.
    .filter(({ language, source }) => ['ts', 'typescript'].includes(language) && source === undefined)
    .map((block, index) => ({
      ...block,
      page: file,
      ...wrapped(block.code),
      file: path.join(FOLDER, `${slug(file)}-${index + 1}.ts`),
      imports: [],
    })),
);

addMissingImports(compile());
const problems = [...compile().diagnostics.map(describe), ...importProblems(), ...syntaxProblems()];
if (blocks.length === 0) problems.push('README.md and docs/ hold no block of TypeScript');
conclude(problems, `${blocks.length} blocks compile, in ${pages.map(({ file }) => file).join(', ')}`);

/** What stands around a fragment to make it a module. The code keeps its lines. */
function wrapped(code) {
  const shapes = [
    { before: '', after: '\nexport {};' },
    { before: 'class Fragment extends ExampleClass {', after: '}\nexport {};' },
    { before: 'const fragment: ExampleObject = {', after: '};\nexport { fragment };' },
  ];
  const [module, , object] = shapes;
  const [first] = ts.createSourceFile('block.ts', code, ts.ScriptTarget.Latest).statements;
  if (first !== undefined && ts.isLabeledStatement(first)) return object;
  return shapes.find(({ before, after }) => parses(before + code + after)) ?? module;
}

function parses(code) {
  return ts.transpileModule(code, { reportDiagnostics: true, compilerOptions: { experimentalDecorators: true } }).diagnostics.length === 0;
}

function compile() {
  for (const { file, imports, before, code, after } of blocks) writeFileSync(file, `${imports.join(' ')} ${before}\n${code}${after}\n`);
  const program = createProgram([PRELUDE, ...blocks.map(({ file }) => file)], OPTIONS);
  const diagnostics = blocks.flatMap((block) => {
    const source = program.getSourceFile(block.file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) => ({
      block,
      diagnostic,
    }));
  });
  return { program, diagnostics };
}

function addMissingImports({ program, diagnostics }) {
  const sources = TAKEN_FOR_GRANTED.map((module) => ({ module, names: namesOf(module) }));
  const exportedBy = new Map(blocks.map((block) => [block, namesIn(program, block.file)]));

  for (const { block, diagnostic } of diagnostics) {
    if (!CANNOT_FIND_NAME.has(diagnostic.code)) continue;
    const name = diagnostic.file.text.slice(diagnostic.start, diagnostic.start + diagnostic.length);
    const earlier = blocks
      .slice(0, blocks.indexOf(block))
      .findLast((other) => other.page === block.page && exportedBy.get(other).has(name));
    const from =
      earlier === undefined ? sources.find(({ names }) => names.has(name))?.module : `./${path.basename(earlier.file, '.ts')}.js`;
    const statement = `import { ${name} } from '${from}';`;
    if (from !== undefined && !block.imports.includes(statement)) block.imports.push(statement);
  }
}

function namesOf(module) {
  const file = ts.resolveModuleName(
    module,
    PRELUDE,
    { moduleResolution: ts.ModuleResolutionKind.NodeNext },
    ts.sys,
    undefined,
    undefined,
    ts.ModuleKind.ESNext,
  ).resolvedModule?.resolvedFileName;
  if (file === undefined) throw new Error(`cannot find "${module}"`);
  return namesIn(createProgram([file]), file);
}

function namesIn(program, file) {
  return new Set(exportsOf(program, file).map(({ name }) => name));
}

function describe({ block, diagnostic }) {
  const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
  return `${block.page}:${block.line + line - 1} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
}

/** Blocks in other languages are not compiled, but what they import of this package has to exist. */
function importProblems() {
  const exported = new Map(entries().map(({ module, declarations }) => [module, namesIn(createProgram([declarations]), declarations)]));
  return pages.flatMap(({ file, text }) =>
    [
      ...text.matchAll(
        /(?:import|const)\s*(?:type\s*)?\{([^}]*)\}\s*(?:from|=\s*(?:require|await import)\()\s*['"](nestjs-redis-session[^'"]*)['"]/g,
      ),
    ].flatMap(([, list, module]) => {
      const names = list
        .split(',')
        .map((item) =>
          item
            .trim()
            .replace(/^type /, '')
            .split(/\s+as\s+|:/)[0]
            .trim(),
        )
        .filter(Boolean);
      if (!exported.has(module)) return [`${file} imports from ${module}, which is no entry of the package`];
      return names
        .filter((name) => !exported.get(module).has(name))
        .map((name) => `${file} imports ${name} from ${module}, which does not export it`);
    }),
  );
}

/** Of code for packages that are not installed here, at least the syntax. */
function syntaxProblems() {
  return pages.flatMap(({ file, text }) =>
    fencedBlocks(text)
      .filter(({ language, code }) => ['js', 'javascript'].includes(language) && !parses(code))
      .map(({ line }) => `${file}:${line} does not parse`),
  );
}

function slug(file) {
  return file.replace(/\.md$/, '').replaceAll(/\W+/g, '-');
}
