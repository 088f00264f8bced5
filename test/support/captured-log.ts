import { formatWithOptions, inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { forgetWarnings } from '../../src/session/warn-once.js';

/** What an application logged through Nest, as text with every detail that a logger could print. What is said once in a process is said to each anew. */
export class CapturedLog implements LoggerService {
  readonly lines: string[] = [];

  constructor() {
    forgetWarnings();
  }

  log = this.#write('log');
  error = this.#write('error');
  warn = this.#write('warn');
  debug = this.#write('debug');
  verbose = this.#write('verbose');
  fatal = this.#write('fatal');

  /** The lines that hold that text. */
  matching(text: string | RegExp): string[] {
    return this.lines.filter((line) => (typeof text === 'string' ? line.includes(text) : text.test(line)));
  }

  #write(level: string) {
    return (...parts: unknown[]): void => {
      this.lines.push(`${level} ${formatWithOptions({ depth: 20, showHidden: true }, ...parts.map(everything))}`);
    };
  }
}

function everything(value: unknown): unknown {
  return typeof value === 'string' ? value : inspect(value, { depth: 20, showHidden: true });
}
