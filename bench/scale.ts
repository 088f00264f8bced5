// `npm run bench:scale`: whether a session takes longer to load, save or touch among many. See docs/performance.md.
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../test/support/start-redis.js';
import { RedisSessionStore } from '../src/index.js';
import type { Sid } from '../src/session/sid.js';
import { Sessions } from '../src/session/sessions.js';
import { sampleSession } from './app/sample-session.js';
import { medianOf, spreadOf, type Spread } from './measurement.js';
import { describeEnvironment, summaryOf } from './report/environment.js';
import { saveResult } from './report/result-file.js';
import { number, textTable } from './report/text-table.js';
import { createSessions, TERMS } from './stored-sessions.js';

const SIZES = [1_000, 100_000, 1_000_000];
const BYTES = 350;
const ROUNDS = 9;
const CALLS = 2_000;
/** What a p50 may differ by, and two rounds of the same size do on a quiet machine. */
const NOISE = 0.15;

type Operation = 'load' | 'save' | 'touch';
const OPERATIONS: readonly Operation[] = ['load', 'save', 'touch'];

/** One redis-server with so many sessions. */
class Population {
  private constructor(
    readonly size: number,
    readonly redis: RedisServer,
    private readonly client: Redis,
    private readonly store: Sessions,
    private readonly sids: readonly Sid[],
  ) {}

  static async create(size: number): Promise<Population> {
    const redis = await startRedis();
    const client = new Redis(redis.url, { enableAutoPipelining: true });
    const store = Sessions.of(new RedisSessionStore(client));
    const sids = await createSessions(store, size, (user) => sampleSession(user, BYTES));
    return new Population(size, redis, client, store, sids);
  }

  /** Milliseconds of the middle one of many calls, one after the other, each on a session at random. */
  async p50(operation: Operation): Promise<number> {
    const times: number[] = [];
    for (let call = 0; call < CALLS; call++) {
      const sid = this.sids[Math.floor(Math.random() * this.sids.length)];
      if (sid === undefined) throw new Error('There are no sessions.');
      const record = operation === 'load' ? undefined : await this.store.load(sid);
      const start = performance.now();
      const result =
        record === undefined
          ? await this.store.load(sid)
          : operation === 'save'
            ? await this.store.save(sid, record, { set: new Map([['visit', String(100_000 + call)]]), removed: [] }, TERMS)
            : await this.store.touch(sid, record, TERMS);
      times.push(performance.now() - start);
      if (result === undefined) throw new Error(`A session could not be found by ${operation}.`);
    }
    return medianOf(times);
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.redis.stop();
  }
}

const populations: Population[] = [];
try {
  for (const size of SIZES) {
    console.error(`making ${number(size)} sessions`);
    populations.push(await Population.create(size));
  }
  const [smallest] = populations;
  if (smallest === undefined) throw new Error('There is nothing to measure.');
  const environment = await describeEnvironment(smallest.redis, process.versions, []);
  console.log(`${summaryOf(environment)}\n`);

  const rows: { round: number; size: number; operation: Operation; p50: number }[] = [];
  // Round 0 warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const operation of OPERATIONS) {
      for (const population of populations) {
        const p50 = await population.p50(operation);
        if (round > 0) rows.push({ round, size: population.size, operation, p50 });
      }
    }
  }

  const p50Of = (operation: Operation, size: number): Spread | undefined =>
    spreadOf(rows.filter((row) => row.operation === operation && row.size === size).map((row) => row.p50));
  console.log(
    textTable(
      ['p50 in us (rounds)', ...SIZES.map((size) => number(size)), 'largest to smallest', ''],
      OPERATIONS.map((operation) => {
        const spreads = SIZES.map((size) => p50Of(operation, size));
        const growth = growthOf(spreads);
        return [
          operation,
          ...spreads.map((spread) => (spread === undefined ? '-' : `${us(spread.median)} (${us(spread.least)} to ${us(spread.most)})`)),
          number(growth, 2),
          Math.abs(growth - 1) <= NOISE ? 'flat' : 'NOT FLAT',
        ];
      }),
    ),
  );
  console.log(`\n${await saveResult('scale', { environment, rows }, { isWhole: true })}`);
} finally {
  for (const population of populations) await population.stop();
}

function growthOf(spreads: readonly (Spread | undefined)[]): number {
  return (spreads.at(-1)?.median ?? Number.NaN) / (spreads[0]?.median ?? Number.NaN);
}

function us(milliseconds: number): string {
  return number(milliseconds * 1_000);
}
