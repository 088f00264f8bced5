import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll } from '@jest/globals';

export interface RunningProgram {
  /** All that it printed so far. */
  output(): string;
  /** Waits until the output matches, and gives what the first group caught. Rejects when the program ends before. */
  says(pattern: RegExp): Promise<string>;
  /** Sends a signal, if it still runs, and waits for its end. Gives the exit code; the signal's name if that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

const started: RunningProgram[] = [];

// Whatever a test file started ends with it, also when a test gave up waiting.
afterAll(async () => {
  await Promise.all(started.map((program) => program.end('SIGKILL')));
});

const INHERITED = ['PATH', 'HOME', 'TMPDIR'];

/** A Node program with only these settings, and a free port to listen on. */
export function startProgram(file: string, env: Record<string, string>, args: readonly string[] = []): RunningProgram {
  const inherited = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  const child = spawn(process.execPath, [file, ...args], { env: { ...inherited, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const closed = once(child, 'close');

  const program: RunningProgram = {
    output: () => output,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = pattern.exec(output);
          if (found !== null) resolve(found[1] ?? found[0]);
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
        void closed.then(() => reject(new Error(`It ended before it said ${pattern}:\n${output}`)));
        look();
      }),
    end: async (signal) => {
      if (signal !== undefined) child.kill(signal);
      await closed;
      return child.exitCode ?? child.signalCode;
    },
  };
  started.push(program);
  return program;
}
