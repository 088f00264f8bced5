import { EXIT, type ExitCode } from './exit-codes.js';

/** Ends the program with a text for its user: what is wrong, and what to type. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
  }
}

export function usageProblem(message: string): CommandError {
  return new CommandError(message, EXIT.usage);
}
