import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const HERE = dirname(fileURLToPath(import.meta.url));
const APP = join(HERE, 'app');
const ROOT = join(HERE, '../..');

function readConfig(path: string): ts.ParsedCommandLine {
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file));
  return ts.parseJsonConfigFileContent(config, ts.sys, dirname(path));
}

function compile(directory: string): ts.Program {
  const { options, fileNames } = readConfig(join(directory, 'tsconfig.json'));
  return ts.createProgram(fileNames, { ...options, noEmit: false });
}

function errorsOf(program: ts.Program): string[] {
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    return `${file?.fileName.replace(`${HERE}/`, '')}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** The application in `app/` says in its comments what must be an error. */
describe('an application that declares its data and its identity', () => {
  let program: ts.Program;
  beforeAll(() => {
    program = compile(APP);
  });

  test('compiles, strict as can be', () => {
    expect(errorsOf(program)).toEqual([]);
  });

  test("gives Nest's pipes plain types of its parameters", () => {
    let emitted = '';
    program.emit(program.getSourceFile(join(APP, 'controller.ts')), (_, text) => (emitted += text));
    const types = [...emitted.matchAll(/"design:paramtypes", \[(.*)\]/g)].map(([, list]) => list);
    expect(types).toEqual(['Object, Object', 'Object, String, Number', 'Object, Object', 'Object, Number']);
  });
});

test('an application without Nest declares both as well, and compiles', () => {
  expect(errorsOf(compile(join(HERE, 'express-app')))).toEqual([]);
});

/** What a user compiles against: our declarations, without our compiler options. Some errors are seen only there. */
describe('an application that compiles without esModuleInterop', () => {
  let declarations: string;
  beforeAll(() => {
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    declarations = mkdtempSync(join(ROOT, '.cache', 'declarations-'));
    const { options } = readConfig(join(ROOT, 'tsconfig.build.json'));
    const files = ['index.ts', 'express.ts', 'node.ts'].map((name) => join(ROOT, 'src', name));
    ts.createProgram(files, { ...options, outDir: declarations, emitDeclarationOnly: true }).emit();
  });
  afterAll(() => rmSync(declarations, { recursive: true }));

  test.each([true, false])('has types for req.session and HttpSession, with skipLibCheck %s', (skipLibCheck) => {
    const program = ts.createProgram([join(HERE, 'without-interop/app.ts')], {
      strict: true,
      noEmit: true,
      skipLibCheck,
      esModuleInterop: false,
      allowSyntheticDefaultImports: false,
      module: ts.ModuleKind.CommonJS,
      // oxlint-disable-next-line typescript/no-deprecated -- as said below
      moduleResolution: ts.ModuleResolutionKind.Node10,
      target: ts.ScriptTarget.ES2022,
      types: ['node'],
      // They are about to go, and are what applications of Nest have had for years.
      ignoreDeprecations: '6.0',
      paths: {
        'nestjs-redis-session': [join(declarations, 'index.d.ts')],
        'nestjs-redis-session/express': [join(declarations, 'express.d.ts')],
        'nestjs-redis-session/node': [join(declarations, 'node.d.ts')],
      },
    });
    expect(errorsOf(program)).toEqual([]);
  });
});
