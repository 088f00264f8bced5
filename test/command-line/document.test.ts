import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { EXIT, SIGNALLED } from '../../src/cli/exit-codes.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { runHere, runProgram } from '../support/run-program.js';
import { startRedis } from '../support/start-redis.js';

const document = await readFile('docs/command-line.md', 'utf8');

function outputOf(name: string): string {
  const [, text] = new RegExp(`<!-- output: ${name} -->\\s+\`\`\`\n([^\`]+)\`\`\``).exec(document) ?? [];
  if (text === undefined) throw new Error(`docs/command-line.md has no output "${name}".`);
  return text;
}

test('docs/command-line.md shows what --help prints', async () => {
  expect(outputOf('--help')).toBe((await runHere(['--help'])).stdout);
});

test('docs/command-line.md shows what doctor prints, but for the version', async () => {
  const config = { appendonly: 'yes', maxmemory: '1gb', 'maxmemory-policy': 'allkeys-lru', 'hash-max-listpack-value': '1024' };
  const server = await startRedis({ config });
  try {
    const { stdout } = await runProgram(['doctor'], { env: { REDIS_URL: server.url } });
    expect(outputOf('doctor')).toBe(stdout.replace(/: \w+ [\d.]+, 0 keys/, ': redis 7.0.15, 0 keys'));
  } finally {
    await server.stop();
  }
});

test('docs/command-line.md has every command and every exit code', () => {
  for (const name of COMMANDS.keys()) expect(document).toMatch(new RegExp(`^\\| \`${name}\` `, 'm'));
  for (const code of Object.values(EXIT)) expect(document).toMatch(new RegExp(`^\\| ${code} `, 'm'));
  expect(document).toContain(`| ${SIGNALLED + 2}, ${SIGNALLED + 15} `);
});
