import { setTimeout as sleep } from 'node:timers/promises';
import { SessionMisuseError } from '../../redis-session.errors.js';
import { isPositive } from '../../session/option-checks.js';
import type { ConversionProgress, ConversionRun, MigrationPace, SessionMigration, StringCount } from '../../session/session-migration.js';
import type { Sid } from '../../session/sid.js';
import type { MigrationPhase } from '../../session/store/migrate-options.js';
import { toStoreError } from '../client/redis-errors.js';
import type { RedisPort } from '../client/redis-port.js';

const DEFAULTS = { count: 10_000, convert: 100 };
const SECOND = 1_000;
/** In ms. Node takes a longer one for none. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** How many keys Redis looks at for one `SCAN`: some tenths of a millisecond. */
const LOOKED_AT = 500;
/** What may stand in a pattern of `SCAN` for something else than itself. */
const SPECIAL = /[\\*?[\]^]/g;

/** What becomes of one string. */
export type StringOutcome = 'converted' | 'unreadable' | 'gone';
/** What one string is. */
export type StringState = 'left' | 'sealed' | 'unreadable' | 'gone';

/** What a store does for its migration. */
export interface MigratedStrings {
  readonly phase: MigrationPhase;
  /** What the keys of strings begin with. */
  readonly prefix: string;
  /** What keys begin with that are no sessions, and strings too. */
  readonly others: string;
  look(sid: Sid): Promise<StringState>;
  convert(sid: Sid): Promise<StringOutcome>;
  logError(error: Error): void;
}

type Counts = { -readonly [Name in keyof ConversionProgress]: ConversionProgress[Name] };

/** Finds the strings that are left, for those who want to know how many, or not to wait for the last visitor. */
export class StringMigration implements SessionMigration {
  readonly #port: RedisPort;
  readonly #strings: MigratedStrings;
  #run: (ConversionRun & { readonly isOver: boolean }) | undefined;

  constructor(port: RedisPort, strings: MigratedStrings) {
    this.#port = port;
    this.#strings = strings;
  }

  get phase(): MigrationPhase {
    return this.#strings.phase;
  }

  async count({ perSecond = DEFAULTS.count }: MigrationPace = {}): Promise<StringCount> {
    const pace = new Pace(perSecond, 'count');
    const counts = { left: 0, sealed: 0, unreadable: 0, gone: 0 };
    for await (const sids of this.#sids()) {
      const states = await Promise.all(sids.map((sid) => this.#strings.look(sid)));
      for (const state of states) counts[state]++;
      await pace.after(sids.length);
    }
    const { left, sealed, unreadable } = counts;
    return { left: left + sealed, sealed, unreadable };
  }

  convertRest({ perSecond = DEFAULTS.convert }: MigrationPace = {}): ConversionRun {
    if (this.phase === 'prepare')
      throw new SessionMisuseError(
        'SessionMigration.convertRest() needs "store.migrate" to be "convert": in the phase "prepare", strings stay strings. Set it once all instances run with "prepare".',
      );
    const pace = new Pace(perSecond, 'convertRest');
    if (this.#run === undefined || this.#run.isOver) this.#run = this.#begin(pace);
    return this.#run;
  }

  stop(): void {
    this.#run?.stop();
  }

  #begin(pace: Pace): ConversionRun & { readonly isOver: boolean } {
    const progress = { converted: 0, unreadable: 0, gone: 0, failed: 0 };
    const stopping = new AbortController();
    let isOver = false;
    const done = this.#convertAll(progress, pace, stopping.signal).finally(() => (isOver = true));
    // Somebody may only want to look at the progress.
    done.catch(() => undefined);
    return {
      get progress() {
        return { ...progress };
      },
      get isOver() {
        return isOver;
      },
      done,
      stop: () => stopping.abort(),
    };
  }

  async #convertAll(progress: Counts, pace: Pace, signal: AbortSignal): Promise<ConversionProgress> {
    for await (const sids of this.#sids()) {
      for (const sid of sids) {
        if (signal.aborted) return { ...progress };
        progress[await this.#tryOne(sid)]++;
        await pace.after(1, signal);
      }
    }
    return { ...progress };
  }

  async #tryOne(sid: Sid): Promise<StringOutcome | 'failed'> {
    try {
      return await this.#strings.convert(sid);
    } catch (error) {
      this.#strings.logError(error as Error);
      return 'failed';
    }
  }

  async *#sids(): AsyncGenerator<readonly Sid[]> {
    const { prefix, others } = this.#strings;
    const pattern = `${prefix.replaceAll(SPECIAL, String.raw`\$&`)}*`;
    try {
      // A Cluster client knows its nodes once it has asked for anything.
      await this.#port.time();
      for await (const keys of this.#port.scan(pattern, LOOKED_AT, 'string'))
        yield keys.filter((key) => !key.startsWith(others)).map((key) => key.slice(prefix.length) as Sid);
    } catch (error) {
      throw toStoreError(error);
    }
  }
}

/** Keeps a loop to so many steps in a second. */
class Pace {
  readonly #begunAt = performance.now();
  readonly #perSecond: number;
  #steps = 0;

  constructor(perSecond: number, method: string) {
    if (!isPositive(perSecond))
      throw new SessionMisuseError(`SessionMigration.${method}() needs a "perSecond" above 0. Leave it out for the default.`);
    this.#perSecond = perSecond;
  }

  /** Resolves when so many steps more are due. Keeps no process alive. */
  async after(steps: number, signal?: AbortSignal): Promise<void> {
    this.#steps += steps;
    const ms = (this.#steps / this.#perSecond) * SECOND - (performance.now() - this.#begunAt);
    if (ms >= 1)
      await sleep(Math.min(ms, LONGEST_TIMER), undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }).catch(
        () => undefined,
      ); // Stopped.
  }
}
