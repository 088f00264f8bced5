import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';

const HERE = dirname(fileURLToPath(import.meta.url));
const APP = join(HERE, 'app');

function compile(directory: string): ts.Program {
  const { config } = ts.readConfigFile(join(directory, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, directory);
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
  }, 60_000);

  test("gives Nest's pipes plain types of its parameters", () => {
    let emitted = '';
    program.emit(program.getSourceFile(join(APP, 'controller.ts')), (_, text) => (emitted += text));
    const types = [...emitted.matchAll(/"design:paramtypes", \[(.*)\]/g)].map(([, list]) => list);
    expect(types).toEqual(['Object, Object', 'Object, String, Number', 'Object, Object', 'Object, Number']);
  });
});

test('an application without Nest declares both as well, and compiles', () => {
  expect(errorsOf(compile(join(HERE, 'express-app')))).toEqual([]);
}, 60_000);
