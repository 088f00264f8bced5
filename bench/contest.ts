import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from '../test/support/start-redis.js';
import type { ServerOrder } from './app/server-order.js';
import type { Plan } from './arguments.js';
import type { Candidate } from './candidates/candidate.js';
import { builtin } from './candidates/ours.js';
import { Competitor } from './competitor.js';
import { Floor } from './floor.js';
import type { LoadMark, LoadOrder, LoadVerdict } from './load/load-generator.js';
import type { Figures, FloorRow, Measurements, Row } from './measurement.js';
import { BenchProcess } from './processes/child-process.js';
import { RedisMeter } from './processes/redis-counters.js';
import { seededRandom, shuffled } from './statistics.js';
import { CONNECTIONS, SESSIONS, type Workload } from './workloads.js';

/** Replies that are under way when the load stops have come by then. */
const COOL_DOWN_MS = 30;
/** Requests until every connection has asked for each of its sessions, the slow ones too. */
const TOUCHING = SESSIONS + 2 * CONNECTIONS;
/** Measurements' worth of requests, for V8 to optimise what they run. */
const WARM_UP = 2;
/** Requests before each measurement, while connections are made. */
const LEAD_IN = 100;
const FLOOR_MS = 300;
const MINUTE_MS = 60_000;
const OUTPUT_SHOWN = 2_000;

/** Keeps the servers of all candidates running and gives each its turn. */
export class Contest {
  readonly #meter: RedisMeter;
  readonly #processes: BenchProcess[] = [];
  /** Those of each candidate. */
  #competitors: ReadonlyMap<Candidate, readonly Competitor[]> = new Map();
  #floors: readonly Floor[] = [];
  #loader: BenchProcess | undefined;

  constructor(
    private readonly redis: RedisServer,
    private readonly plan: Plan,
  ) {
    this.#meter = new RedisMeter(redis.client());
  }

