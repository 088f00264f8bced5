// The pictures of README.md, drawn from what the repository knows: the example session of docs/storage-format.md, and the newest figures of
// `npm run bench` in bench/results for each version of Node.
//
//   node scripts/pictures.mjs           draws them into docs/pictures
//   node scripts/pictures.mjs --check   ends with 1 when they are out of date
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { conclude, ROOT } from './steps/public-api.mjs';

const FOLDER = 'docs/pictures';
const WORKLOAD = 'read-350';
/** In this order. What a result lacks is left out. */
const CANDIDATES = {
  none: 'no session',
  builtin: 'nestjs-redis-session',
  'connect-redis': 'express-session + connect-redis',
  'cookie-session': 'cookie-session (no revocation)',
  'iron-session': 'iron-session (no revocation)',
};
const COMPARED = ['builtin', 'connect-redis'];

/** Readable on a light and on a dark page. */
const STYLE = `<style>
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .code { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
  .title { font-weight: 600; }
  .quiet { fill: #59636e; }
  .box { fill: #f6f8fa; stroke: #d1d9e0; }
  .line { stroke: #59636e; fill: none; }
  .head { fill: #59636e; }
  .bar { fill: #b6bdc5; }
  .ours { fill: #c8102e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .box { fill: #151b23; stroke: #3d444d; }
    .line { stroke: #9198a1; }
    .head { fill: #9198a1; }
    .bar { fill: #656c76; }
    .ours { fill: #ff5a70; }
  }
</style>`;

const pictures = { 'request.svg': requestPicture(), 'cost.svg': costPicture() };
const isCheck = process.argv.includes('--check');
const stale = Object.entries(pictures).filter(([name, drawn]) => {
  const file = path.join(ROOT, FOLDER, name);
  if (!isCheck) writeFileSync(file, drawn);
  return readFileSync(file, 'utf8') !== drawn;
});
conclude(
  stale.map(([name]) => `${FOLDER}/${name} is out of date. Run: npm run docs:pictures`),
  `${Object.keys(pictures).length} pictures up to date`,
);

/** Cookie, hash, guard. */
function requestPicture() {
  const { key, fields } = exampleSession();
  const shown = ['identity', 'cart'].map((name) => [name, shortened(fields.get(name), 32)]);
  return svg(880, 226, 'A cookie names a session, Redis holds it as a hash, and the guard reads from it who is signed in', [
    text(10, 24, 'What happens in a request', 'title'),
    box(10, 40, 230, 'Browser', 'keeps a signed cookie'),
    ...table(26, 18, [
      ['Cookie: sid=', ''],
      ['', key.replace(/^.*:/, '')],
      ['', '+ secret + signature'],
    ]),
    arrow(240, 290),
    box(290, 40, 330, 'Redis', 'keeps the session as a hash'),
    ...table(306, 78, [[`HGETALL ${key}`, ''], ...shown]),
    arrow(620, 670),
    box(670, 40, 200, 'SessionGuard', 'reads who is signed in'),
    ...table(686, 96, [
      ['signed in', '→ handler'],
      ['nobody', '→ 401'],
      ['Redis down', '→ 503'],
    ]),
    text(10, 208, 'One Redis command per request. Redis never holds the secret, so a dump of it signs nobody in.', 'quiet'),
  ]);
}

/** The example that a test compares with a real Redis. */
function exampleSession() {
  const page = readFileSync(path.join(ROOT, 'docs/storage-format.md'), 'utf8');
  const [, example] = /<!-- example: a session -->\s+```\n([\s\S]+?)```/.exec(page) ?? [];
  if (example === undefined) throw new Error('docs/storage-format.md has no example "a session"');
  const strings = [...example.matchAll(/^ *\d+\) (".*")$/gm)].map(([, literal]) => JSON.parse(literal));
  const fields = new Map(strings.flatMap((name, index) => (index % 2 === 0 ? [[name, strings[index + 1]]] : [])));
  return { key: /HGETALL (\S+)/.exec(example)[1], fields };
}

/** Bars of CPU time per request, for each version of Node that was measured. */
function costPicture() {
  const groups = measured();
  const [left, width, step] = [250, 480, 26];
  let y = 64;
  const parts = [
    text(10, 24, 'CPU time of a request that reads a session of 350 bytes', 'title'),
    text(10, 44, 'microseconds; the thin line is the 95 % interval; Nest 12 on Express 5', 'quiet'),
  ];
  const most = Math.max(...groups.flatMap(({ costs }) => costs.map(({ cpu: [, , high] }) => high)));
  const scale = (value) => Math.round((value / most) * width);
  for (const { node, costs } of groups) {
    parts.push(text(10, y + 16, `Node ${node}`, 'title'));
    for (const { candidate, cpu } of costs) {
      const [value, low, high] = cpu;
      parts.push(
        `<rect class="${candidate === 'builtin' ? 'ours' : 'bar'}" x="${left}" y="${y + 4}" width="${scale(value)}" height="16" rx="2"/>`,
        `<path class="line" d="M${left + scale(low)} ${y + 12}H${left + scale(high)}"/>`,
        `<text x="${left - 10}" y="${y + 17}" text-anchor="end">${escaped(CANDIDATES[candidate])}</text>`,
        `<text x="${left + scale(high) + 8}" y="${y + 17}">${Math.round(value)}</text>`,
      );
      y += step;
    }
    y += 18;
  }
  return svg(800, y, 'CPU time of a request that reads a session, by session package and version of Node', parts);
}

/** The newest result for each major version of Node that compares us with connect-redis. */
function measured() {
  const folder = path.join(ROOT, 'bench/results');
  const newest = new Map();
  for (const file of readdirSync(folder).toSorted()) {
    const { environment, costs = [] } = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
    const ofWorkload = costs.filter(({ workload }) => workload === WORKLOAD);
    if (!COMPARED.every((name) => ofWorkload.some(({ candidate }) => candidate === name))) continue;
    const shown = Object.keys(CANDIDATES).flatMap((name) => ofWorkload.filter(({ candidate }) => candidate === name));
    newest.set(environment.node.split('.')[0], shown);
  }
  if (newest.size === 0) throw new Error(`bench/results has no comparison of ${COMPARED.join(' and ')} for ${WORKLOAD}`);
  return [...newest].toSorted(([one], [other]) => one - other).map(([node, costs]) => ({ node, costs }));
}

function box(x, y, width, title, subtitle) {
  return [
    `<rect class="box" x="${x}" y="${y}" width="${width}" height="136" rx="8"/>`,
    text(x + 16, y + 28, title, 'title'),
    text(x + 16, y + 48, subtitle, 'quiet'),
  ].join('\n');
}

/** Two columns of code in a box. */
function table(x, indent, rows) {
  return rows.flatMap((cells, row) =>
    cells.flatMap((cell, column) => (cell === '' ? [] : [text(x + column * indent, 118 + row * 20, cell, 'code')])),
  );
}

function arrow(from, to) {
  const y = 108;
  return `<path class="line" d="M${from + 4} ${y}H${to - 10}"/><path class="head" d="M${to - 12} ${y - 5}l10 5l-10 5z"/>`;
}

function text(x, y, content, className) {
  return `<text x="${x}" y="${y}" class="${className}">${escaped(content)}</text>`;
}

function svg(width, height, title, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
${STYLE}
${parts.flat().join('\n')}
</svg>
`;
}

function shortened(value, length) {
  return value.length > length ? `${value.slice(0, length - 1)}…` : value;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
