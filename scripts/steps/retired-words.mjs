// One word per idea: no declared name, file name or option holds a word that docs/glossary.md has retired.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

import { tableRows } from './markdown.mjs';
import { conclude, ROOT } from './public-api.mjs';

const FOLDERS = ['src', 'test', 'bench', 'faults', 'scripts', 'sample'];
const CODE = /\.[cm]?[jt]s$/;
const LUA = /\.lua$/;
const LUA_NAME = /^\s*local (?:function )?([A-Za-z_][\w, ]*)/gm;

const retired = new Map(
  tableRows(readFileSync(path.join(ROOT, 'docs/glossary.md'), 'utf8'), ['retired', 'instead']).flatMap((row) =>
    [...row.retired.matchAll(/`([^`]+)`/g)].map(([, word]) => [word, row.instead]),
  ),
);
if (retired.size === 0) conclude(['docs/glossary.md has no table with the columns "Retired" and "Instead"']);

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...FOLDERS], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => CODE.test(file) || LUA.test(file));

let count = 0;
const problems = new Set();
for (const file of files) {
  for (const folderOrFile of file.split('/')) check(folderOrFile, file);
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  if (LUA.test(file)) for (const [, names] of text.matchAll(LUA_NAME)) names.split(/\W+/).forEach((name) => check(name, file));
  else declaredNames(ts.createSourceFile(file, text, ts.ScriptTarget.Latest), (name) => check(name, file));
}

conclude([...problems], `${count} names in ${files.length} files hold none of ${retired.size} retired words`);

function check(name, file) {
  count += 1;
  const words = wordsOf(name);
  for (const [word, instead] of retired) {
    if (holds(words, wordsOf(word))) problems.add(`${file}: "${name}" holds the retired word "${word}". Say: ${instead}`);
  }
}

/** `touchAfter`, `touch-after` and `TOUCH_AFTER` are `touch` and `after`. */
function wordsOf(name) {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}

function holds(words, sought) {
  return words.some((_word, start) => sought.every((one, index) => isForm(words[start + index], one)));
}

/** Also its plural, its past and its noun. */
function isForm(word, sought) {
  const stem = sought.replace(/e$/, '');
  return word !== undefined && new RegExp(`^(${sought}|${sought}s|${stem}(ed|es|ing|al|able))$`).test(word);
}

function declaredNames(node, found) {
  const { name } = node;
  if (name !== undefined && isDeclaration(node)) {
    if (ts.isIdentifier(name) || ts.isPrivateIdentifier(name)) found(name.text.replace('#', ''));
  }
  ts.forEachChild(node, (child) => declaredNames(child, found));
}

/** What names something of ours, and not what an import or a property of somebody else's object is called. */
function isDeclaration(node) {
  return (
    ts.isVariableDeclaration(node) ||
    ts.isParameter(node) ||
    ts.isBindingElement(node) ||
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isEnumDeclaration(node) ||
    ts.isTypeParameterDeclaration(node) ||
    ts.isPropertyDeclaration(node) ||
    ts.isPropertySignature(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isMethodSignature(node) ||
    ts.isGetAccessor(node) ||
    ts.isSetAccessor(node) ||
    ts.isPropertyAssignment(node) ||
    ts.isShorthandPropertyAssignment(node)
  );
}
