import type { RedisBatch } from '../client/redis-batch.js';
import { RedisClock } from './redis-clock.js';
import { noReply, toStoreError } from '../client/redis-errors.js';
import type { RedisNodes } from '../client/redis-nodes.js';
import type { RedisPort } from '../client/redis-port.js';
import { RedisScripts, type RawReply, type ScriptName } from '../scripts/redis-scripts.js';

/** What a script has answered. */
export interface ScriptReply {
  /** One of `STATUS`. */
  readonly status: number;
  readonly now: number;
  /** What else it says. */
  readonly values: readonly string[];
}

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

  run(script: ScriptName, key: string, args: readonly (string | number)[]): Promise<ScriptReply> {
    this.#underWay++;
    return this.nodes.ask(key, `EVALSHA ${script}`, () => this.#scripts.run(script, key, args)).then(this.#replied, this.#failed);
  }

  readonly #replied = ([status, now, ...values]: RawReply): ScriptReply => {
    this.#ended();
    const time = timeOf(now);
    this.clock.learn(time);
    return { status: Number(status), now: time, values: values.map(String) };
  };

  readonly #failed = (error: unknown): never => {
    this.#ended();
    throw toStoreError(error);
  };

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
      const now = timeOf(seconds) * 1_000 + timeOf(microseconds) / 1_000;
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

function timeOf(value: string | number | undefined): number {
  const time = Number(value);
  if (Number.isNaN(time)) throw noReply();
  return time;
}
