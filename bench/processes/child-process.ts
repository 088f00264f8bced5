import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** A process of ours that answers questions. Ends with this one. */
export class BenchProcess {
  readonly #waiting = new Map<number, Waiting>();
  #latest = 0;
  #output = '';

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    child.on('message', (message) => this.#receive(message as { id: number; answer?: unknown; error?: string }));
    child.on('exit', (code) => this.#fail(new Error(`A process of the benchmark ended with ${code}:\n${this.#output}`)));
  }

  /** `node` is the program that runs it. */
  static async start(program: URL, args: readonly string[] = [], node = process.execPath): Promise<BenchProcess> {
    const child = fork(fileURLToPath(program), args, {
      execPath: node,
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const started = new BenchProcess(child);
    await new Promise<unknown>((resolve, reject) => started.#waiting.set(0, { resolve, reject }));
    return started;
  }

  ask<Answer = void>(question: string, payload?: unknown): Promise<Answer> {
    const id = ++this.#latest;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ id, question, payload }, (error) => error && reject(error));
    });
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#output;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  #receive({ id = 0, answer, error }: { id?: number; answer?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(answer as never);
    else waiting?.reject(new Error(error));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
