import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisServer } from '../test/support/start-redis.js';
import type { Plan } from './arguments.js';
import type { Candidate } from './candidates/candidate.js';
import { Competitor } from './competitor.js';
import { Floor } from './floor.js';
import type { LoadMark, LoadOrder, LoadVerdict } from './load/load-generator.js';
import type { FloorRow, Measurements, Row } from './measurement.js';
import { BenchProcess } from './processes/child-process.js';
import { RedisMeter } from './processes/redis-counters.js';
import type { Workload } from './workloads.js';

/** Above this share of a core the load generator may be what limits. */
const LOADER_LIMIT = 0.85;
/** Replies that are under way when the load stops have come by then. */
const SETTLE_MS = 30;
const OUTPUT_SHOWN = 2_000;

/** Keeps the servers of all candidates running and gives each its turn. */
export class Contest {
  readonly warnings: string[] = [];
  readonly #meter: RedisMeter;
  readonly #processes: BenchProcess[] = [];
  #competitors: readonly Competitor[] = [];
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
    this.#loader = await this.#start(new URL('./load/loader.js', import.meta.url));
    this.#competitors = await Promise.all(this.plan.candidates.map((candidate) => this.#enter(candidate)));
    for (const competitor of this.#competitors) await competitor.signInAll(this.plan.workloads);
    const builtin = this.#competitors.find(({ candidate }) => candidate.name === 'builtin');
    if (builtin === undefined || this.plan.profile.length > 0) return;
    this.#floors = await Promise.all(
      [false, true].map(async (autoPipelining) => {
        const args = [this.redis.url, String(autoPipelining)];
        return new Floor(await this.#start(new URL('./load/floor.js', import.meta.url), args), autoPipelining, builtin);
      }),
    );
  }

  async run(): Promise<Measurements> {
    const rows: Row[] = [];
    const floors: FloorRow[] = [];
    const { rounds, workloads, warmUpMs, measureMs } = this.plan;
    progress('warming up');
    for (const workload of workloads) {
      for (const competitor of this.#takingPart(workload)) await this.underLoad(competitor, workload, () => sleep(warmUpMs));
      for (const floor of this.#floors) await floor.measure(workload, warmUpMs / 2);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const workload of workloads) {
        progress(`round ${round} of ${rounds}: ${workload.title}`);
        // Whoever was first is last the next time.
        const turn = [...this.#takingPart(workload)];
        if (round % 2 === 0) turn.reverse();
        for (const competitor of turn) rows.push({ round, ...(await this.#measure(competitor, workload)) });
        for (const floor of this.#floors) {
          const result = await floor.measure(workload, measureMs / 2);
          if (result !== undefined) floors.push({ round, workload: workload.name, autoPipelining: floor.autoPipelining, ...result });
        }
      }
    }
    return { rows, floors };
  }

  competitor(candidate: Candidate): Competitor {
    const found = this.#competitors.find((competitor) => competitor.candidate === candidate);
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

  async #measure(competitor: Competitor, workload: Workload): Promise<Omit<Row, 'round'>> {
    const { leadInMs, measureMs } = this.plan;
    const { server, candidate } = competitor;
    const usage = () => server.ask<{ requests: number; cpu: number }>('usage');
    await sleep(SETTLE_MS);
    const [redisBefore, before] = await Promise.all([this.#meter.read(), usage()]);
    const measured = await this.underLoad(competitor, workload, async (loader) => {
      await sleep(leadInMs);
      const [from] = await Promise.all([usage(), loader.ask('mark')]);
      await sleep(measureMs);
      const [to, mark] = await Promise.all([usage(), loader.ask<LoadMark>('mark')]);
      return { mark, from, to };
    });
    await sleep(SETTLE_MS);
    const [redisAfter, after] = await Promise.all([this.#meter.read(), usage()]);
    await competitor.verify(workload);
    // Redis is asked before and after the load, the server also in between, so that the lead-in does not count.
    const all = after.requests - before.requests;
    const { from, to } = measured;
    const { cpuShare, requestsPerSecond, p50, p99 } = measured.mark;
    if (cpuShare > LOADER_LIMIT)
      this.warnings.push(`The load generator used ${(cpuShare * 100).toFixed(0)} % of a core for ${candidate.name}, ${workload.name}.`);
    return {
      workload: workload.name,
      candidate: candidate.name,
      requestsPerSecond,
      p50,
      p99,
      cpu: (to.cpu - from.cpu) / (to.requests - from.requests),
      commands: (redisAfter.commands - redisBefore.commands) / all,
      bytes: (redisAfter.bytes - redisBefore.bytes) / all,
      redisCpu: (redisAfter.cpu - redisBefore.cpu) / all,
      loaderCpuShare: cpuShare,
    };
  }

  #takingPart(workload: Workload): readonly Competitor[] {
    return this.#competitors.filter(({ candidate }) => candidate.skips?.[workload.name] === undefined);
  }

  async #enter(candidate: Candidate): Promise<Competitor> {
    return Competitor.start(candidate, await this.#start(new URL('./app/server.js', import.meta.url), [candidate.name, this.redis.url]));
  }

  async #start(program: URL, args: readonly string[] = []): Promise<BenchProcess> {
    const started = await BenchProcess.start(program, args);
    this.#processes.push(started);
    return started;
  }
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
  else process.stderr.write(`${line}\n`);
}
