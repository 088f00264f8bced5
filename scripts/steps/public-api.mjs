import { readFileSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

import { builtFiles, ENTRY_POINTS } from '../entry-points.mjs';

export const ROOT = path.resolve(import.meta.dirname, '../..');

/** The entry points, under the name that one imports, with the files behind each. */
export function entries() {
  const { name: packageName } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  return ENTRY_POINTS.map((entry) => ({
    module: path.posix.join(packageName, entry.name),
    source: path.join(ROOT, 'src', `${entry.file}.ts`),
    declarations: path.join(ROOT, builtFiles(entry).import.types),
    commonJs: path.join(ROOT, builtFiles(entry).require.default),
  }));
}

export function createProgram(files, overrides = {}) {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, ROOT);
  return ts.createProgram(files, { ...options, noEmit: true, ...overrides });
}

/** Every name that a file exports, aliases followed to where the thing is declared. */
export function exportsOf(program, file) {
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  if (module === undefined) throw new Error(`${path.relative(ROOT, file)} exports nothing`);
  return checker.getExportsOfModule(module).map((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    const isValue = (symbol.flags & ts.SymbolFlags.Value) !== 0 && !exported.declarations?.some(ts.isTypeOnlyExportDeclaration);
    return { name: exported.name, symbol, isValue };
  });
}

export function commentOf(program, symbol) {
  return ts.displayPartsToString(symbol.getDocumentationComment(program.getTypeChecker())).trim();
}

/** The text of a tag: that of `@default 60` is "60". Undefined where there is no such tag. */
export function tagOf(program, symbol, tagName) {
  const tag = symbol.getJsDocTags(program.getTypeChecker()).find(({ name }) => name === tagName);
  return tag === undefined ? undefined : ts.displayPartsToString(tag.text ?? []).trim();
}

/** Ends the process as a check: with the problems and 1, or with the proof that something was checked. */
export function conclude(problems, proof) {
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  console.log(proof);
}
