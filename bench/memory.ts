// `npm run bench:memory`: what a session costs in Redis' memory. See docs/performance.md.
import { startRedis, type RedisServer } from '../test/support/start-redis.js';
import { sampleSession } from './app/sample-session.js';
import { numberOf } from './processes/redis-counters.js';
import { describeEnvironment, summaryOf } from './report/environment.js';
import { saveResult } from './report/result-file.js';
import { number, textTable } from './report/text-table.js';
import { fillWithConnectRedis, fillWithOurs, fillWithOursIndexed, type Fill } from './stored-sessions.js';

const SESSIONS = 100_000;
const FIRST = 100;
const SIZES = [350, 4_096];
const LISTPACK_VALUE = '1024';

interface Case {
  readonly name: string;
  readonly title: string;
  readonly fill: Fill;
  readonly config: Record<string, string>;
  /** How many keys a session has. */
  readonly keys: number;
  /** Of 350-byte sessions, to connect-redis. */
  readonly atMost?: number;
}

const CASES: readonly Case[] = [
  { name: 'connect-redis', title: 'connect-redis 8.1', fill: fillWithConnectRedis, keys: 1, config: {} },
  { name: 'stock', title: 'ours', fill: fillWithOurs, keys: 1, config: {}, atMost: 1.35 },
  {
    name: 'listpack',
    title: `ours, hash-max-listpack-value ${LISTPACK_VALUE}`,
    fill: fillWithOurs,
    keys: 1,
    config: { 'hash-max-listpack-value': LISTPACK_VALUE },
    atMost: 0.9,
  },
  // connect-redis has nothing to compare with it. Every user has one session here, which is the most that an index costs for each.
  {
    name: 'indexed',
    title: 'the same, and the index of its user',
    fill: fillWithOursIndexed,
    keys: 2,
    config: { 'hash-max-listpack-value': LISTPACK_VALUE },
  },
];

const first = await startRedis();
const environment = await describeEnvironment(first, process.versions, ['connect-redis']);
await first.stop();
console.log(`${summaryOf(environment)}\n`);

const rows: { sessions: number; bytes: number; case: string; bytesPerSession: number; toConnectRedis: number }[] = [];
for (const bytes of SIZES) {
  let connectRedis = Number.NaN;
  for (const { name, ...how } of CASES) {
    const used = await memoryPerSession(bytes, how);
    if (name === 'connect-redis') connectRedis = used;
    rows.push({ sessions: SESSIONS, bytes, case: name, bytesPerSession: used, toConnectRedis: used / connectRedis });
  }
}

console.log(
  textTable(
    [`${number(SESSIONS)} sessions`, 'JSON bytes', 'bytes of Redis', 'to connect-redis', 'goal', ''],
    rows.map((row) => {
      const { title, atMost } = CASES.find(({ name }) => name === row.case) ?? { title: row.case };
      const goal = row.bytes === SIZES[0] ? atMost : undefined;
      return [
        title,
        number(row.bytes),
        number(row.bytesPerSession),
        number(row.toConnectRedis, 2),
        goal === undefined ? '' : `<= ${goal}`,
        goal === undefined ? '' : row.toConnectRedis <= goal ? 'reached' : 'NOT REACHED',
      ];
    }),
  ),
);
console.log(`\n${await saveResult('memory', { environment, rows }, { isWhole: true })}`);

async function memoryPerSession(bytes: number, { fill, keys, config }: Pick<Case, 'fill' | 'keys' | 'config'>): Promise<number> {
  const redis = await startRedis({ config });
  try {
    const client = redis.client();
    const sample = (user: number) => sampleSession(user, bytes);
    // Some go before, so that scripts and buffers of the connection are there already.
    await fill(client, FIRST, sample);
    const before = await usedMemory(redis);
    await fill(client, SESSIONS, sample);
    const [count, after] = [await client.dbsize(), await usedMemory(redis)];
    // The first sessions are of users who come again.
    const expected = FIRST + SESSIONS + (keys - 1) * SESSIONS;
    if (count !== expected) throw new Error(`There are ${count} keys, and should be ${expected}.`);
    return (after - before) / SESSIONS;
  } finally {
    await redis.stop();
  }
}

async function usedMemory(redis: RedisServer): Promise<number> {
  return numberOf(await redis.client().info('memory'), 'used_memory');
}
