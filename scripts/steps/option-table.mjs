// The option table of README.md against the interfaces: every option has a row, every row names an option, the column "Default" is what the
// option's @default tag says, and every option has a docblock.
import { readFileSync } from 'node:fs';
import path from 'node:path';

import ts from 'typescript';

import { tableRows } from './markdown.mjs';
import { commentOf, conclude, createProgram, exportsOf, ROOT, tagOf } from './public-api.mjs';

const INTERFACES = [
  { name: 'RedisSessionOptions', file: path.join(ROOT, 'src/redis-session.options.ts') },
  { name: 'RedisSessionModuleExtras', file: path.join(ROOT, 'src/redis-session.module-definition.ts') },
];
/** The options that are groups of options. Each member of a group has a row of its own. */
const GROUPS = ['session', 'store'];
const NO_DEFAULT = ['', '-', '–', '—', 'none', 'required'];

const program = createProgram(INTERFACES.map(({ file }) => file));
const checker = program.getTypeChecker();
const options = declaredOptions();
const rows = tableRows(readFileSync(path.join(ROOT, 'README.md'), 'utf8'), ['option', 'default']).flatMap((row) =>
  [...row.option.matchAll(/`([^`]+)`/g)].map(([, name]) => ({ ...row, name })),
);

const problems = [];
for (const [name, { symbol, isGroup }] of options) {
  if (commentOf(program, symbol) === '') problems.push(`option "${name}" has no docblock`);
  if (!isGroup && !rows.some((row) => row.name === name)) problems.push(`option "${name}" has no row in README.md`);
}
for (const { name, line, default: cell } of rows) {
  const symbol = options.get(name)?.symbol ?? deeper(name);
  if (symbol === undefined) problems.push(`README.md:${line} there is no option "${name}"`);
  else if (!agrees(cell, tagOf(program, symbol, 'default')))
    problems.push(
      `README.md:${line} the default of "${name}" is "${cell}" here and "${tagOf(program, symbol, 'default') ?? 'none'}" in the code`,
    );
}
if (rows.length === 0) problems.push('README.md has no table with the columns "Option" and "Default"');

conclude(problems, `${options.size} options agree with README.md`);

/** All options by name, those of a group as `group.name`. */
function declaredOptions() {
  const found = new Map();
  for (const property of INTERFACES.flatMap(propertiesOf)) {
    const isGroup = GROUPS.includes(property.name);
    found.set(property.name, { symbol: property, isGroup });
    if (isGroup) for (const member of membersOf(property)) found.set(`${property.name}.${member.name}`, { symbol: member, isGroup: false });
  }
  return found;
}

function propertiesOf({ name, file }) {
  const found = exportsOf(program, file).find((exported) => exported.name === name);
  if (found === undefined) throw new Error(`${path.relative(ROOT, file)} does not export ${name}`);
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(found.symbol));
}

/** The properties of an option that is an object. Where it may be an instance of a class as well, or an object of methods, those of that are no options. */
function membersOf(symbol) {
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
  return (type.isUnion() ? type.types : [type])
    .filter((part) => part.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && !part.isClass() && !isFunction(part))
    .map((part) => checker.getPropertiesOfType(part))
    .filter((properties) => properties.some((property) => !isFunction(checker.getNonNullableType(checker.getTypeOfSymbol(property)))))
    .flat();
}

function isFunction(type) {
  return type.getCallSignatures().length > 0;
}

/** `session.cookie.maxAge`: a member of a member, which may have a row but need not. */
function deeper(name) {
  const [parent, member] = name.split(/\.(?=[^.]+$)/);
  const symbol = options.get(parent)?.symbol;
  return symbol && membersOf(symbol).find((property) => property.name === member);
}

/** A cell may explain itself: "`1800` (30 minutes)" agrees with `@default 1800`. */
function agrees(cell, tag) {
  if (tag === undefined) return NO_DEFAULT.includes(cell.toLowerCase());
  return [cell, cell.match(/`([^`]+)`/)?.[1] ?? ''].some((text) => plain(text) === plain(tag));
}

function plain(text) {
  return text.replaceAll(/[`'"\\\s_]/g, '').toLowerCase();
}
