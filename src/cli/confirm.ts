import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { EXIT } from './exit-codes.js';
import { CommandError, usageProblem } from './problems.js';

/** Where the program is asked from. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly signal: AbortSignal;
}

/** Goes on only if somebody says yes. Where nobody can be asked, `--yes` has to stand on the command line. */
export async function confirm({ stdin, stderr, signal }: Terminal, isConfirmed: boolean, question: string): Promise<void> {
  if (isConfirmed) return;
  if (stdin.isTTY !== true) throw usageProblem(`${question} Nobody can be asked here. Add --yes if you mean it.`);
  // Without the line editing of a terminal, Ctrl-C stays a signal.
  const prompt = createInterface({ input: stdin, output: stderr, terminal: false });
  try {
    const ended = once(prompt, 'close', { signal }).then(() => '');
    const answer = await Promise.race([prompt.question(`${question} [y/N] `, { signal }), ended]);
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandError('Nothing was done.', EXIT.declined);
  } finally {
    prompt.close();
  }
}
