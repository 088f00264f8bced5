import type { SessionFacts } from '../session/session-record.js';
import type { StoreSettings } from '../session/store-settings.js';
import type { RedisClient } from './redis-client.js';
import { isWrongType, noReply, toStoreError } from './redis-errors.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisNodes } from './redis-nodes.js';
import type { RedisWriter } from './redis-writer.js';

/** In ms. RFC 6265bis, section 5.5: a browser keeps no cookie for longer, so by then nobody has the sid of an older session that was not used since. */
const LONGEST_COOKIE = 400 * 86_400_000;

/** Before when the sessions of a user are dead, whatever their index says. Kept for as long as such a session could be alive. */
export class RedisEpochs {
  readonly #ttl: number;

  readonly #client: RedisClient;

  constructor(
    client: RedisClient,
    private readonly nodes: RedisNodes,
    private readonly keys: RedisKeys,
    private readonly writer: RedisWriter,
    { idle, absolute = 0 }: Pick<StoreSettings, 'idle' | 'absolute'>,
  ) {
    this.#client = client;
    this.#ttl = Math.max(LONGEST_COOKIE, idle, absolute);
  }

  /** An earlier time than the one that is set changes nothing. Answers with the time that counts: now, for one that has not come yet. */
  async set(userId: string, time: number): Promise<number> {
    const { values } = await this.writer.run('epoch', this.keys.epoch(userId), [Math.ceil(time), this.#ttl]);
    return Number(values[0]);
  }

  /** Whether a session of the user that was created then is dead. */
  async isBefore(userId: string, createdAt: number): Promise<boolean> {
    return createdAt < (await this.#epochOf(userId));
  }

  /** The same sessions, with `undefined` for those that are dead. */
  async withoutEarlier(sessions: readonly (SessionFacts | undefined)[]): Promise<(SessionFacts | undefined)[]> {
    const users = [...new Set(sessions.map((facts) => facts?.userId))].filter((userId) => userId !== undefined);
    const epochs = new Map(await Promise.all(users.map(async (userId) => [userId, await this.#epochOf(userId)] as const)));
    return sessions.map((facts) => (facts?.userId !== undefined && facts.createdAt < (epochs.get(facts.userId) ?? 0) ? undefined : facts));
  }

  async #epochOf(userId: string): Promise<number> {
    const key = this.keys.epoch(userId);
    try {
      const epoch = await this.nodes.ask(key, 'GET', () => this.#client.get(key));
      // The answer of a MULTI. No session that is dead must pass for that.
      if (epoch === 'QUEUED') throw noReply();
      return Number(epoch ?? 0);
    } catch (error) {
      // What lies there is no epoch of ours.
      if (isWrongType(error)) return 0;
      throw toStoreError(error);
    }
  }
}
