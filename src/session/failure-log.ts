import { inspect } from 'node:util';
import { RedisSessionError, SessionStoreUnavailableError } from '../redis-session.errors.js';
import { callHarmlessly } from './harmless-call.js';

/** Where an application's log is. */
export interface LinePrinter {
  error(message: string): void;
  warn(message: string): void;
}

/** In ms. Until nothing has failed for so long, an answer is no sign that an outage is over. */
const QUIET = 1_000;

/** A failure of one class that goes on. */
interface Outage {
  readonly beganAt: number;
  failedAt: number;
  count: number;
  /** What was refused; empty where nothing was even answered, so that any answer is the end of it. */
  readonly commands: Set<string>;
}

/**
 * Where failures of a store go: to the application's function, each of them; to its log; or nowhere. In the log, an outage is a line when it begins and a line when it ends,
 * however many requests it has failed: one of a busy site would fill the disk otherwise. Never throws.
 */
export class FailureLog {
  readonly #outages = new Map<string, Outage>();
  /** An error may be told of by several who have to do with it. */
  readonly #counted = new WeakSet<Error>();
  #printer: LinePrinter = console;

  constructor(private readonly logErrors: boolean | ((error: Error) => unknown)) {}

  /** Instead of the console. */
  printTo(printer: LinePrinter): void {
    this.#printer = printer;
  }

  readonly failed = (error: Error): void => {
    const { logErrors } = this;
    if (logErrors === false) return;
    if (logErrors === true) return this.#print(error);
    // The one who logs may be about to answer a request.
    callHarmlessly(
      () => logErrors(error),
      (reason) => {
        process.emitWarning(`"store.logErrors" failed: ${inspect(reason)}`, { type: 'SessionLoggerError' });
        this.#print(error);
      },
    );
  };

  /** The store has answered; `command` as the errors of that store name it. */
  worked(command?: string): void {
    if (this.#outages.size === 0) return;
    const now = performance.now();
    for (const [name, outage] of this.#outages)
      if (now - outage.failedAt >= QUIET && isOver(outage, command)) {
        this.#outages.delete(name);
        const seconds = Math.ceil((outage.failedAt - outage.beganAt) / 1_000);
        this.#say('warn', `The session store works again (${name}). Within ${seconds} s, ${outage.count} requests or calls have failed.`);
      }
  }

  /** Whoever is told of may be a request that goes on in a promise callback, where what a log throws would end the process. */
  #say(level: keyof LinePrinter, line: string): void {
    callHarmlessly(
      () => this.#printer[level](line),
      (reason) => process.emitWarning(`The log failed: ${inspect(reason)}`, { type: 'SessionLoggerError' }),
    );
  }

  #print(error: Error): void {
    if (!(error instanceof SessionStoreUnavailableError)) return this.#say('error', textOf(error));
    if (this.#counted.has(error)) return;
    this.#counted.add(error);
    const { reason, command } = error;
    const name = reason === 'outage' ? 'timeout' : reason;
    const now = performance.now();
    const known = this.#outages.get(name);
    const outage = known ?? { beganAt: now, failedAt: now, count: 0, commands: new Set() };
    this.#outages.set(name, outage);
    outage.failedAt = now;
    outage.count++;
    if (command !== undefined) outage.commands.add(command);
    if (known === undefined)
      this.#say(
        'error',
        `The session store is unavailable (${command === undefined ? name : `${name}: ${command}`}). This is logged once; further failures of this kind are counted.`,
      );
  }
}

/** The application's own error with its stack, to find it by. One of ours says in its message all there is to say. */
function textOf(error: Error): string {
  return error instanceof RedisSessionError ? error.message : (error.stack ?? error.message);
}

function isOver({ commands }: Outage, command: string | undefined): boolean {
  return commands.size === 0 || (command !== undefined && [...commands].some((refused) => refused.endsWith(command)));
}
