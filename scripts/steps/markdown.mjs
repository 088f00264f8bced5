import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { ROOT } from './public-api.mjs';

/** README.md and every page of docs/. */
export function documents() {
  const folder = path.join(ROOT, 'docs');
  const pages = (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [])
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`);
  return ['README.md', ...pages.toSorted()].map((file) => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') }));
}

/**
 * The fenced blocks of a document: the language, the code, and the line on which the code begins. With `source`, the file of the repository that a comment
 * before the block names, as in `<!-- file: test/package/esm-fastify5/test/a.test.mjs -->`: the block is that file, which is compiled and run there.
 */
export function fencedBlocks(text) {
  return [...text.matchAll(/^( *)(`{3,})(\w+)[^\n]*\n([\s\S]*?)^\1\2 *$/gm)].map((match) => {
    const [, indent, , language, code] = match;
    const before = text.slice(0, match.index);
    const [, source] = /<!-- file: (\S+) -->\s*$/.exec(before) ?? [];
    return { language, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''), line: before.split('\n').length + 1, source };
  });
}

/** The rows of every table whose header has the given columns, as objects keyed by column, with their line. */
export function tableRows(text, columns) {
  const rows = [];
  let header;
  for (const [index, line] of text.split('\n').entries()) {
    const cells = cellsOf(line);
    if (cells === undefined) header = undefined;
    else if (header === undefined) header = cells.map((cell) => cell.toLowerCase());
    else if (columns.every((column) => header.includes(column)) && !cells.every((cell) => /^:?-+:?$/.test(cell)))
      rows.push({ ...Object.fromEntries(header.map((column, cell) => [column, cells[cell] ?? ''])), line: index + 1 });
  }
  return rows;
}

function cellsOf(line) {
  if (!/^\s*\|.*\|\s*$/.test(line)) return undefined;
  return line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** The links to files of the repository and to headings, with their line. Those in code are no links. */
export function linksOf(text) {
  return withoutCode(text)
    .split('\n')
    .flatMap((content, index) =>
      [...content.matchAll(/\]\(([^()\s]+)\)|<(?:img|a)\s[^>]*\b(?:src|href)="([^"]+)"/g)].map(([, target, attribute]) => ({
        target: target ?? attribute,
        line: index + 1,
      })),
    )
    .filter(({ target }) => !/^[a-z][a-z+.-]*:/i.test(target));
}

/** The headings, with the anchor that GitHub and npm give each. */
export function headingsOf(text) {
  const seen = new Map();
  return [...withoutCode(text, { keepInline: true }).matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return { heading, anchor: count === 0 ? slug : `${slug}-${count}` };
  });
}

/** The same lines, without what stands in blocks of code and, unless `keepInline`, in code within a line. */
function withoutCode(text, { keepInline = false } = {}) {
  const blank = (code) => code.replaceAll(/[^\n]/g, '');
  const prose = text.replaceAll(/^( *)(`{3,})[^\n]*\n[\s\S]*?^\1\2 *$/gm, blank);
  return keepInline ? prose : prose.replaceAll(/`[^`\n]+`/g, blank);
}
