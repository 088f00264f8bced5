/** How the program ends, so that a script can tell what has happened. `docs/command-line.md` has the same table. */
export const EXIT = {
  /** Done, and nothing to be seen to. */
  fine: 0,
  /** `doctor` has found something to be seen to. */
  findings: 1,
  /** The command line is wrong, or asks for what needs `--yes`. Nothing was done. */
  usage: 2,
  /** Redis cannot be reached, or refuses. */
  unavailable: 3,
  /** There is no such session (any more). */
  notFound: 4,
  /** You answered no. Nothing was done. */
  declined: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a shell adds to the number of a signal, for a program that the signal has ended. */
export const SIGNALLED = 128;
