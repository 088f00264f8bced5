import { jest } from '@jest/globals';
import { inspect } from 'node:util';

/** Everything that is written to the console and to the standard streams, until it is released. */
export class CapturedOutput {
  readonly #written: string[] = [];
  readonly #restore: (() => void)[] = [];

  constructor() {
    for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir'] as const) this.#replace(console, method);
    for (const stream of [process.stdout, process.stderr]) this.#replace(stream, 'write');
  }

  get text(): string {
    return this.#written.join('\n');
  }

  release(): void {
    for (const restore of this.#restore) restore();
  }

  #replace<Target extends object>(target: Target, name: keyof Target & string): void {
    const spy = jest.spyOn(target as Record<string, (...parts: unknown[]) => unknown>, name).mockImplementation((...parts) => {
      this.#written.push(parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 20, showHidden: true }))).join(' '));
      return true;
    });
    this.#restore.push(() => spy.mockRestore());
  }
}
