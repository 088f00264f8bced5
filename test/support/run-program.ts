import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { runProgram as runHost, type Host } from '../../src/cli/run-program.js';
import { until } from './until.js';

const LOADER = join(import.meta.dirname, 'typescript-loader.mjs');
const PROGRAM = join(import.meta.dirname, '../../src/cli/main.ts');

/** What the program at the prompt has said. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A module that the process loads first. */
  readonly preload?: string;
}

/** The program at the prompt, under way. */
export class RunningProgram {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(args: readonly string[], { env = {}, preload }: ProgramOptions = {}) {
    const preloads = [LOADER, ...(preload === undefined ? [] : [join(import.meta.dirname, preload)])].flatMap((file) => ['--import', file]);
    this.#child = spawn(process.execPath, [...preloads, PROGRAM, ...args], {
      // A machine that is busy with other things; and nothing of the environment of whoever runs the tests, such as a REDIS_URL.
      env: { PATH: process.env['PATH'] ?? '', REDIS_TIMEOUT: '60000', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
  }

  /** Waits until it has written that to standard error. */
  async untilSaid(text: string): Promise<void> {
    await until(() => this.stderr.includes(text) || this.#child.exitCode !== null, `the program says "${text}"`);
    if (!this.stderr.includes(text)) throw new Error(`The program ended without saying "${text}":\n${this.stderr}`);
  }

  type(line: string): void {
    this.#child.stdin?.write(line);
  }

  /** Ends its standard input, as Ctrl-D does. */
  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Closes the other end of its standard output, as `head` does. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  interrupt(signal: NodeJS.Signals = 'SIGINT'): void {
    this.#child.kill(signal);
  }

  async ended(): Promise<Said> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

/** The same without a process of its own, for what is about words: a process takes half a second to start. */
export async function runHere(args: readonly string[], { env = {} }: Pick<ProgramOptions, 'env'> = {}): Promise<Said> {
  const [stdout, stderr] = [new PassThrough().setEncoding('utf8'), new PassThrough().setEncoding('utf8')];
  const host = Object.assign(new EventEmitter(), {
    argv: ['node', PROGRAM, ...args],
    env,
    stdin: new PassThrough(),
    stdout,
    stderr,
    exitCode: undefined,
  }) as unknown as Host;
  await runHost(host);
  const textOf = (stream: PassThrough) => (stream.read() as string | null) ?? '';
  return { code: Number(host.exitCode), stdout: textOf(stdout), stderr: textOf(stderr) };
}

/** A line that says how far something has come, which only a busy machine brings. */
const PROGRESS = /^.* …\n/gmu;

/** Runs the program to its end. What it says of its progress is left out. */
export async function runProgram(args: readonly string[], options: ProgramOptions = {}): Promise<Said> {
  const program = new RunningProgram(args, options);
  program.endInput();
  const said = await program.ended();
  return { ...said, stderr: said.stderr.replaceAll(PROGRESS, '') };
}
