import type { MigrationPhase } from './store/migrate-options.js';

/** How many sessions are strings of connect-redis still. */
export interface StringCount {
  /** Those that become sessions of this package with their first request in the phase `'convert'`. */
  readonly left: number;
  /** Of these, how many a request has begun to convert, and its process has died. The next request converts them. */
  readonly sealed: number;
  /** Strings under the prefix that are no sessions. They stay as they are. */
  readonly unreadable: number;
}

/** What converting the rest has done so far. */
export interface ConversionProgress {
  readonly converted: number;
  /** Strings that were no sessions. */
  readonly unreadable: number;
  /** Sessions of users who had been revoked before, which were ended, and those that a request was faster with. */
  readonly gone: number;
  /** Attempts that failed: Redis did not answer, or has refused. These strings are left, and tried again by a request or the next run. */
  readonly failed: number;
}

/** Converting the rest, under way. */
export interface ConversionRun {
  /** As of now. */
  readonly progress: ConversionProgress;
  /** Resolves when all strings were tried, or after `stop()`. Rejects with `SessionStoreUnavailableError` when Redis could not tell which there are. */
  readonly done: Promise<ConversionProgress>;
  /** Begins no further conversion. */
  stop(): void;
}

/** How fast strings are counted or converted. */
export interface MigrationPace {
  /**
   * At most so many strings in a second.
   *
   * @unit strings per second
   * @default 10000 to count, 100 to convert
   */
  perSecond?: number | undefined;
}

/**
 * The move from connect-redis (`store.migrate`), as this process sees it. Nothing of it is needed for requests: they convert what they meet.
 *
 * @publicApi
 */
export interface SessionMigration {
  readonly phase: MigrationPhase;
  /**
   * Counts the strings by `SCAN`, on all masters of a Cluster, and reads each. Takes as long as its pace asks for. While sessions come and go, it is an
   * estimate. Rejects with `SessionStoreUnavailableError` when Redis does not answer.
   */
  count(pace?: MigrationPace): Promise<StringCount>;
  /**
   * Converts what is left, in the background, so that you can remove `store.migrate` before the last visitor has come. It restarts no idle timeout. Throws
   * `SessionMisuseError` in the phase `'prepare'`. While one run is under way, answers with that. Ends when the application closes.
   */
  convertRest(pace?: MigrationPace): ConversionRun;
  /** Stops what is under way. */
  stop(): void;
}
