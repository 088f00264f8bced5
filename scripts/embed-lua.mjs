// Embeds src/redis/scripts/lua/*.lua into src/redis/scripts/lua.generated.ts, which is committed. With --check it writes nothing and fails when that file
// is stale or a script's header does not tell the truth.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { headerProblems } from './lua-header.mjs';

const ROOT = path.resolve(import.meta.dirname, '..');
const SOURCES = path.join(ROOT, 'src/redis/scripts/lua');
const TARGET = path.join(ROOT, 'src/redis/scripts/lua.generated.ts');
const INCLUDE = /^-- include (\S+)[ \t]*$/gm;

const sources = await readSources();
const preludes = new Map(sources.filter(({ name }) => name.startsWith('_')).map(({ name, text }) => [name, text]));
const scripts = sources.filter(({ name }) => !name.startsWith('_')).map((script) => ({ ...script, full: withPreludes(script) }));

if (scripts.length === 0) fail(['src/redis/scripts/lua holds no script']);

const problems = sources.flatMap(({ name, text }) =>
  headerProblems({ name, text, full: scripts.find((script) => script.name === name)?.full }),
);
if (problems.length > 0) fail(problems);

const generated = render();
if (process.argv.includes('--check')) {
  const committed = await readFile(TARGET, 'utf8').catch(() => '');
  if (committed !== generated) fail(['src/redis/scripts/lua.generated.ts is stale. Run: npm run scripts:embed']);
  console.log(`${scripts.length} scripts, headers and embedded copies agree`);
} else {
  await writeFile(TARGET, generated);
  console.log(`${scripts.length} scripts written to src/redis/scripts/lua.generated.ts`);
}

async function readSources() {
  const files = await readdir(SOURCES).catch(() => []);
  const names = files.filter((file) => file.endsWith('.lua')).toSorted();
  return Promise.all(
    names.map(async (file) => ({ name: path.basename(file, '.lua'), text: await readFile(path.join(SOURCES, file), 'utf8') })),
  );
}

function withPreludes({ name, text }) {
  return text.replaceAll(INCLUDE, (_line, prelude) => {
    const included = preludes.get(prelude);
    if (included === undefined) fail([`${name}.lua includes ${prelude}, but there is no ${prelude}.lua whose name begins with "_"`]);
    if (included.search(INCLUDE) >= 0) fail([`${prelude}.lua includes another file. Preludes stand alone`]);
    return included.trimEnd();
  });
}

/** Each prelude once, which the scripts include by its name. */
function render() {
  const constants = [...preludes].map(([name, text]) => `const ${name} = \`${escaped(text.trimEnd())}\`;\n`);
  const entries = scripts.map(({ name, text }) => `  ${propertyName(name)}: \`${embedded(text)}\`,\n`);
  return [
    '// Written by scripts/embed-lua.mjs from src/redis/scripts/lua/*.lua. Do not edit.\n',
    ...constants,
    `/** The texts of the scripts, as Redis gets them. */\nexport const LUA = {\n${entries.join('\n')}} as const;\n`,
    `/** What the first number of a script's answer means. */\nexport const STATUS = {\n${statuses().join('')}} as const;\n`,
  ].join('\n');
}

function embedded(text) {
  return escaped(text).replaceAll(INCLUDE, (_line, prelude) => `\${${prelude}}`);
}

function escaped(text) {
  return text.replaceAll(/[\\`]|\$\{/g, '\\$&');
}

function statuses() {
  return [...preludes.get('_status').matchAll(/^local ([A-Z_]+) = (\d+) -- (.+)$/gm)].map(
    ([, name, number, meaning]) => `  /** ${meaning} */\n  ${propertyName(name.toLowerCase())}: ${number},\n`,
  );
}

function propertyName(name) {
  return name.replaceAll(/[^A-Za-z0-9]+(.)?/g, (_gap, next) => next?.toUpperCase() ?? '');
}

function fail(lines) {
  for (const line of lines) console.error(line);
  process.exit(1);
}