  /** Starts the servers and signs everybody in. */
  async prepare(): Promise<void> {
    const { platform, candidates, workloads, profile } = this.plan;
    progress('starting servers and signing in');
    this.#loader = await this.#start(new URL('./load/loader.js', import.meta.url));
    this.#competitors = new Map(await Promise.all(candidates.map(async (candidate) => [candidate, await this.#enter(candidate)] as const)));
    for (const competitor of this.#all()) await competitor.signInAll(workloads);
    const hasFloor = candidates.includes(builtin) && (platform.hasFloor || candidates.includes(platform.bareHgetall));
    if (profile.length === 0 && hasFloor) this.#floors = await this.#startFloors();
  }

  async run(): Promise<Measurements> {
    const rows: Row[] = [];
    const floors: FloorRow[] = [];
    const { rounds, processes, minutes, workloads, seed } = this.plan;
    const random = seededRandom(seed);
    await this.#warmUp();
    let round = 0;
    for (; round < rounds && (round < processes || performance.now() < minutes * MINUTE_MS); round++) {
      for (const workload of shuffled(workloads, random)) {
        progress(`round ${round + 1} of ${rounds}: ${workload.title}`);
        for (const candidate of shuffled(this.#takingPart(workload), random)) {
          const competitor = this.competitor(candidate, round % processes);
          rows.push({ round, workload: workload.name, candidate: candidate.name, ...(await this.#measure(competitor, workload)) });
        }
        for (const floor of this.#floors) {
          const result = await floor.measure(workload, FLOOR_MS);
          if (result !== undefined) floors.push({ round, workload: workload.name, autoPipelining: floor.autoPipelining, ...result });
        }
      }
    }
    progress('');
    return { rounds: round, rows, floors };
  }

  competitor(candidate: Candidate, process = 0): Competitor {
    const found = this.#competitors.get(candidate)?.[process];
    if (found === undefined) throw new Error(`${candidate.name} does not take part.`);
    return found;
  }

  /** Calls `watch` while that workload is on. Fails when a single answer was not the right one. */
  async underLoad<T>(competitor: Competitor, workload: Workload, watch: (loader: BenchProcess) => Promise<T>): Promise<T> {
    const loader = this.#loader;
    if (loader === undefined) throw new Error('Call prepare() first.');
    const order: LoadOrder = competitor.orderOf(workload);
    await loader.ask('start', order);
    const result = await watch(loader);
    const { wrong, firstWrong, errors } = await loader.ask<LoadVerdict>('stop');
    if (wrong + errors > 0)
      throw new Error(
        `${competitor.candidate.name}, ${workload.name}: ${wrong} wrong answers, ${errors} errors. A benchmark of errors is worthless. First: ${firstWrong ?? '-'}`,
      );
    return result;
  }

  /** What the servers have printed, for when something went wrong. */
  get output(): string {
    return this.#processes.map(({ output }) => output.slice(0, OUTPUT_SHOWN)).join('');
  }

  stop(): void {
    for (const one of this.#processes) one.stop();
  }

  async #warmUp(): Promise<void> {
    const { workloads, requests } = this.plan;
    progress('warming up');
    for (const workload of workloads) {
      for (const competitor of this.#all(this.#takingPart(workload))) {
        await this.underLoad(competitor, workload, (loader) => loader.ask('answers', WARM_UP * requests));
        await competitor.verify(workload);
      }
      for (const floor of this.#floors) await floor.measure(workload, FLOOR_MS);
    }
  }

  async #measure(competitor: Competitor, workload: Workload): Promise<Figures> {
    const { server } = competitor;
    const usage = () => server.ask<{ requests: number; cpu: number }>('usage');
    // Every session is asked for first, so that a touch that is due is not measured in one round and left out of the next.
    if (workload.bytes !== undefined) await this.underLoad(competitor, workload, (loader) => loader.ask('answers', TOUCHING));
    await sleep(COOL_DOWN_MS);
    const [redisBefore, before] = await Promise.all([this.#meter.read(), usage()]);
    const measured = await this.underLoad(competitor, workload, async (loader) => {
      await loader.ask('answers', LEAD_IN);
      const [from] = await Promise.all([usage(), loader.ask('mark')]);
      await loader.ask('answers', this.plan.requests);
      const [to, mark] = await Promise.all([usage(), loader.ask<LoadMark>('mark')]);
      return { mark, from, to };
    });
    await sleep(COOL_DOWN_MS);
    const [redisAfter, after] = await Promise.all([this.#meter.read(), usage()]);
    await competitor.verify(workload);
    // Redis is asked before and after the load, the server also in between, so that the lead-in does not count.
    const all = after.requests - before.requests;
    const { from, to, mark } = measured;
    return {
      requestsPerSecond: mark.requestsPerSecond,
      p50: mark.p50,
      p99: mark.p99,
      cpu: (to.cpu - from.cpu) / (to.requests - from.requests),
      commands: (redisAfter.commands - redisBefore.commands) / all,
      bytes: (redisAfter.bytes - redisBefore.bytes) / all,
      redisCpu: (redisAfter.cpu - redisBefore.cpu) / all,
      loaderCpuShare: mark.cpuShare,
    };
  }

  #takingPart(workload: Workload): readonly Candidate[] {
    return this.plan.candidates.filter(({ skips }) => skips?.[workload.name] === undefined);
  }

  #all(candidates = this.plan.candidates): readonly Competitor[] {
    return candidates.flatMap((candidate) => this.#competitors.get(candidate) ?? []);
  }

  #enter(candidate: Candidate): Promise<readonly Competitor[]> {
    return Promise.all(
      Array.from({ length: this.plan.processes }, async (_, process) => {
        const prefix = `${candidate.name}-${process}:`;
        const order: ServerOrder = {
          platform: this.plan.platform.name,
          candidate: candidate.name,
          packed: candidate.packed,
          storage: { redisUrl: this.redis.url, prefix },
        };
        const server = await this.#start(new URL('./app/server.js', import.meta.url), [JSON.stringify(order)], this.plan.node.path);
        return Competitor.start(candidate, server, prefix);
      }),
    );
  }

  #startFloors(): Promise<readonly Floor[]> {
    return Promise.all(
      [false, true].map(async (autoPipelining) => {
        const args = [this.redis.url, String(autoPipelining)];
        const started = await this.#start(new URL('./load/floor.js', import.meta.url), args, this.plan.node.path);
        return new Floor(started, autoPipelining, this.competitor(builtin));
      }),
    );
  }

  async #start(program: URL, args: readonly string[] = [], node?: string): Promise<BenchProcess> {
    const started = await BenchProcess.start(program, args, node);
    this.#processes.push(started);
    return started;
  }
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
  else if (line !== '') process.stderr.write(`${line}\n`);
}
