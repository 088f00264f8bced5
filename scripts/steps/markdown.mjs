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

/** The fenced blocks of a document: the language, the code, and the line on which the code begins. */
export function fencedBlocks(text) {
  return [...text.matchAll(/^( *)(`{3,})(\w+)[^\n]*\n([\s\S]*?)^\1\2 *$/gm)].map((match) => {
    const [, indent, , language, code] = match;
    const line = text.slice(0, match.index).split('\n').length + 1;
    return { language, code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''), line };
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
