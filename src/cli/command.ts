import type { Arguments } from './command-line.js';
import type { Terminal } from './confirm.js';
import type { Connection } from './connection.js';
import type { ExitCode } from './exit-codes.js';
import type { OptionSpec } from './options.js';
import type { Output } from './output.js';

/** One command of the program. */
export interface Command {
  /** In a few words, for the list of all. */
  readonly summary: string;
  /** What stands after the name: `<user>`, or nothing. */
  readonly operands: string;
  /** Its own options. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** For `--help`: what else is to be known. */
  readonly details: string;
  /** Checks what can be checked without Redis, and answers with the rest of the work. */
  prepare(args: Arguments): Work;
}

export type Work = (context: Context) => Promise<ExitCode>;

/** What a command works with. */
export interface Context extends Terminal, Connection {
  readonly output: Output;
  /** Prints a line to standard error. */
  warn(message: string): void;
}
