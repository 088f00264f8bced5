import type { RedisBatch } from '../client/redis-batch.js';
import { RedisClock } from './redis-clock.js';
import { isWrongType, noReply, toStoreError } from '../client/redis-errors.js';
import { nothingSent, type RedisNodes } from '../client/redis-nodes.js';
import type { RedisPort } from '../client/redis-port.js';
import { STATUS } from '../scripts/lua.generated.js';
import { RedisScripts, type RawReply, type ScriptName } from '../scripts/redis-scripts.js';

/** What a script has answered. */
export interface ScriptReply {
  /** One of `STATUS`. */
  readonly status: number;
  readonly now: number;
  /** What else it says. */
  readonly values: readonly string[];
}

/** What becomes of a key of another type, which holds no session: a script that would write one finds it taken, to the others the session is gone. */
export const TAKEN: ScriptReply = { status: STATUS.taken, now: 0, values: [] };
export const GONE: ScriptReply = { status: STATUS.gone, now: 0, values: [] };

/** Sends what changes something in Redis, knows what is under way, and learns Redis' time from the answers. */
export class RedisWriter {
  readonly clock = new RedisClock();
  readonly #scripts: RedisScripts;
  #underWay = 0;
  #onIdle: (() => void)[] = [];

  readonly #port: RedisPort;

  constructor(
    port: RedisPort,
    batch: RedisBatch,
    private readonly nodes: RedisNodes,
  ) {
    this.#port = port;
    this.#scripts = new RedisScripts(batch);
  }

  /** @param ofOtherType what is answered where the key holds another type than the script expects; without it, that rejects */
  run(script: ScriptName, key: string, args: readonly (string | number)[], ofOtherType?: ScriptReply): Promise<ScriptReply> {
    const call = this.nodes.begin(key, `EVALSHA ${script}`);
    if (call === undefined) return Promise.reject(nothingSent());
    this.#underWay++;
    return new Promise((resolve, reject) => {
      const onReply = (reply: RawReply) => {
        call.replied();
        this.#ended();
        const read = this.#read(reply);
        if (read === undefined) reject(noReply());
        else resolve(read);
      };
      const onError = (error: unknown) => {
        const failure = call.failed(error);
        this.#ended();
        if (ofOtherType !== undefined && isWrongType(failure)) resolve(ofOtherType);
        else reject(failure);
      };
      this.#scripts.run(script, key, args, { onReply, onError });
    });
  }

  /** `undefined` for what no script of ours answers. */
  #read([status, now, ...values]: RawReply): ScriptReply | undefined {
    const time = Number(now);
    if (Number.isNaN(time)) return undefined;
    this.clock.learn(time);
    return { status: Number(status), now: time, values: values.map(String) };
  }

  #ended(): void {
    if (--this.#underWay > 0) return;
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle = [];
  }

  /** Redis' time in epoch ms. Costs a command before the first script of this process has answered. */
  async time(): Promise<number> {
    const known = this.clock.now();
    if (known !== undefined) return known;
    try {
      const ask = () => this.#port.time();
      // Without a key, a Cluster client asks any node.
      const [seconds, microseconds] = await (this.#port.isCluster ? ask() : this.nodes.ask('', 'TIME', ask));
      const now = Number(seconds) * 1_000 + Number(microseconds) / 1_000;
      if (Number.isNaN(now)) throw noReply();
      this.clock.learn(now);
      return now;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Also those that follow from others: a touch is followed by that of the index. */
  async drain(): Promise<void> {
    await this.#idle();
    await new Promise((resolve) => setImmediate(resolve));
    await this.#idle();
  }

  async #idle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }
}
