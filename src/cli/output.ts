import type { Writable } from 'node:stream';

/** What a command has to say: as text for people, or as one document for programs. */
export class Output {
  constructor(
    private readonly stdout: Writable,
    private readonly isJson: boolean,
  ) {}

  /** Called once by each command. */
  print(document: object, text: () => string): void {
    this.stdout.write(`${this.isJson ? JSON.stringify(document, null, 2) : text()}\n`);
  }
}
