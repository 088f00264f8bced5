import type { Command } from './command.js';
import { COMMANDS } from './commands.js';
import { COMMON_OPTIONS, CONNECTION_OPTIONS, PASSWORD_VARIABLES, type OptionSpec } from './options.js';
import { table } from './printable.js';

export const PROGRAM = 'nestjs-redis-session';

export function programHelp(): string {
  const commands = [...COMMANDS].map(([name, { operands, summary }]) => [`  ${name} ${operands}`.trimEnd(), summary]);
  return [
    `Usage: ${PROGRAM} <command> [options]`,
    '',
    table(commands),
    '',
    `What a command takes: ${PROGRAM} <command> --help. The version: ${PROGRAM} --version.`,
    'Redis is looked for at REDIS_URL, or redis://127.0.0.1:6379; sessions under SESSION_PREFIX, or "sess:".',
  ].join('\n');
}

export function commandHelp(name: string, { operands, summary, details, options }: Command): string {
  return [
    `Usage: ${PROGRAM} ${name}${operands === '' ? '' : ` ${operands}`} [options]`,
    '',
    `${summary}. ${details}`,
    '',
    table([...rowsOf(options), ...rowsOf(COMMON_OPTIONS)]),
    '',
    'Redis, and the variable that counts where the option is missing:',
    table([...rowsOf(CONNECTION_OPTIONS), ...Object.entries(PASSWORD_VARIABLES).map(([variable, help]) => ['', variable, help])]),
  ].join('\n');
}

function rowsOf(options: Readonly<Record<string, OptionSpec>>): string[][] {
  return Object.entries(options).map(([name, { short, value, env, help }]) => [
    `  ${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`,
    env ?? '',
    help,
  ]);
}
