// The tables of docs/options.md, written from the docblocks of the options: what an option means, its default, its unit (`@unit`), and whether one sets it
// every day (`@daily`) or rarely. What stands around the tables is written by hand.
//
//   node scripts/options-page.mjs           writes them
//   node scripts/options-page.mjs --check   ends with 1 when they are out of date, or an option lacks a docblock or its unit
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import prettier from 'prettier';
import ts from 'typescript';

import { commentOf, conclude, createProgram, exportsOf, ROOT, tagOf } from './steps/public-api.mjs';

const PAGE = path.join(ROOT, 'docs/options.md');
const INTERFACES = [
  { name: 'RedisSessionOptions', file: path.join(ROOT, 'src/redis-session.options.ts') },
  { name: 'RedisSessionModuleExtras', file: path.join(ROOT, 'src/redis-session.module-definition.ts') },
];
/** The options that are groups of options. The first two have no row of their own. */
const GROUPS = ['session', 'store', 'session.cookie', 'session.csrf', 'store.maxSessionsPerUser', 'store.track', 'store.migrate'];
const WITHOUT_ROW = ['session', 'store'];
const SECTIONS = ['daily', 'rare'];

const program = createProgram(INTERFACES.map(({ file }) => file));
const checker = program.getTypeChecker();
const options = INTERFACES.flatMap((one) => propertiesOf(one).flatMap((property) => optionsFrom(property, property.name))).filter(
  ({ name }) => !WITHOUT_ROW.includes(name),
);

const written = readFileSync(PAGE, 'utf8');
const upToDate = await prettier.format(SECTIONS.reduce(withTable, written), { ...(await prettier.resolveConfig(PAGE)), filepath: PAGE });
if (!process.argv.includes('--check')) writeFileSync(PAGE, upToDate);

const problems = options.flatMap(problemsOf);
if (process.argv.includes('--check') && written !== upToDate)
  problems.push('docs/options.md is not what the docblocks of the options say. Run: npm run docs:options');
conclude(problems, `${options.length} options in docs/options.md`);

/** The option, and where it is a group those in it. */
function optionsFrom(symbol, name) {
  const option = {
    name,
    isNumber: numericPartsOf(symbol),
    text: commentOf(program, symbol),
    value: tagOf(program, symbol, 'default'),
    unit: tagOf(program, symbol, 'unit'),
    isDaily: tagOf(program, symbol, 'daily') !== undefined,
  };
  const members = GROUPS.includes(name) ? membersOf(symbol).flatMap((member) => optionsFrom(member, `${name}.${member.name}`)) : [];
  return [option, ...members];
}

function propertiesOf({ name, file }) {
  const found = exportsOf(program, file).find((exported) => exported.name === name);
  if (found === undefined) throw new Error(`${path.relative(ROOT, file)} does not export ${name}`);
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(found.symbol));
}

/** The properties of an option that is an object. Where it may be an instance of a class as well, or an object of methods, those of that are no options. */
function membersOf(symbol) {
  return partsOf(symbol)
    .filter((part) => part.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && !part.isClass() && !isFunction(part))
    .map((part) => checker.getPropertiesOfType(part))
    .filter((properties) => properties.some((property) => !isFunction(checker.getNonNullableType(checker.getTypeOfSymbol(property)))))
    .flat();
}

function numericPartsOf(symbol) {
  return partsOf(symbol).some((part) => part.flags & ts.TypeFlags.NumberLike);
}

function partsOf(symbol) {
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
  return type.isUnion() ? type.types : [type];
}

function isFunction(type) {
  return type.getCallSignatures().length > 0;
}

function problemsOf({ name, text, unit, isNumber }) {
  return [
    ...(text === '' ? [`option "${name}" has no docblock`] : []),
    ...(isNumber && unit === undefined ? [`option "${name}" takes a number, and its docblock has no @unit`] : []),
  ];
}

/** Between the two comments that name the section. */
function withTable(page, section) {
  const [begin, end] = [`<!-- options: ${section} -->`, `<!-- end of options: ${section} -->`];
  if (!page.includes(begin) || !page.includes(end)) throw new Error(`docs/options.md lacks ${begin} or ${end}`);
  const rows = options.filter(({ isDaily }) => isDaily === (section === 'daily')).map(rowOf);
  const table = ['| Option | Default | Unit | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
  return page.slice(0, page.indexOf(begin) + begin.length) + `\n\n${table}\n\n` + page.slice(page.indexOf(end));
}

function rowOf({ name, value, unit, text }) {
  const cells = [`\`${name}\``, defaultCell(value), unit ?? '', text.replaceAll(/\{@link ([^}]*)\}/g, '`$1`').replaceAll(/\s+/g, ' ')];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** A value as code, words as they are. */
function defaultCell(value = '') {
  const isCode = /^(?:'[^']*'|[\d_]+|\[.*\]|\{.*\}|true|false|undefined|[\w.]+\(.*\))$/.test(value);
  return isCode ? `\`${value}\`` : value;
}
