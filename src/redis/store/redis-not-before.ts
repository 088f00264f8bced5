import { setTimeout as sleep } from 'node:timers/promises';
import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import { NEXT_MS } from '../../session/store/session-store.js';
import type { SessionFacts } from '../../session/session-record.js';
import type { StoreSettings } from '../../session/store/store-settings.js';
import { noReply, toStoreError } from '../client/redis-errors.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisNodes } from '../client/redis-nodes.js';
import type { RedisPort } from '../client/redis-port.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { RedisWriter } from './redis-writer.js';

/** In ms. RFC 6265bis, section 5.5: a browser keeps no cookie for longer, so by then nobody has the sid of an older session that was not used since. */
const LONGEST_COOKIE = 400 * 86_400_000;

const NOT_BEFORE = /^\d{1,16}$/;

/** A session, and when it began. */
interface Begun {
  readonly facts: SessionFacts;
  readonly beganAt: number;
}

/** Before when the sessions of a user are dead, whatever their index says. Kept for as long as such a session could be alive. */
export class RedisNotBefore {
  readonly #ttl: number;

  readonly #port: RedisPort;

  constructor(
    port: RedisPort,
    private readonly nodes: RedisNodes,
    private readonly keys: RedisKeys,
    private readonly writer: RedisWriter,
    { idle, absolute = 0 }: Pick<StoreSettings, 'idle' | 'absolute'>,
  ) {
    this.#port = port;
    this.#ttl = Math.max(LONGEST_COOKIE, idle, absolute);
  }

  /**
   * Without a time, now. An earlier time than the one that is set changes nothing. Answers with the time that counts: for one that has not come yet,
   * the next millisecond, and then no sooner. What is damaged is replaced by now, and by no earlier time.
   */
  async set(userId: string, time?: number): Promise<number> {
    const { status, now, values } = await this.writer.run('notBefore', this.keys.notBefore(userId), [
      time === undefined ? '' : Math.ceil(time),
      this.#ttl,
    ]);
    if (status !== STATUS.done) throw damaged();
    const counts = Number(values[0]);
    if (counts > now) await sleep(NEXT_MS);
    return counts;
  }

  /** Whether a session of the user that began then is dead. */
  async isBefore(userId: string, beganAt: number): Promise<boolean> {
    return beganAt < (await this.#notBeforeOf(userId));
  }

  /** The same sessions, with `undefined` for those that are dead. */
  async withoutEarlier<Session extends Begun>(sessions: readonly (Session | undefined)[]): Promise<(Session | undefined)[]> {
    const users = [...new Set(sessions.map((session) => session?.facts.userId))].filter((userId) => userId !== undefined);
    const notBefore = new Map(await Promise.all(users.map(async (userId) => [userId, await this.#notBeforeOf(userId)] as const)));
    return sessions.map((session) => {
      const userId = session?.facts.userId;
      return userId !== undefined && session !== undefined && session.beganAt < (notBefore.get(userId) ?? 0) ? undefined : session;
    });
  }

  async #notBeforeOf(userId: string): Promise<number> {
    const key = this.keys.notBefore(userId);
    try {
      const notBefore = await this.nodes.ask(key, 'GET', () => this.#port.get(key));
      // The answer of a MULTI. No session that is dead must pass for that.
      if (notBefore === 'QUEUED') throw noReply();
      if (notBefore === null) return 0;
      if (!NOT_BEFORE.test(notBefore)) throw damaged();
      return Number(notBefore);
    } catch (error) {
      // A key of another type is a time that was overwritten: it may have ended the session that is asked for.
      throw toStoreError(error);
    }
  }
}

function damaged(): SessionStoreUnavailableError {
  return new SessionStoreUnavailableError('damaged not-before');
}
