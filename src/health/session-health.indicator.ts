import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { SessionMisuseError } from '../redis-session.errors.js';
import { HEALTH_PROBLEMS, healthOf, type SessionHealth, type SessionHealthProblem } from '../session/session-health.js';
import { Sessions } from '../session/sessions.js';
import { SessionStore } from '../session/store/session-store.js';

/**
 * What counts as down.
 *
 * @publicApi
 */
export interface SessionHealthOptions {
  /**
   * Which problems make the indicator `down`, and so the health check 503. All others make it `degraded`.
   *
   * @default []
   */
  down?: readonly SessionHealthProblem[] | undefined;
}

/** What Terminus 12 has, and 11 has not. */
interface Degradable<Key extends string> {
  degraded?(details: object): HealthIndicatorResult<Key>;
}

/**
 * Tells `@nestjs/terminus` how sessions are. Put it into `providers`, beside `TerminusModule`, and call it in a health check:
 *
 * ```ts
 * this.health.check([() => this.sessions.isHealthy('sessions')])
 * ```
 *
 * - `up`: sessions can be read, and nothing is wrong with the store.
 * - `degraded`, with `problems`: `unavailable` if no session can be read, so that public pages work and others are 503; `replica`, `full`,
 *   `evicting` if Redis is one, has no memory left, or throws sessions away. Terminus 11 has no such state: there it is `up` with
 *   `degraded: true`.
 * - `down`: the same, for the problems that you name in `down`.
 *
 * It takes `store.deadline` at most, and names no address.
 *
 * @publicApi
 */
@Injectable()
export class SessionHealthIndicator {
  readonly #sessions: Sessions;
  readonly #indicators: HealthIndicatorService;

  constructor(store: SessionStore, indicators: HealthIndicatorService) {
    this.#sessions = Sessions.of(store);
    this.#indicators = indicators;
  }

  /**
   * @param key under which name the result is listed
   */
  async isHealthy<const Key extends string = 'sessions'>(
    key: Key = 'sessions' as Key,
    { down = [] }: SessionHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const unknown = down.find((name) => !HEALTH_PROBLEMS.includes(name));
    if (unknown !== undefined)
      throw new SessionMisuseError(
        `isHealthy() needs names of problems in "down" (${HEALTH_PROBLEMS.join(', ')}), received ${JSON.stringify(unknown)}.`,
      );
    return this.#resultOf(key, await healthOf(this.#sessions), down);
  }

  #resultOf<Key extends string>(
    key: Key,
    { problems, reason }: SessionHealth,
    down: readonly SessionHealthProblem[],
  ): HealthIndicatorResult<Key> {
    const indicator = this.#indicators.check(key);
    if (problems.length === 0) return indicator.up();
    const details = { problems, ...(reason === undefined ? {} : { reason }) };
    if (problems.some((name) => down.includes(name))) return indicator.down(details);
    return (indicator as Degradable<Key>).degraded?.(details) ?? indicator.up({ degraded: true, ...details });
  }
}
