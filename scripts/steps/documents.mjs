// Every link in a document of the repository leads somewhere, its anchor too; README.md can be read in one go; each page of docs/ can be found from it; and a
// block of code that is a test of a packed application is that test, word for word.
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';

import { documents, fencedBlocks, headingsOf, linksOf } from './markdown.mjs';
import { conclude, ROOT } from './public-api.mjs';

const MOST_LINES_OF_README = 200;
const TEST_OF_PACKED_APP = /^test\/package\/[\w.-]+\/test\/[\w.-]+$/;

const texts = new Map(
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md', 'llms.txt'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file !== '' && existsSync(path.join(ROOT, file)))
    .map((file) => [file, readFileSync(path.join(ROOT, file), 'utf8')]),
);
const links = [...texts].flatMap(([file, text]) => linksOf(text).map((link) => ({ ...link, file, ...targetOf(link.target, file) })));
const problems = links.flatMap(problemsOf);

const lines = texts.get('README.md').trimEnd().split('\n').length;
if (lines > MOST_LINES_OF_README) problems.push(`README.md has ${lines} lines. Move something to docs/: at most ${MOST_LINES_OF_README}.`);

const found = new Set(links.filter(({ file }) => file === 'README.md').map(({ page }) => page));
for (const { file } of documents()) {
  if (file !== 'README.md' && !found.has(file)) problems.push(`README.md has no link to ${file}`);
}

const copies = documents().flatMap(({ file, text }) =>
  fencedBlocks(text).flatMap((block) => (block.source === undefined ? [] : [{ ...block, file }])),
);
problems.push(...copies.flatMap(problemsOfCopy));

conclude(problems, `${copies.length} tests, ${links.length} links in ${texts.size} documents, ${lines} lines of README.md`);

/** A block that is to be a file, which `packed-app.mjs` runs. */
function problemsOfCopy({ file, line, source, code }) {
  const where = `${file}:${line}`;
  if (!TEST_OF_PACKED_APP.test(source) || !existsSync(path.join(ROOT, source)))
    return [`${where} ${source} is no test of a packed application`];
  return readFileSync(path.join(ROOT, source), 'utf8') === code
    ? []
    : [`${where} is not what ${source} is. Copy that file into the block.`];
}

/** The page of the repository that a link means, and the anchor in it. */
function targetOf(target, file) {
  const [place, anchor] = target.split('#');
  return { page: place === '' ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), decodeURI(place))), anchor };
}

function problemsOf({ file, line, target, page, anchor }) {
  if (page.startsWith('..')) return [`${file}:${line} ${target} leads out of the repository`];
  if (!existsSync(path.join(ROOT, page))) return [`${file}:${line} ${target} leads nowhere`];
  if (anchor === undefined || statSync(path.join(ROOT, page)).isDirectory()) return [];
  const anchors = headingsOf(texts.get(page) ?? '').map((heading) => heading.anchor);
  return anchors.includes(anchor) ? [] : [`${file}:${line} ${page} has no heading for #${anchor}`];
}
