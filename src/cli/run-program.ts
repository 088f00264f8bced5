import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { RedisSessionConfigError, SessionMisuseError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import { nearest } from '../session/option-checks.js';
import type { Command } from './command.js';
import { readArguments, type Arguments } from './command-line.js';
import { COMMANDS } from './commands.js';
import { connect } from './connection.js';
import { EXIT, SIGNALLED, type ExitCode } from './exit-codes.js';
import { commandHelp, PROGRAM, programHelp } from './help.js';
import { Output } from './output.js';
import { CommandError, usageProblem } from './problems.js';
import { unavailable } from './unavailable.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Signal = (typeof SIGNALS)[number];

/** What a program is given by its process. */
export type Host = Pick<NodeJS.Process, 'argv' | 'env' | 'stdin' | 'stdout' | 'stderr' | 'once' | 'exitCode'>;

/** Does what the command line says, and sets the exit code. Whatever it rejects with is a fault of this package. */
export async function runProgram(host: Host): Promise<void> {
  const { argv, env, stdout, stderr } = host;
  const args = argv.slice(2);
  // Who reads the output may have seen enough, as `head` does.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const interruption = new AbortController();
  for (const signal of SIGNALS) host.once(signal, () => interruption.abort(signal));

  try {
    host.exitCode = await Promise.race([run(), interrupted(interruption.signal)]);
  } catch (error) {
    if (interruption.signal.aborted) {
      stderr.write('Interrupted.\n');
      host.exitCode = SIGNALLED + constants.signals[interruption.signal.reason as Signal];
      return;
    }
    const { message, exitCode } = toldOf(error);
    stderr.write(`${message}\n`);
    if (wantsJson(args)) stdout.write(`${JSON.stringify({ error: { exitCode, message } }, null, 2)}\n`);
    host.exitCode = exitCode;
  }

  async function run(): Promise<ExitCode> {
    const [name, ...rest] = args;
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') return say(programHelp());
    if (name === '--version') return say(version());
    const command = commandOf(name, rest);
    const given = readArguments(rest, command.options, env);
    return given.flag('help') ? say(commandHelp(name, command)) : work(command, given);
  }

  function say(text: string): ExitCode {
    stdout.write(`${text}\n`);
    return EXIT.fine;
  }

  async function work(command: Command, given: Arguments): Promise<ExitCode> {
    const warn = (message: string) => void stderr.write(`${message}\n`);
    const go = command.prepare(given);
    const connection = await connect(given, { warn, signal: interruption.signal });
    try {
      const output = new Output(stdout, given.flag('json'));
      return await go({ ...connection, stdin: host.stdin, stderr, signal: interruption.signal, output, warn });
    } catch (error) {
      throw error instanceof SessionStoreUnavailableError
        ? unavailable(error, { lost: connection.lost(), nodes: connection.redis.port.isCluster ? 'some' : undefined })
        : error;
    } finally {
      await connection.close();
    }
  }
}

function commandOf(name: string, rest: readonly string[]): Command {
  const command = COMMANDS.get(name);
  if (command !== undefined) return command;
  const later = rest.find((arg) => COMMANDS.has(arg));
  if (name.startsWith('-')) throw usageProblem(`The command comes first: ${PROGRAM} ${later ?? '<command>'} [options]`);
  const meant = nearest(name, [...COMMANDS.keys()]);
  // What stands in its place by mistake may be a URL or a sid.
  const what = /^[a-z-]{1,20}$/i.test(name) ? `command "${name}"` : 'such command';
  throw usageProblem(`There is no ${what}. ${meant === undefined ? `Try ${PROGRAM} --help.` : `Did you mean "${meant}"?`}`);
}

function toldOf(error: unknown): { readonly message: string; readonly exitCode: ExitCode } {
  if (error instanceof CommandError) return error;
  if (error instanceof SessionMisuseError || error instanceof RedisSessionConfigError) return usageProblem(error.message);
  throw error;
}

/** Never resolves, and rejects when the signal comes. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new Error('Interrupted.'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

function version(): string {
  const manifest = createRequire(import.meta.url)(`${PROGRAM}/package.json`) as { readonly version: string };
  return manifest.version;
}
